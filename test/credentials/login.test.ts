import assert from 'node:assert/strict';
import { chmod, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { getLogin, loginTo } from '../../src/credentials/login.ts';
import { type LoginEnvironment, loginFile, parseLoginStore } from '../../src/credentials/login-store.ts';
import { logoutFrom, logoutFromAll } from '../../src/credentials/logout.ts';
import type { Credentials } from '../../src/credentials/types.ts';
import { AuthError, UnsupportedError, UsageError } from '../../src/foundation/errors.ts';
import { testFolder } from '../support/folders.ts';
import { authOf, memoryKeychain, pathWith, put, putHelper, recordedSession } from './support.ts';

const me = { username: 'me', secret: 'pw' };
const unusable = {
  ...memoryKeychain(),
  get: () => Promise.reject(new UnsupportedError('the keychain cannot be used', { code: 'KEYCHAIN_UNAVAILABLE' })),
  store: () => Promise.reject(new UnsupportedError('the keychain cannot be used', { code: 'KEYCHAIN_UNAVAILABLE' })),
  erase: () => Promise.reject(new UnsupportedError('the keychain cannot be used', { code: 'KEYCHAIN_UNAVAILABLE' })),
  list: () => Promise.reject(new UnsupportedError('the keychain cannot be used', { code: 'KEYCHAIN_UNAVAILABLE' })),
};

async function environment(t: TestContext, over: Partial<LoginEnvironment> = {}) {
  const homeDir = await testFolder(t);
  const keychain = memoryKeychain();
  const { session } = recordedSession();
  const made = { env: {}, homeDir, session, keychain, platform: 'linux' as const, uid: 424242, ...over };
  return { made, keychain, homeDir, file: join(homeDir, '.config/containers/auth.json') };
}

/** A check that takes everything and remembers what it was given. */
function accepting() {
  const checked: Array<[string, Credentials]> = [];
  const check = (registry: string, credentials: Credentials): Promise<void> => {
    checked.push([registry, credentials]);
    return Promise.resolve();
  };
  return { check, checked };
}

const { check } = accepting();
const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));
/** A helper that keeps one login in a file beside it. */
const fileHelper = (directory: string): string =>
  `f='${directory}/kept'; case $1 in store) cat > "$f";; erase) cat > /dev/null; rm -f "$f";; get) cat > /dev/null; cat "$f" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; };; esac`;

test('by default a login goes to the keychain, after the registry has taken it', async (t) => {
  const { made, keychain } = await environment(t);
  const asked = accepting();
  const result = await loginTo({ registry: 'https://quay.io/', login: me, check: asked.check }, made);
  assert.deepEqual(asked.checked, [['quay.io', { kind: 'basic', username: 'me', password: 'pw' }]]);
  assert.deepEqual(result, {
    key: 'quay.io',
    store: { kind: 'keychain' },
    where: 'the keychain of the operating system',
    notes: [],
  });
  assert.deepEqual([...keychain.entries], [['quay.io', me]]);
  assert.equal((await getLogin('quay.io', made))?.username, 'me');
});

test('a login that the registry refuses is kept nowhere', async (t) => {
  const { made, keychain, file } = await environment(t);
  const refuse = () => Promise.reject(new AuthError('no'));
  await assert.rejects(loginTo({ registry: 'quay.io', login: me, check: refuse }, made), AuthError);
  await assert.rejects(
    loginTo({ registry: 'quay.io', login: me, check: refuse, store: { kind: 'file' } }, made),
    AuthError,
  );
  assert.equal(keychain.entries.size, 0);
  await assert.rejects(stat(file), { code: 'ENOENT' });
});

