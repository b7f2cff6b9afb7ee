import assert from 'node:assert/strict';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCredentialProvider, parseCreds } from '../../src/credentials/credential-provider.ts';
import { AuthError, NotFoundError, StorageError, UnsupportedError, UsageError } from '../../src/foundation/errors.ts';
import { testFolder } from '../support/folders.ts';
import { authOf, finderIn, memoryKeychain, pathWith, put, putHelper, recordedSession } from './support.ts';

const host = 'registry.example';
const repository = 'team/app';
const entry = (user: string, password = 'pw') => ({ auths: { [host]: { auth: authOf(user, password) } } });
const basic = (username: string, password = 'pw') => ({ kind: 'basic', username, password });

test('--creds is used for every registry and nothing else is read', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('file'));
  const { find, logs } = finderIn(home, { creds: 'me:a:b' });
  assert.deepEqual((await find(host, repository))?.credentials, basic('me', 'a:b'));
  assert.deepEqual((await find('other.example', 'x'))?.credentials, basic('me', 'a:b'));
  assert.deepEqual(logs(), []);
});

test('--creds in all its forms', () => {
  assert.deepEqual(parseCreds('me'), basic('me', ''));
  assert.deepEqual(parseCreds('me:'), basic('me', ''));
  for (const bad of ['', ':pw']) assert.throws(() => parseCreds(bad), UsageError, bad);
  const { session } = recordedSession();
  assert.throws(() => createCredentialProvider({ creds: '', env: {}, homeDir: '/', session }), {
    code: 'INVALID_CREDENTIALS',
  });
});

test('the order of the sources: each one is used when those before it have nothing', async (t) => {
  const home = await testFolder(t);
  const runtime = join(home, 'run');
  const bin = join(home, 'bin');
  await put(home, 'explicit.json', entry('authfile'));
  await put(home, 'variable.json', entry('registry-auth-file'));
  await put(home, 'docker-config/config.json', entry('docker-config'));
  await put(runtime, 'containers/auth.json', entry('runtime'));
  await put(home, '.config/containers/auth.json', entry('persistent'));
  await put(home, '.docker/config.json', entry('docker'));
  await put(home, '.dockercfg', { [`https://${host}/v1/`]: { auth: authOf('dockercfg', 'pw'), email: 'x' } });
  await putHelper(bin, 'first', `echo '{"ServerURL":"x","Username":"helper","Secret":"pw"}'`);

  const keychain = memoryKeychain({ [host]: { username: 'keychain', secret: 'pw' } });
  const env: NodeJS.ProcessEnv = {
    PATH: pathWith(bin),
    SHEAF_USERNAME_REGISTRY_EXAMPLE: 'per-registry',
    SHEAF_PASSWORD_REGISTRY_EXAMPLE: 'pw',
    SHEAF_REGISTRY: host,
    SHEAF_USERNAME: 'any',
    SHEAF_PASSWORD: 'pw',
    DOCKER_AUTH_CONFIG: JSON.stringify(entry('docker-auth-config')),
    REGISTRY_AUTH_FILE: join(home, 'variable.json'),
    DOCKER_CONFIG: join(home, 'docker-config'),
    XDG_RUNTIME_DIR: runtime,
  };
  const helpers = ['first', 'containers-auth.json'];
  const options = { creds: 'creds:pw', authfile: join(home, 'explicit.json'), helpers, keychain };

  const found: string[] = [];
  const look = async (over: object): Promise<void> => {
    const { find } = finderIn(home, { ...over, env: { ...env } });
    const credentials = (await find(host, repository))?.credentials;
    found.push(credentials?.kind === 'basic' ? credentials.username : 'none');
  };
  await look(options);
  await look({ ...options, creds: undefined });
  const rest = { helpers, keychain };
  for (const remove of [
    [],
    ['SHEAF_USERNAME_REGISTRY_EXAMPLE', 'SHEAF_PASSWORD_REGISTRY_EXAMPLE'],
    ['SHEAF_REGISTRY'],
    ['DOCKER_AUTH_CONFIG'],
  ]) {
    for (const name of remove) delete env[name];
    await look(rest);
  }
  const files = { keychain };
  for (const remove of ['', 'REGISTRY_AUTH_FILE', 'DOCKER_CONFIG', 'XDG_RUNTIME_DIR']) {
    delete env[remove];
    await look(files);
  }
  env['XDG_CONFIG_HOME'] = join(home, 'nowhere');
  await look(files);
  await look({ ...files, homeDir: join(home, 'nowhere') });
  await look({});
  await put(home, '.docker/config.json', {});
  await look({});
  delete env['SHEAF_USERNAME'];
  delete env['SHEAF_PASSWORD'];
  await look({ homeDir: join(home, 'nowhere') });

  assert.deepEqual(found, [
    'creds',
    'authfile',
    'per-registry',
    'any',
    'docker-auth-config',
    'helper',
    'registry-auth-file',
    'docker-config',
    'runtime',
    'persistent',
    'docker',
    'keychain',
    'docker',
    'dockercfg',
    'none',
  ]);
});

