/** Words of other tools lead to what sheaf has. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { CommandShape } from '../../src/cli/parse-errors.ts';
import { asUsageError } from '../../src/cli/parse-errors.ts';
import { commandOfPeers, hintForPeersFlag } from '../../src/cli/peer-words.ts';
import Copy from '../../src/commands/image/copy.ts';
import Inspect from '../../src/commands/image/inspect.ts';
import Prune from '../../src/commands/image/prune.ts';
import Login from '../../src/commands/login.ts';
import Create from '../../src/commands/manifest/create.ts';
import Rm from '../../src/commands/manifest/rm.ts';
import Sign from '../../src/commands/sign.ts';
import Verify from '../../src/commands/verify.ts';

const flagsOf = (command: Pick<CommandShape, 'flags' | 'baseFlags'>) => ({ ...command.baseFlags, ...command.flags });

const cases: Array<[Pick<CommandShape, 'flags' | 'baseFlags'>, string, RegExp | undefined]> = [
  [Inspect, '--format', /--json, and jq/],
  [Inspect, '-f', /--json, and jq/],
  [Prune, '-f', undefined],
  [Rm, '--force', /nothing is asked/],
  [Rm, '-f', /nothing is asked/],
  [Inspect, '--username', /--creds/],
  [Inspect, '--insecure-policy', /no policy is asked/],
  [Copy, '--insecure-policy', /--policy/],
  [Copy, '--digest-tags', /--referrers/],
  [Copy, '--to-plain-http', /--dest-tls-verify=false/],
  [Copy, '--debug', /--log-level debug/],
  [Create, '-t', /`sheaf manifest push`/],
  [Login, '--secret', /--password-stdin/],
  [Sign, '--key', /--sign-by-sigstore-private-key/],
  [Sign, '--recursive', /all instances are signed/],
  [Verify, '--insecure-ignore-tlog', /no log/],
  [Copy, '--frobnicate', undefined],
];

test('a flag of another tool: what to do instead, with flags that the command has', () => {
  for (const [command, flag, expected] of cases) {
    const hint = hintForPeersFlag(flag, flagsOf(command));
    if (expected === undefined || hint === undefined) assert.equal(hint, expected, flag);
    else assert.match(hint, expected, flag);
    for (const [, named = ''] of hint?.matchAll(/--([a-z-]+)/g) ?? []) {
      assert.ok(Object.hasOwn(flagsOf(command), named), `--${named} for ${flag}`);
    }
  }
});

test('a flag that is not known: the word of another tool goes before a slip of the finger', () => {
  const { args, flags, baseFlags, strict } = Inspect;
  const command: CommandShape = { id: 'image:inspect', args, flags, baseFlags, strict, usage: undefined };
  const hintFor = (...given: string[]): unknown => {
    const error = asUsageError(Object.assign(new Error('Nonexistent flag'), { oclif: {}, flags: given }), command);
    return 'hint' in error ? error.hint : undefined;
  };
  const usage = 'Usage: sheaf image inspect [FLAGS] IMAGE';
  assert.equal(hintFor('--no-creds=true'), `Take --authfile with a file that holds {}. ${usage}`);
  assert.equal(hintFor('--tmpdir', '--debug'), `Set TMPDIR. Take --log-level debug. ${usage}`);
  assert.equal(hintFor('--confg'), `Did you mean --config? ${usage}`);
  assert.equal(hintFor('--frobnicate'), usage);
});

test('a command of another tool: a command that is there', () => {
  const typed = ['cp', 'image push', 'index append', 'manifest index update', 'images', 'digest', 'manifest fetch'];
  for (const words of [...typed, 'list-tags', 'repo tags', 'discover', 'generate-key-pair', 'manifest delete', 'rmi']) {
    const meant = commandOfPeers(words.split(' '), undefined) ?? '';
    const path = meant.split(' --', 1)[0]?.replaceAll(' ', '/');
    assert.ok(existsSync(new URL(`../../src/commands/${path}.ts`, import.meta.url)), `${words}: ${meant}`);
  }
  assert.equal(commandOfPeers(['index'], 'delete'), 'manifest remove');
  assert.equal(commandOfPeers(['frobnicate'], 'delete'), undefined);
});
