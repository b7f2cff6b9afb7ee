/** `sheaf completion`: what real shells make of the scripts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';

function isMissing(shell: string): string | false {
  return spawnSync(shell, ['-c', 'true']).status === 0 ? false : `${shell} is not installed`;
}

/** The script for `shell`, in a file. */
async function scriptFor(t: TestContext, shell: string): Promise<string> {
  const folder = await testFolder(t);
  const file = join(folder, 'script');
  writeFileSync(file, `${await sheafIn(folder).ok('completion', shell)}\n`);
  return file;
}

function run(shell: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr } = spawnSync(shell, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    // of a socket bash thinks that somebody is on the other side, and reads ~/.bashrc
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  return stdout.trim();
}

/** What stands on the line, and words that must be offered for the last one, or all of them. */
const lines: readonly (readonly [line: readonly string[], only: string])[] = [
  [['man'], 'manifest'],
  [['manifest', 'ex'], 'exists'],
  [['image', ''], 'copy inspect prune'],
  [['--log-level', 'debug', 'image', 'ins'], 'inspect'],
  [['manifest', 'push', '--requ'], '--require'],
  [['manifest', 'push', '--no-tls'], '--no-tls-verify'],
  [['manifest', 'push', '--attestations', ''], 'keep drop fail'],
  [['image', 'copy', '--attestations', '=', 'd'], 'drop'],
  [['image', 'copy', '--log-level', '='], 'error warn info debug'],
  [['completion', ''], 'bash zsh fish'],
  [['credential'], ''],
  // names of files are for the shell
  [['image', 'inspect', 'oci'], ''],
];

describe('sheaf completion', () => {
  it('bash: words, flags, and values of flags', async (t) => {
    const script = await scriptFor(t, 'bash');
    const asked = lines.map(([line]) => `ask ${line.map((word) => `'${word}'`).join(' ')}`);
    const ask = `ask() { COMP_WORDS=(sheaf "$@"); COMP_CWORD=$#; _sheaf; echo "\${COMPREPLY[*]}."; }`;
    const found = run('bash', ['--norc', '-uc', ['source "$SCRIPT"', ask, ...asked].join('\n')], { SCRIPT: script });
    assert.deepEqual(
      found.split('\n'),
      lines.map(([, only]) => `${only}.`),
    );
    assert.match(
      run('bash', ['--norc', '-c', 'source "$SCRIPT"; complete -p sheaf'], { SCRIPT: script }),
      /-o default.* -F _sheaf/,
    );
  });

  it('fish: the same', { skip: isMissing('fish') }, async (t) => {
    const script = await scriptFor(t, 'fish');
    for (const [line, only] of lines.filter(([words]) => !words.includes('=') && !words.includes('inspect'))) {
      const ask = `source $SCRIPT; complete -C '${['sheaf', ...line].join(' ')}' | string replace -r '\\t.*' ''; true`;
      const found = run('fish', ['--no-config', '-c', ask], { SCRIPT: script }).split('\n');
      assert.deepEqual(found.sort(), only.split(' ').sort(), line.join(' '));
    }
  });

  it('zsh: a script that it can read', { skip: isMissing('zsh') }, async (t) => {
    run('zsh', ['-n', await scriptFor(t, 'zsh')]);
  });

  it('has every command that the help has, in every script', async (t) => {
    const sheaf = sheafIn(await testFolder(t));
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { script } = JSON.parse(await sheaf.ok('completion', shell, '--json')) as { script: string };
      for (const at of ['image copy', 'key generate', 'manifest push', 'registry serve', 'store gc', 'verify']) {
        assert.ok(script.includes(at), `${at} for ${shell}`);
      }
      assert.doesNotMatch(script, /credential-helper/);
    }
  });

  it('does not know other shells', async (t) => {
    const { code, stderr } = await sheafIn(await testFolder(t)).run('completion', 'tcsh');
    assert.equal(code, 2);
    assert.match(stderr, /bash, zsh, fish/);
  });
});