test('SHEAF_USERNAME without SHEAF_REGISTRY is the last resort, for any registry', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('file'));
  const env = { SHEAF_USERNAME: 'any', SHEAF_PASSWORD: 'pw' };
  const { find } = finderIn(home, { env });
  assert.deepEqual((await find(host, repository))?.credentials, basic('file'));
  assert.deepEqual((await find('other.example', 'x'))?.credentials, basic('any'));
});

test('an explicit --authfile is the only file, and the keychain is not asked', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('docker'));
  const authfile = await put(home, 'empty.json', {});
  const keychain = memoryKeychain({ [host]: { username: 'keychain', secret: 'pw' } });
  const { find } = finderIn(home, { authfile, keychain });
  assert.equal(await find(host, repository), undefined);
  assert.deepEqual(keychain.asked, []);
});

test('a missing file of --authfile is an error with the words of the peers', async (t) => {
  const home = await testFolder(t);
  const path = join(home, 'missing.json');
  assert.throws(
    () => finderIn(home, { authfile: path }),
    (thrown: unknown) => {
      assert.ok(thrown instanceof NotFoundError);
      assert.equal(thrown.code, 'AUTH_FILE_NOT_ACCESSIBLE');
      assert.equal(thrown.message, `credential file is not accessible: stat ${path}: no such file or directory`);
      return true;
    },
  );
});

test('a missing file of REGISTRY_AUTH_FILE is no error, but no other file is read', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('docker'));
  const { find, warnings } = finderIn(home, { env: { REGISTRY_AUTH_FILE: join(home, 'not/yet.json') } });
  assert.equal(await find(host, repository), undefined);
  assert.deepEqual(warnings(), []);
});

test('a missing config.json below DOCKER_CONFIG is no error, but no other file is read', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('docker'));
  const { find, warnings } = finderIn(home, { env: { DOCKER_CONFIG: join(home, 'nowhere') } });
  assert.equal(await find(host, repository), undefined);
  assert.deepEqual(warnings(), []);
});

test('a broken file: an error if the user named it, else one warning without its content, and the chain goes on', async (t) => {
  const home = await testFolder(t);
  const broken = await put(home, '.config/containers/auth.json', '{"auths": {"x": {"auth": "c2VjcmV0OnNlY3JldA=="');
  await put(home, '.docker/config.json', entry('docker'));
  for (const options of [{ authfile: broken }, { env: { REGISTRY_AUTH_FILE: broken } }]) {
    const named = finderIn(home, options);
    await assert.rejects(named.find(host, repository), { code: 'AUTH_FILE_MALFORMED' });
  }

  const { find, events, warnings } = finderIn(home);
  assert.deepEqual((await find(host, repository))?.credentials, basic('docker'));
  await find('second.example', 'y');
  assert.deepEqual(warnings(), [`${broken} is not a file of credentials: it is not JSON`]);
  assert.doesNotMatch(JSON.stringify(events), /c2Vj/);
});

test('a folder in the place of a file that the user named is an error that says so', async (t) => {
  const home = await testFolder(t);
  for (const options of [{ authfile: home }, { env: { REGISTRY_AUTH_FILE: home } }]) {
    await assert.rejects(finderIn(home, options).find(host, repository), (thrown: unknown) => {
      assert.ok(thrown instanceof StorageError);
      assert.equal(thrown.code, 'AUTH_FILE_UNREADABLE');
      assert.ok(thrown.message.includes(home));
      assert.equal(thrown.hint, 'Name a file, not a folder.');
      return true;
    });
  }
});

