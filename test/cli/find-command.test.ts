import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { findCommand } from '../../src/cli/find-command.ts';
import type { Place } from '../../src/cli/place.ts';

const folder = mkdtempSync(join(tmpdir(), 'sheaf-find-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'dist/commands/manifest'), { recursive: true });
for (const name of ['login', 'manifest/add', 'manifest/create', 'manifest/rm']) {
  writeFileSync(join(folder, `dist/commands/${name}.js`), '');
}
const place: Place = { root: pathToFileURL(`${folder}/`), tree: 'dist' };
const find = (...argv: string[]) => findCommand(argv, place);

/** The command that was found, without the URL of its module. */
function found(...argv: string[]) {
  const request = find(...argv);
  return request.kind === 'command' ? { id: request.id, argv: request.argv } : request;
}

describe('findCommand', () => {
  it('finds a command by its words, and its module', () => {
    assert.deepEqual(found('manifest', 'add', 'list', 'image'), { id: 'manifest:add', argv: ['list', 'image'] });
    assert.deepEqual(found('login', 'quay.io'), { id: 'login', argv: ['quay.io'] });
    const request = find('manifest', 'add');
    assert.equal(
      request.kind === 'command' && request.module.href,
      new URL('dist/commands/manifest/add.js', place.root).href,
    );
  });

  it('takes the words after a command for its arguments, whatever they are', () => {
    assert.deepEqual(found('manifest', 'add', 'rm', 'create'), { id: 'manifest:add', argv: ['rm', 'create'] });
  });

  it('moves flags from before the command, and from between its words, to behind it', () => {
    assert.deepEqual(found('--log-level', 'debug', '--json', 'manifest', 'rm', 'x', '--', '--y'), {
      id: 'manifest:rm',
      argv: ['--log-level', 'debug', '--json', 'x', '--', '--y'],
    });
    // as after `skopeo`
    assert.deepEqual(found('manifest', '--override-arch', 'arm64', '--policy', 'p.json', 'add', 'x', '--all'), {
      id: 'manifest:add',
      argv: ['--override-arch', 'arm64', '--policy', 'p.json', 'x', '--all'],
    });
    assert.deepEqual(found('--log-level=debug', 'login'), { id: 'login', argv: ['--log-level=debug'] });
  });

  it('gives help for nothing, a topic, and whoever asks', () => {
    assert.deepEqual(find(), { kind: 'help', argv: [] });
    assert.deepEqual(find('manifest'), { kind: 'help', argv: ['manifest'] });
    assert.deepEqual(find('--help'), { kind: 'help', argv: ['--help'] });
    assert.deepEqual(find('help', 'manifest', 'add'), { kind: 'help', argv: ['manifest', 'add', '--help'] });
    assert.equal(find('help', 'nothing').kind, 'unknown');
    assert.equal(find('help', 'manifest', 'nothing').kind, 'unknown');
    for (const flag of ['--help', '-h']) {
      assert.deepEqual(find('manifest', 'add', 'x', flag), { kind: 'help', argv: ['manifest', 'add', 'x', flag] });
    }
  });

  it('leaves help flags after -- to the command', () => {
    assert.deepEqual(found('manifest', 'add', '--', '--help'), { id: 'manifest:add', argv: ['--', '--help'] });
  });

  it('suggests the nearest command for an unknown one', () => {
    assert.deepEqual(find('manifest', 'crate', 'x'), {
      kind: 'unknown',
      words: ['manifest', 'crate'],
      suggestion: 'manifest create',
    });
    assert.deepEqual(find('create', 'x'), { kind: 'unknown', words: ['create'], suggestion: 'manifest create' });
    assert.deepEqual(find('compose'), { kind: 'unknown', words: ['compose'], suggestion: undefined });
    const suggested = (...argv: string[]) => (find(...argv) as { suggestion?: string }).suggestion;
    assert.equal(suggested('manifst', 'create', 'x'), 'manifest create');
    assert.equal(suggested('manifst', 'creat', 'x'), 'manifest create');
    assert.equal(suggested('manifst'), 'manifest');
    assert.equal(suggested('lgin', 'quay.io'), 'login');
    assert.equal(suggested('manifest', 'foo'), undefined);
    assert.equal(suggested('manifest', 'login'), 'login');
    assert.equal(find('manifest', '--all').kind, 'unknown');
    assert.equal(find('--all').kind, 'unknown');
  });

  it('suggests what does the same as a command of another tool', () => {
    const suggested = (...argv: string[]) => (find(...argv) as { suggestion?: string }).suggestion;
    assert.equal(suggested('pull', 'quay.io/me/app'), 'image copy');
    assert.equal(suggested('list-tags', 'docker://quay.io/me/app'), 'image inspect --list-tags');
    assert.equal(suggested('index', 'filter', 'a'), 'image copy --platform');
    assert.equal(suggested('imagetools', 'create', '-t', 'a'), 'manifest create');
    assert.equal(suggested('manifest', 'index', 'create', 'a'), 'manifest create');
    assert.equal(suggested('auth', 'login'), 'login');
    assert.equal(suggested('key', 'create'), 'key generate');
    assert.equal(suggested('image', 'list'), 'manifest ls');
    assert.equal(suggested('rmi', 'app'), 'manifest rm');
    assert.equal(suggested('store', 'prune'), 'store gc');
  });

  it('does not leave the folder of commands', () => {
    for (const word of ['..', '../commands/login', 'manifest/add', './login', 'Login', 'login.js']) {
      assert.equal(find(word).kind, 'unknown', word);
    }
  });
});