test('without a keychain the file takes its place, with a note', async (t) => {
  const { made, file } = await environment(t, { keychain: unusable });
  const result = await loginTo({ registry: 'quay.io/team', login: me, check }, made);
  assert.deepEqual(result.store, { kind: 'file' });
  assert.deepEqual(result.notes, [
    `the keychain cannot be used; the credentials are kept in ${file}, readable by you alone but not encrypted`,
  ]);
  assert.deepEqual(await json(file), { auths: { 'quay.io/team': { auth: authOf('me', 'pw') } } });
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a keychain that was asked for and fails is an error', async (t) => {
  const { made, file } = await environment(t, { keychain: unusable });
  await assert.rejects(
    loginTo({ registry: 'quay.io', login: me, check, store: { kind: 'keychain' } }, made),
    UnsupportedError,
  );
  await assert.rejects(stat(file), { code: 'ENOENT' });
});

test('a file that is named is where the login goes, and no keychain is asked', async (t) => {
  const { made, keychain, homeDir } = await environment(t);
  const path = join(homeDir, 'own.json');
  for (const over of [{ authfile: path }, { env: { REGISTRY_AUTH_FILE: path } }]) {
    const result = await loginTo({ registry: 'quay.io', login: me, check }, { ...made, ...over });
    assert.deepEqual({ where: result.where, notes: result.notes }, { where: path, notes: [] });
    assert.deepEqual(await json(path), { auths: { 'quay.io': { auth: authOf('me', 'pw') } } });
    await logoutFrom({ registry: 'quay.io' }, { ...made, ...over });
    assert.deepEqual(await json(path), { auths: {} });
  }
  assert.equal(keychain.entries.size, 0);
});

test("docker's files get docker's keys and no namespaces", async (t) => {
  const { made, homeDir } = await environment(t);
  const compatAuthFile = join(homeDir, 'config.json');
  for (const over of [{ compatAuthFile }, { env: { DOCKER_CONFIG: homeDir } }]) {
    await loginTo({ registry: 'docker.io', login: me, check }, { ...made, ...over });
    assert.deepEqual(await json(compatAuthFile), {
      auths: { 'https://index.docker.io/v1/': { auth: authOf('me', 'pw') } },
    });
    const asked = accepting();
    const namespaced = loginTo({ registry: 'quay.io/team', login: me, check: asked.check }, { ...made, ...over });
    await assert.rejects(namespaced, { code: 'NAMESPACE_NOT_SUPPORTED' });
    assert.deepEqual(asked.checked, []);
    await logoutFrom({ registry: 'docker.io' }, { ...made, ...over });
    assert.deepEqual(await json(compatAuthFile), { auths: {} });
  }
  const both = loginTo({ registry: 'quay.io', login: me, check }, { ...made, compatAuthFile, authfile: '/x' });
  await assert.rejects(both, { code: 'CONFLICTING_FILES' });
});

test('the store that the file names is used: credHelpers, then credsStore', async (t) => {
  const { made, homeDir, file } = await environment(t);
  const bin = join(homeDir, 'bin');
  await putHelper(bin, 'kept', fileHelper(bin));
  const env = { PATH: pathWith(bin) };
  for (const content of [{ credHelpers: { 'quay.io': 'kept' }, credsStore: 'absent' }, { credsStore: 'kept' }]) {
    await put(homeDir, '.config/containers/auth.json', {
      ...content,
      auths: { 'quay.io': { auth: authOf('old', 'x') } },
    });
    const result = await loginTo({ registry: 'quay.io', login: me, check }, { ...made, env });
    assert.deepEqual(result, {
      key: 'quay.io',
      store: { kind: 'helper', name: 'kept' },
      where: 'docker-credential-kept',
      notes: [],
    });
    assert.deepEqual(await json(join(bin, 'kept')), { ServerURL: 'quay.io', Username: 'me', Secret: 'pw' });
    assert.deepEqual(await json(file), { ...content, auths: {} }, 'the older login is taken out of the file');
    const gone = await logoutFrom({ registry: 'quay.io' }, { ...made, env });
    assert.deepEqual(gone, { removedFrom: ['docker-credential-kept'], notes: [] });
  }
  const namespaced = loginTo({ registry: 'quay.io/team', login: me, check }, { ...made, env });
  await assert.rejects(namespaced, { code: 'NAMESPACE_NOT_SUPPORTED' });
});