test('a file that cannot be read is warned about and passed over', async (t) => {
  const home = await testFolder(t);
  await mkdir(join(home, '.config/containers/auth.json'), { recursive: true });
  await put(home, '.docker/config.json', entry('docker'));
  const { find, warnings } = finderIn(home);
  assert.deepEqual((await find(host, repository))?.credentials, basic('docker'));
  assert.match(warnings().join('\n'), /^cannot read the file of credentials .*auth\.json: EISDIR/);
});

test('an empty marker is passed over in favour of the next file', async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', entry('docker'));
  for (const marker of [{}, null, { auth: authOf('', '') }]) {
    await put(home, '.config/containers/auth.json', { auths: { [host]: marker } });
    const { find, warnings } = finderIn(home);
    assert.deepEqual((await find(host, repository))?.credentials, basic('docker'));
    assert.deepEqual(warnings(), []);
  }
});

test('a broken entry is warned about once, without its content', async (t) => {
  const home = await testFolder(t);
  for (const [name, value] of [
    ['its "auth" is not base64', { auth: 'me:hunter2' }],
    ['its "auth" has no colon between user name and password', { auth: 'aHVudGVyMg==' }],
    ['the entry is not an object', 'hunter2'],
  ] as const) {
    const path = await put(home, '.docker/config.json', { auths: { [host]: value } });
    const { find, warnings } = finderIn(home);
    assert.equal(await find(host, 'a'), undefined);
    assert.equal(await find(host, 'b'), undefined);
    assert.deepEqual(warnings(), [`the entry ${host} of ${path} is not used: ${name}`]);
  }
});

test('credsStore and credHelpers are asked once for a registry, whatever the number of requests', async (t) => {
  const home = await testFolder(t);
  const bin = join(home, 'bin');
  const count = join(home, 'count');
  const answer = `read -r server; echo "$1 $server" >> '${count}'; echo "{\\"Username\\":\\"user-of-$server\\",\\"Secret\\":\\"pw\\"}"`;
  await putHelper(bin, 'counting', answer);
  await put(home, '.docker/config.json', { credsStore: 'counting', credHelpers: { 'own.example': 'counting' } });
  const { find } = finderIn(home, { env: { PATH: pathWith(bin) } });
  const asked = Array.from({ length: 50 }, (_, at) => find(at % 2 === 0 ? host : 'own.example', `team/app${at}`));
  const users = new Set((await Promise.all(asked)).map((found) => JSON.stringify(found?.credentials)));
  assert.deepEqual(
    [...users],
    [basic('user-of-registry.example'), basic('user-of-own.example')].map((c) => JSON.stringify(c)),
  );
  const { readFile } = await import('node:fs/promises');
  assert.deepEqual((await readFile(count, 'utf8')).trim().split('\n').sort(), ['get own.example', `get ${host}`]);
});

test('a failing helper is warned about once and the chain goes on', async (t) => {
  const home = await testFolder(t);
  await put(home, '.config/containers/auth.json', { credsStore: 'not-installed-anywhere' });
  await put(home, '.docker/config.json', entry('docker'));
  const { find, warnings } = finderIn(home, { env: { PATH: '/nonexistent' } });
  assert.deepEqual((await find(host, repository))?.credentials, basic('docker'));
  await find(host, 'another/app');
  assert.deepEqual(warnings(), [
    'the credential helper docker-credential-not-installed-anywhere is not installed or not on the PATH',
  ]);
});

test('a helper that marks its secret as a token gives an identity token', async (t) => {
  const home = await testFolder(t);
  const bin = join(home, 'bin');
  await putHelper(bin, 'token', `echo '{"ServerURL":"x","Username":"<token>","Secret":"t0k"}'`);
  await put(home, '.docker/config.json', { credHelpers: { [host]: 'token' } });
  const { find } = finderIn(home, { env: { PATH: pathWith(bin) } });
  assert.deepEqual((await find(host, repository))?.credentials, { kind: 'identity-token', token: 't0k' });
});

test('half a pair of variables is warned about and not used', async (t) => {
  const home = await testFolder(t);
  const { find, warnings } = finderIn(home, { env: { SHEAF_USERNAME_REGISTRY_EXAMPLE: 'me' } });
  assert.equal(await find(host, repository), undefined);
  assert.deepEqual(warnings(), [
    'SHEAF_USERNAME_REGISTRY_EXAMPLE is set and SHEAF_PASSWORD_REGISTRY_EXAMPLE is not; neither is used',
  ]);
});

