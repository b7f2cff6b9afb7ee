import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { withEntry } from '../../src/credentials/auth-file.ts';
import { authFilePlaces, updateAuthFile } from '../../src/credentials/auth-file-store.ts';
import { StorageError } from '../../src/foundation/errors.ts';
import { temporaryName } from '../../src/foundation/temporary-names.ts';
import { testFolder } from '../support/folders.ts';
import { put, recordedSession } from './support.ts';

const places = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform = 'linux') =>
  authFilePlaces({ env, homeDir: '/home/me', platform, uid: 7 }).map(({ path }) => path);

test('where auth files stand', () => {
  assert.deepEqual(places({}), [
    '/run/containers/7/auth.json',
    '/home/me/.config/containers/auth.json',
    '/home/me/.docker/config.json',
    '/home/me/.dockercfg',
  ]);
  assert.deepEqual(places({ XDG_RUNTIME_DIR: '/run/user/7', XDG_CONFIG_HOME: '/cfg' }), [
    '/run/user/7/containers/auth.json',
    '/cfg/containers/auth.json',
    '/home/me/.docker/config.json',
    '/home/me/.dockercfg',
  ]);
  assert.deepEqual(places({ XDG_RUNTIME_DIR: '/run/user/7' }, 'darwin'), [
    '/home/me/.config/containers/auth.json',
    '/home/me/.docker/config.json',
    '/home/me/.dockercfg',
  ]);
  assert.deepEqual(places({ REGISTRY_AUTH_FILE: '/a', DOCKER_CONFIG: '/d' }), ['/a']);
  assert.deepEqual(places({ DOCKER_CONFIG: '/d' }), ['/d/config.json']);
  assert.deepEqual(places({ REGISTRY_AUTH_FILE: '', DOCKER_CONFIG: '', XDG_RUNTIME_DIR: '' }).length, 4);
});

test('a new file and its directory are readable by their owner alone, and nothing else is left behind', async (t) => {
  const root = await testFolder(t);
  const path = join(root, 'containers', 'auth.json');
  await updateAuthFile(path, recordedSession().session, () => '{}\n');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(root, 'containers'))).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(join(root, 'containers')), ['auth.json']);
});

test('a file that others could read becomes private when it is changed', async (t) => {
  const path = await put(await testFolder(t), 'auth.json', '{}');
  await chmod(path, 0o644);
  await updateAuthFile(path, recordedSession().session, (text) => `${text}\n`);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('the same text writes nothing', async (t) => {
  const path = await put(await testFolder(t), 'auth.json', '{}');
  const before = await stat(path);
  await updateAuthFile(path, recordedSession().session, (text) => text);
  assert.equal((await stat(path)).ino, before.ino);
});

test('a symbolic link stays one', async (t) => {
  const root = await testFolder(t);
  const path = await put(root, 'dotfiles/config.json', '{}');
  await symlink(path, join(root, 'config.json'));
  await updateAuthFile(join(root, 'config.json'), recordedSession().session, () => '{"a":1}');
  assert.ok((await lstat(join(root, 'config.json'))).isSymbolicLink());
  assert.equal(await readFile(path, 'utf8'), '{"a":1}');
});

test('an edit that fails leaves the file and no trace', async (t) => {
  const root = await testFolder(t);
  const path = await put(root, 'auth.json', 'before');
  const edit = (): never => {
    throw new Error('no');
  };
  await assert.rejects(updateAuthFile(path, recordedSession().session, edit), /^Error: no$/);
  assert.equal(await readFile(path, 'utf8'), 'before');
  assert.deepEqual(await readdir(root), ['auth.json']);
});

test('what a killed run left goes with the next change', async (t) => {
  const root = await testFolder(t);
  const path = await put(root, 'auth.json', '{}');
  const { pid } = spawnSync(process.execPath, ['-e', '0']);
  const own = `-${process.pid}-`;
  for (const place of [path, `${path}.sheaf-lock`]) {
    await writeFile(temporaryName(place, 'tmp').replace(own, `-${pid}-`), 'a password');
  }
  await updateAuthFile(path, recordedSession().session, () => '{"a":1}');
  assert.deepEqual(await readdir(root), ['auth.json']);
});

test('a file that cannot be written is an error that names it', async (t) => {
  const root = await testFolder(t);
  await writeFile(join(root, 'file'), '');
  const path = join(root, 'file', 'auth.json');
  await assert.rejects(
    updateAuthFile(path, recordedSession().session, () => '{}'),
    (thrown: unknown) => {
      assert.ok(thrown instanceof StorageError);
      assert.equal(thrown.code, 'AUTH_FILE_NOT_WRITTEN');
      assert.ok(thrown.message.startsWith(`cannot write the file of credentials ${path}: `));
      return true;
    },
  );
});

test('logins at the same time lose nothing', async (t) => {
  const path = await put(await testFolder(t), 'auth.json', '{"keep": true}');
  const { session } = recordedSession();
  const keys = Array.from({ length: 12 }, (_, at) => `r${at}.example`);
  await Promise.all(
    keys.map((key) => updateAuthFile(path, session, (text) => withEntry(text, path, key, { auth: 'YTpi' }))),
  );
  const content = JSON.parse(await readFile(path, 'utf8'));
  assert.deepEqual(Object.keys(content.auths).sort(), keys.sort());
  assert.equal(content.keep, true);
});