test('an identity token is kept as one', async (t) => {
  const { made, file } = await environment(t);
  const login = { username: '<token>', secret: 'refresh' };
  const asked = accepting();
  await loginTo({ registry: 'acr.example', login, store: { kind: 'file' }, check: asked.check }, made);
  assert.deepEqual(asked.checked, [['acr.example', { kind: 'identity-token', token: 'refresh' }]]);
  assert.deepEqual(await json(file), { auths: { 'acr.example': { identitytoken: 'refresh' } } });
  assert.equal((await getLogin('acr.example', made))?.username, '<token>');
});

test('a note tells when another source comes first', async (t) => {
  const { made, homeDir } = await environment(t);
  await put(homeDir, '.docker/config.json', { auths: { 'quay.io': { auth: authOf('old', 'x') } } });
  const result = await loginTo({ registry: 'quay.io', login: me, check }, made);
  assert.deepEqual(result.notes, [
    `other credentials for quay.io come first: ${join(homeDir, '.docker/config.json')} (quay.io)`,
  ]);
});

test('logout takes a login out of file and keychain, and tells what is left', async (t) => {
  const { made, homeDir, file, keychain } = await environment(t);
  keychain.entries.set('quay.io', me);
  await put(homeDir, '.config/containers/auth.json', {
    auths: { 'quay.io': { auth: authOf('a', 'b') }, other: {} },
    x: 1,
  });
  await put(homeDir, '.docker/config.json', { auths: { 'quay.io': { auth: authOf('c', 'd') } } });
  assert.deepEqual(await logoutFrom({ registry: 'quay.io' }, made), {
    removedFrom: [file, 'the keychain of the operating system'],
    notes: [`there are still credentials for quay.io: ${join(homeDir, '.docker/config.json')} (quay.io)`],
  });
  assert.deepEqual(await json(file), { auths: { other: {} }, x: 1 });
  assert.equal(keychain.entries.size, 0);
});

test('logout from one store leaves the others', async (t) => {
  const { made, homeDir, file, keychain } = await environment(t);
  keychain.entries.set('quay.io', me);
  await put(homeDir, '.config/containers/auth.json', { auths: { 'quay.io': { auth: authOf('a', 'b') } } });
  await logoutFrom({ registry: 'quay.io', store: { kind: 'keychain' } }, made);
  assert.equal(keychain.entries.size, 0);
  assert.deepEqual(await json(file), { auths: { 'quay.io': { auth: authOf('a', 'b') } } });
  keychain.entries.set('quay.io', me);
  await logoutFrom({ registry: 'quay.io', store: { kind: 'file' } }, made);
  assert.equal(keychain.entries.size, 1);
});

test('logout of somebody who is not logged in, in the words of podman', async (t) => {
  const { made } = await environment(t);
  await assert.rejects(logoutFrom({ registry: 'quay.io' }, made), {
    code: 'NOT_LOGGED_IN',
    message: 'not logged into quay.io',
  });
  const missing = { ...made, env: { REGISTRY_AUTH_FILE: '/nonexistent/auth.json' } };
  await assert.rejects(logoutFrom({ registry: 'quay.io' }, missing), { code: 'NOT_LOGGED_IN' });
});

test('logout --all empties the file, its helpers and the keychain, and keeps the rest', async (t) => {
  const { made, homeDir, file, keychain } = await environment(t);
  const bin = join(homeDir, 'bin');
  await putHelper(bin, 'kept', fileHelper(bin));
  await put(bin, 'kept', { Username: 'me', Secret: 'pw' });
  keychain.entries.set('a', me).set('b', me);
  await put(homeDir, '.config/containers/auth.json', {
    auths: { x: { auth: authOf('a', 'b') }, y: {} },
    credHelpers: { 'quay.io': 'kept' },
    x: 1,
  });
  assert.deepEqual(await logoutFromAll({ ...made, env: { PATH: pathWith(bin) } }), {
    removedFrom: ['docker-credential-kept', file, 'the keychain of the operating system'],
    notes: [],
  });
  assert.deepEqual(await json(file), { credHelpers: { 'quay.io': 'kept' }, x: 1 });
  await assert.rejects(stat(join(bin, 'kept')), { code: 'ENOENT' });
  assert.equal(keychain.entries.size, 0);
  assert.deepEqual(await logoutFromAll({ ...made, keychain: unusable, env: { PATH: pathWith(bin) } }), {
    removedFrom: [],
    notes: [],
  });
});

