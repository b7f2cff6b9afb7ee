import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FlagShape, normalizeArgv } from '../../src/cli/argv.ts';
import { UsageError } from '../../src/foundation/errors.ts';

const flags: Readonly<Record<string, FlagShape>> = {
  all: { type: 'boolean', allowNo: true, char: 'a' },
  'tls-verify': { type: 'boolean', allowNo: true },
  rm: { type: 'boolean', aliases: ['purge'], charAliases: ['p'] },
  os: { type: 'option', aliases: ['override-os'] },
  format: { type: 'option', char: 'f' },
  annotation: { type: 'option', multiple: true },
};

const normalized = (...argv: string[]): string[] => normalizeArgv(argv, flags);

describe('normalizeArgv', () => {
  it('turns a boolean with a value into the form without', () => {
    assert.deepEqual(normalized('--tls-verify=false', 'x'), ['--no-tls-verify', 'x']);
    for (const yes of ['true', 'TRUE', 'True', 't', 'T', '1']) assert.deepEqual(normalized(`--all=${yes}`), ['--all']);
    for (const no of ['false', 'FALSE', 'False', 'f', 'F', '0'])
      assert.deepEqual(normalized(`--all=${no}`), ['--no-all']);
    assert.deepEqual(normalized('-a=false'), ['--no-all']);
    assert.deepEqual(normalized('--no-all=false'), ['--all']);
  });

  it('drops a boolean that is set to what it is anyway', () => {
    assert.deepEqual(normalized('--rm=false', 'x'), ['x']);
    assert.deepEqual(normalized('--rm', '--rm=false', 'x'), ['x']);
    assert.deepEqual(normalized('--purge=true'), ['--rm']);
  });

  it('does not take the next argument for the value of a boolean', () => {
    assert.deepEqual(normalized('--all', 'false'), ['--all', 'false']);
  });

  it('refuses a value that is no boolean', () => {
    assert.throws(
      () => normalized('--all=maybe'),
      (thrown: unknown) => {
        assert.ok(thrown instanceof UsageError);
        assert.equal(thrown.code, 'INVALID_FLAG_VALUE');
        assert.match(thrown.message, /"maybe".*"--all"/);
        return true;
      },
    );
    assert.throws(() => normalized('--all='), UsageError);
  });

  it('lets the last occurrence of a flag win', () => {
    assert.deepEqual(normalized('--os', 'linux', 'x', '--os=windows'), ['x', '--os', 'windows']);
    assert.deepEqual(normalized('--override-os', 'linux', '--os', 'plan9'), ['--os', 'plan9']);
    assert.deepEqual(normalized('--all', '--no-all', '--all=true'), ['--all']);
    assert.deepEqual(normalized('-f', 'oci', '--format=v2s2'), ['--format', 'v2s2']);
  });

  it('keeps every occurrence of a flag that collects values', () => {
    assert.deepEqual(normalized('--annotation=a=b,c=d', '--annotation', 'e=f'), [
      '--annotation',
      'a=b,c=d',
      '--annotation',
      'e=f',
    ]);
  });

  it('takes the argument after a flag for its value, whatever it looks like', () => {
    assert.deepEqual(normalized('--os', '--all', 'x'), ['--os', '--all', 'x']);
    assert.deepEqual(normalized('--os'), ['--os']);
  });

  it('leaves alone what it does not know, and everything after --', () => {
    const argv = ['--unknown=false', '-x', 'a=b', '-fv2s2', '-', '--', '--all=false', '--os', 'a', '--os', 'b'];
    assert.deepEqual(normalized(...argv), argv);
  });
});