test('a keychain that cannot be used is silent, one that fails gives one warning; the chain goes on', async (t) => {
  const home = await testFolder(t);
  const env = { SHEAF_USERNAME: 'last', SHEAF_PASSWORD: 'pw' };
  for (const [error, expected] of [
    [new UnsupportedError('no session', { code: 'KEYCHAIN_UNAVAILABLE' }), []],
    [new AuthError('the keychain is locked', { code: 'KEYCHAIN_FAILED' }), ['the keychain is locked']],
  ] as const) {
    const keychain = { ...memoryKeychain(), get: () => Promise.reject(error) };
    const { find, warnings, logs } = finderIn(home, { env, keychain });
    assert.deepEqual((await find(host, repository))?.credentials, basic('last'));
    await find(host, 'other');
    assert.deepEqual(warnings(), expected);
    assert.ok(logs().some((line) => line.includes(error.message)));
  }
});

test('the keychain is asked for namespaces first, and for Docker Hub by one name', async (t) => {
  const home = await testFolder(t);
  const keychain = memoryKeychain({ 'docker.io': { username: 'hub', secret: 'pw' } });
  const { find } = finderIn(home, { keychain });
  assert.deepEqual((await find('registry-1.docker.io', 'library/busybox'))?.credentials, basic('hub'));
  assert.deepEqual(keychain.asked, ['docker.io/library/busybox', 'docker.io/library', 'docker.io']);
});

test("sheaf's own helper in a file is answered without a program; where somebody names it, its failure is told", async (t) => {
  const home = await testFolder(t);
  await put(home, '.docker/config.json', { credHelpers: { [host]: 'sheaf' } });
  const env = { PATH: '/nonexistent' };
  const keychain = memoryKeychain({ [host]: { username: 'me', secret: 'pw' } });
  assert.deepEqual((await finderIn(home, { env, keychain }).find(host, repository))?.credentials, basic('me'));

  const error = new UnsupportedError('there is no session', { code: 'KEYCHAIN_UNAVAILABLE' });
  const { find, warnings } = finderIn(home, { env, keychain: { ...keychain, get: () => Promise.reject(error) } });
  assert.equal(await find(host, repository), undefined);
  assert.deepEqual(warnings(), ['there is no session']);
});

test('debug events tell every source that was tried and why it was not used, never a secret', async (t) => {
  const home = await testFolder(t);
  const bin = join(home, 'bin');
  await putHelper(bin, 'empty', `echo 'credentials not found in native keychain'; exit 1`);
  await put(home, '.config/containers/auth.json', { auths: { [host]: {} }, credsStore: 'empty' });
  await put(home, '.docker/config.json', { auths: { [`${host}/team`]: { auth: authOf('me', 'hunter2') } } });
  const { find, logs, events } = finderIn(home, {
    env: { PATH: pathWith(bin), SHEAF_REGISTRY: 'other.example', SHEAF_USERNAME: 'u', SHEAF_PASSWORD: 'swordfish' },
  });
  await find(host, repository);
  assert.deepEqual(
    logs().map((line) => line.replaceAll(home, '~')),
    [
      'registry.example/team/app: not from SHEAF_USERNAME_REGISTRY_EXAMPLE and SHEAF_PASSWORD_REGISTRY_EXAMPLE: they are not set',
      'registry.example/team/app: not from SHEAF_USERNAME and SHEAF_PASSWORD for SHEAF_REGISTRY: SHEAF_REGISTRY does not name this registry',
      'registry.example: not from DOCKER_AUTH_CONFIG: it is not set',
      'registry.example: not from /run/containers/424242/auth.json: there is no such file',
      'registry.example: not from docker-credential-empty (credsStore of ~/.config/containers/auth.json): it has none',
      'registry.example: not from ~/.config/containers/auth.json (registry.example): the entry is empty: its secret is kept elsewhere',
      'registry.example/team/app: from ~/.docker/config.json (registry.example/team)',
    ].map((line) => `credentials: ${line}`),
  );
  assert.doesNotMatch(JSON.stringify(events), /hunter2|swordfish|bWU6/);
});

test('a file without read permission for us', {
  skip: process.getuid?.() === 0 && 'root may read everything',
}, async (t) => {
  const home = await testFolder(t);
  await chmod(await put(home, '.docker/config.json', entry('docker')), 0);
  const { find, warnings } = finderIn(home);
  assert.equal(await find(host, repository), undefined);
  assert.match(warnings().join('\n'), /EACCES/);
});