test('logout takes a login out of the credential-helpers of registries.conf too', async (t) => {
  const { made, homeDir } = await environment(t);
  const bin = join(homeDir, 'bin');
  const list = `[ "$1" = list ] && { [ -e '${bin}/kept' ] && echo '{"quay.io":"me"}' || echo '{}'; exit 0; }; `;
  await putHelper(bin, 'kept', `${list}${fileHelper(bin)}`);
  const env = { PATH: pathWith(bin) };
  const kept = { ServerURL: 'quay.io', Username: 'me', Secret: 'pw' };
  const helpers = async (): Promise<string[]> => ['containers-auth.json', 'kept'];
  const withHelpers = { ...made, env, helpers };
  await put(bin, 'kept', kept);
  assert.equal((await getLogin('quay.io', withHelpers))?.username, 'me');
  assert.deepEqual(await logoutFrom({ registry: 'quay.io' }, withHelpers), {
    removedFrom: ['docker-credential-kept'],
    notes: [],
  });
  await assert.rejects(stat(join(bin, 'kept')), { code: 'ENOENT' });

  await put(bin, 'kept', kept);
  assert.deepEqual((await logoutFromAll(withHelpers)).removedFrom, ['docker-credential-kept']);
  await assert.rejects(stat(join(bin, 'kept')), { code: 'ENOENT' });
  assert.deepEqual((await logoutFromAll(withHelpers)).removedFrom, []);

  // one store alone, or a file of docker's: the helper keeps what it has
  await put(bin, 'kept', kept);
  await assert.rejects(logoutFrom({ registry: 'quay.io', store: { kind: 'keychain' } }, withHelpers));
  const compat = { ...withHelpers, compatAuthFile: join(homeDir, 'docker.json') };
  await put(homeDir, 'docker.json', { auths: { 'quay.io': { auth: authOf('a', 'b') } } });
  await logoutFrom({ registry: 'quay.io' }, compat);
  assert.deepEqual(await json(join(bin, 'kept')), kept);

  // one that does not work hinders nothing
  const broken = await logoutFrom({ registry: 'quay.io' }, { ...made, env, helpers: ['absent', 'kept'] });
  assert.deepEqual(broken.removedFrom, ['docker-credential-kept']);
  assert.match(broken.notes.join(), /docker-credential-absent/);
});

test('with dryRun a login is checked, its place is told, and it is kept nowhere', async (t) => {
  const { made, keychain, homeDir, file } = await environment(t);
  const asked = accepting();
  const dry = { registry: 'quay.io', login: me, check: asked.check, dryRun: true };
  const [told, kept] = [await loginTo(dry, made), new Map(keychain.entries)];
  assert.deepEqual([told.store, told.notes, kept.size], [{ kind: 'keychain' }, [], 0]);
  assert.equal(asked.checked.length, 1);
  const without = await loginTo(dry, { ...made, keychain: unusable });
  assert.deepEqual(without.store, { kind: 'file' });
  assert.match(without.notes.join(), /the keychain cannot be used; the credentials are kept in /);
  await assert.rejects(loginTo({ ...dry, store: { kind: 'keychain' } }, { ...made, keychain: unusable }), {
    code: 'KEYCHAIN_UNAVAILABLE',
  });
  await assert.rejects(stat(join(homeDir, '.config')), { code: 'ENOENT' });
  await put(homeDir, '.config/containers/auth.json', { auths: { 'quay.io': { auth: authOf('old', 'x') } } });
  const before = await readFile(file, 'utf8');
  await loginTo(dry, made);
  await loginTo({ ...dry, store: { kind: 'file' } }, made);
  assert.equal(await readFile(file, 'utf8'), before);
});

test('with dryRun nothing is forgotten, and all is told that would be', async (t) => {
  const { made, keychain, homeDir, file } = await environment(t);
  const bin = join(homeDir, 'bin');
  const list = `[ "$1" = list ] && echo '{"quay.io":"me"}' && exit 0; `;
  await putHelper(bin, 'kept', `${list}${fileHelper(bin)}`);
  await put(bin, 'kept', { ServerURL: 'quay.io', Username: 'me', Secret: 'pw' });
  await put(homeDir, '.config/containers/auth.json', {
    auths: { 'quay.io': { auth: authOf('me', 'pw') }, 'ghcr.io': { auth: authOf('me', 'pw') } },
  });
  keychain.entries.set('quay.io', me);
  const all = { ...made, env: { PATH: pathWith(bin) }, helpers: ['kept'] };
  const state = async () => [await json(file), await json(join(bin, 'kept')), [...keychain.entries]];
  const before = await state();
  const [one, everything] = [
    await logoutFrom({ registry: 'quay.io', dryRun: true }, all),
    await logoutFromAll(all, { dryRun: true }),
  ];
  assert.deepEqual(await state(), before);
  await assert.rejects(logoutFrom({ registry: 'docker.io', dryRun: true }, made), { code: 'NOT_LOGGED_IN' });
  const places = ['docker-credential-kept', file, 'the keychain of the operating system'];
  assert.deepEqual([everything.removedFrom, everything.notes], [places, []]);
  assert.deepEqual(one, await logoutFrom({ registry: 'quay.io' }, all));
  assert.deepEqual(one.removedFrom, [file, 'docker-credential-kept', 'the keychain of the operating system']);
});

test('the file that login changes', async (t) => {
  const { made, homeDir, file } = await environment(t);
  const where = async (over: Partial<LoginEnvironment>): Promise<string> =>
    (await loginFile({ ...made, ...over })).path;
  const runtime = join(homeDir, 'run');
  assert.equal(await where({ env: { XDG_RUNTIME_DIR: runtime } }), file, 'a runtime directory that is not there');
  await put(runtime, 'x', '');
  assert.equal(await where({ env: { XDG_RUNTIME_DIR: runtime } }), join(runtime, 'containers/auth.json'));
  assert.equal(await where({ env: { XDG_RUNTIME_DIR: runtime }, platform: 'darwin' }), file);
  assert.equal(await where({ uid: 0 }), '/run/containers/0/auth.json');
  assert.equal(await where({ env: { XDG_CONFIG_HOME: '/cfg' } }), '/cfg/containers/auth.json');
  assert.equal(await where({ authfile: '/x', env: { REGISTRY_AUTH_FILE: '/y' } }), '/x');
});

test('--store', () => {
  assert.deepEqual(parseLoginStore('file'), { kind: 'file' });
  assert.deepEqual(parseLoginStore('helper:ecr-login'), { kind: 'helper', name: 'ecr-login' });
  assert.deepEqual(parseLoginStore('helper:sheaf'), { kind: 'keychain' });
  for (const bad of ['', 'helper:', 'helper:../x', 'vault']) assert.throws(() => parseLoginStore(bad), UsageError, bad);
});

test('a file that is broken is not overwritten', async (t) => {
  const { made, homeDir, file } = await environment(t);
  await put(homeDir, '.config/containers/auth.json', '{"auths":');
  await chmod(file, 0o600);
  const login = loginTo({ registry: 'quay.io', login: me, check, store: { kind: 'file' } }, made);
  await assert.rejects(login, { code: 'AUTH_FILE_MALFORMED' });
  assert.equal(await readFile(file, 'utf8'), '{"auths":');
});
