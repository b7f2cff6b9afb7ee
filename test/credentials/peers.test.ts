/** Login files in both directions between sheaf and real peers, with a real registry that asks for a password. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createCredentialFinder, createCredentialProvider } from '../../src/credentials/credential-provider.ts';
import { type LoginCheck, loginTo } from '../../src/credentials/login.ts';
import { logoutFrom } from '../../src/credentials/logout.ts';
import { createRegistryPool, type RegistrySettings } from '../../src/distribution/registry-pool.ts';
import { AuthError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { isolatedPeers, type PeerName, type Peers, run, skipWithout } from '../support/peers.ts';
import { realRegistry, realRegistryUser } from '../support/registry.ts';
import { authOf, pathWith, put, recordedSession } from './support.ts';

const { username: user, password } = realRegistryUser;
const login = { username: user, secret: password };
const credentials = { kind: 'basic', username: user, password };

/** Asks the registry for its base endpoint with these credentials. */
const checkOver =
  (scheme: string): LoginCheck =>
  async (registry, given) => {
    assert.equal(given.kind, 'basic');
    const pair = given.kind === 'basic' ? `${given.username}:${given.password}` : '';
    const headers = { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
    const answer = await fetch(`${scheme}://${registry}/v2/`, { headers });
    await answer.body?.cancel();
    if (answer.status !== 200) throw new AuthError(`${registry} answered ${answer.status}`);
  };

function environment(homeDir: string, compatAuthFile?: string) {
  const { session } = recordedSession();
  return { env: {}, homeDir, session, keychain: null, platform: 'linux' as const, uid: 424242, compatAuthFile };
}

interface Prepared {
  /** Seen by sheaf and peers under one path. */
  directory: string;
  registry: string;
  /** Runs a peer whose files of credentials are in `directory` alone; gives exit code and both outputs. */
  use(
    name: PeerName,
    argv: string[],
    input?: string,
    more?: NodeJS.ProcessEnv,
  ): Promise<{ code: number; output: string }>;
}

async function prepared(t: TestContext): Promise<Prepared> {
  const [{ host }, peers] = await Promise.all([realRegistry(t, { htpasswd: true }), isolatedPeers(t)]);
  return { directory: peers.folder, registry: host, use: userOf(peers) };
}

function userOf(peers: Peers): Prepared['use'] {
  return async (name, argv, input = '', more = {}) => {
    const env = { DOCKER_CONFIG: join(peers.folder, '.docker'), ...more };
    const { code, stdout, stderr } = await peers.run(name, argv, { input, env });
    return { code, output: `${stdout}${stderr}` };
  };
}

interface Peer {
  name: PeerName;
  /** Logs in over plain HTTP and answers where the file is. */
  login(registry: string, file: string): string[];
  /** A request that the registry answers to those who are logged in alone. */
  use(registry: string, file: string): string[];
  /** What `use` prints when it was let in, where its exit code does not tell. */
  admitted?: RegExp;
}

const peers: Peer[] = [
  {
    name: 'podman',
    login: (registry, file) => [
      'login',
      '--tls-verify=false',
      '--authfile',
      file,
      '-u',
      user,
      '--password-stdin',
      registry,
    ],
    use: (registry, file) => ['login', '--tls-verify=false', '--authfile', file, registry],
    admitted: /Existing credentials are valid/,
  },
  {
    name: 'skopeo',
    login: (registry, file) => [
      'login',
      '--tls-verify=false',
      '--authfile',
      file,
      '-u',
      user,
      '--password-stdin',
      registry,
    ],
    use: (registry, file) => ['list-tags', '--tls-verify=false', '--authfile', file, `docker://${registry}/nothing`],
    admitted: /repository name not known to registry|name unknown/i,
  },
  {
    name: 'buildah',
    login: (registry, file) => [
      'login',
      '--tls-verify=false',
      '--authfile',
      file,
      '-u',
      user,
      '--password-stdin',
      registry,
    ],
    use: (registry, file) => ['login', '--tls-verify=false', '--authfile', file, '--get-login', registry],
    admitted: new RegExp(`^${user}$`, 'm'),
  },
  {
    name: 'oras',
    login: (registry, file) => [
      'login',
      '--plain-http',
      '--registry-config',
      file,
      '-u',
      user,
      '--password-stdin',
      registry,
    ],
    use: (registry, file) => ['repo', 'ls', '--plain-http', '--registry-config', file, registry],
  },
  {
    name: 'crane',
    login: (registry) => ['auth', 'login', '-u', user, '--password-stdin', registry],
    use: (registry) => ['catalog', '--insecure', registry],
  },
];

/** Pushes something with what `file` holds and reads it back. */
async function pushWith(what: {
  file: string;
  directory: string;
  registry: string;
  settings: Partial<RegistrySettings>;
}): Promise<void> {
  const { session } = recordedSession();
  const provider = createCredentialProvider({ authfile: what.file, env: {}, homeDir: what.directory, session });
  const settings = { retry: { maxRetries: 0 }, env: {}, ...what.settings };
  await using pool = createRegistryPool(session, settings, provider);
  const repository = pool.client(what.registry).repository('pushed/by-sheaf', 'push');
  const bytes = Buffer.from('{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}');
  const manifest = { bytes, mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(bytes) };
  await repository.putManifest('1', manifest);
  assert.equal((await repository.getManifest('1')).digest, manifest.digest);
}

for (const peer of peers) {
  const skip = skipWithout('registry', peer.name);

  test(`sheaf uses the file that ${peer.name} login writes`, { skip }, async (t) => {
    const { directory, registry, use } = await prepared(t);
    const file = join(directory, '.docker', 'config.json');
    await mkdir(dirname(file));
    const done = await use(peer.name, peer.login(registry, file), password);
    assert.equal(done.code, 0, done.output);
    const { session } = recordedSession();
    const find = createCredentialFinder({ authfile: file, env: {}, homeDir: directory, session });
    assert.deepEqual((await find(registry, 'team/app'))?.credentials, credentials);
    await pushWith({ file, directory, registry, settings: { tlsVerify: false } });
  });

  test(`${peer.name} uses the file that sheaf login writes, and loses it with sheaf logout`, { skip }, async (t) => {
    const { directory, registry, use } = await prepared(t);
    const file = join(directory, '.docker', 'config.json');
    const own = environment(directory, file);
    await loginTo({ registry, login, check: checkOver('http') }, own);
    const admitted = await use(peer.name, peer.use(registry, file));
    if (peer.admitted === undefined) assert.equal(admitted.code, 0, admitted.output);
    else assert.match(admitted.output, peer.admitted);

    await logoutFrom({ registry }, own);
    const refused = await use(peer.name, peer.use(registry, file));
    assert.notEqual(refused.code, 0);
    if (peer.admitted !== undefined) assert.doesNotMatch(refused.output, peer.admitted);
  });
}

test('a wrong password is refused by the registry and kept nowhere', { skip: skipWithout('registry') }, async (t) => {
  const { directory, registry } = await prepared(t);
  const file = join(directory, 'auth.json');
  const wrong = { registry, login: { ...login, secret: 'wrong' }, check: checkOver('http') };
  await assert.rejects(loginTo(wrong, environment(directory, file)), AuthError);
  await assert.rejects(readFile(file), { code: 'ENOENT' });
});

test('podman keeps what sheaf wrote for a namespace, and sheaf what podman wrote beside it', {
  skip: skipWithout('registry', 'podman'),
}, async (t) => {
  const { directory, registry, use } = await prepared(t);
  const authfile = join(directory, 'auth.json');
  const own = { ...environment(directory), authfile };
  await loginTo({ registry: `${registry}/team/app`, login, check: checkOver('http') }, own);
  const argv = [
    'login',
    '--tls-verify=false',
    '--authfile',
    authfile,
    '-u',
    user,
    '--password-stdin',
    `${registry}/team`,
  ];
  assert.equal((await use('podman', argv, password)).code, 0);
  await loginTo({ registry, login, check: checkOver('http') }, own);
  const { auths } = JSON.parse(await readFile(authfile, 'utf8'));
  assert.deepEqual(Object.keys(auths).sort(), [registry, `${registry}/team`, `${registry}/team/app`]);
  assert.equal(new Set(Object.values(auths).map((entry) => JSON.stringify(entry))).size, 1);
});

/** docker's client; the peers of other tests do without it. */
const docker = [join(process.env['PEERS_DIR'] ?? '/opt/peers', 'bin'), ...(process.env['PATH'] ?? '').split(delimiter)]
  .map((folder) => join(folder, 'docker'))
  .find(existsSync);
const skipDocker = skipWithout('registry') || (docker === undefined && !process.env['CI'] && 'not installed: docker');

test("docker login over TLS: its file is used by sheaf, and sheaf's by docker", { skip: skipDocker }, async (t) => {
  const tls = selfSignedCertificate();
  const [{ host: registry }, { folder: directory }] = await Promise.all([
    realRegistry(t, { htpasswd: true, tls }),
    isolatedPeers(t),
  ]);
  const authority = join(directory, 'authority.pem');
  await writeFile(authority, tls.cert);
  const file = join(directory, '.docker', 'config.json');
  const env = { PATH: process.env['PATH'], HOME: directory, SSL_CERT_FILE: authority, DOCKER_CONFIG: dirname(file) };
  const use = async (argv: string[], more: NodeJS.ProcessEnv = {}, input = ''): Promise<string> => {
    const { stdout, stderr } = await run(docker ?? 'docker', argv, { env: { ...env, ...more }, cwd: directory, input });
    return `${stdout}${stderr}`;
  };
  const { session } = recordedSession();

  const done = await use(['login', '-u', user, '--password-stdin', registry], {}, password);
  assert.match(done, /Login Succeeded/);
  const find = createCredentialFinder({ authfile: file, env: {}, homeDir: directory, session });
  assert.deepEqual((await find(registry, 'team/app'))?.credentials, credentials);
  const authorities = { always: true, read: async () => [tls.cert] };
  await pushWith({ file, directory, registry, settings: { authorities } });

  const own = environment(directory, file);
  await logoutFrom({ registry }, own);
  await loginTo({ registry, login, check: async () => {} }, own);
  const inspect = (more?: NodeJS.ProcessEnv): Promise<string> => use(['manifest', 'inspect', `${registry}/x:1`], more);
  assert.match(await inspect(), /no such manifest/);
  await logoutFrom({ registry }, own);
  assert.match(await inspect(), /unauthorized|no basic auth credentials/i);

  // docker and sheaf read the same text from DOCKER_AUTH_CONFIG
  const text = JSON.stringify({ auths: { [registry]: { auth: authOf(user, password) } } });
  assert.match(await inspect({ DOCKER_AUTH_CONFIG: text }), /no such manifest/);
  const variable = { env: { DOCKER_AUTH_CONFIG: text }, homeDir: directory, session, keychain: null };
  assert.deepEqual((await createCredentialFinder(variable)(registry, 'team/app'))?.credentials, credentials);
});

const helped: PeerName[] = ['podman', 'skopeo', 'oras', 'crane'];
test('peers reach a login through docker-credential-sheaf', { skip: skipWithout('registry', ...helped) }, async (t) => {
  const { directory, registry, use } = await prepared(t);
  const bin = join(directory, 'bin');
  const program = fileURLToPath(new URL('file-helper.ts', import.meta.url));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await chmod(await put(bin, 'docker-credential-sheaf', script), 0o755);
  const keychain = await put(directory, 'keychain.json', { [registry]: login });
  const file = await put(directory, '.docker/config.json', { credHelpers: { [registry]: 'sheaf' } });
  const withHelper = { PATH: pathWith(bin), SHEAF_TEST_KEYCHAIN: keychain };
  for (const peer of peers.filter(({ name }) => helped.includes(name))) {
    const admitted = await use(peer.name, peer.use(registry, file), '', withHelper);
    if (peer.admitted === undefined) assert.equal(admitted.code, 0, `${peer.name}: ${admitted.output}`);
    else assert.match(admitted.output, peer.admitted, peer.name);
  }

  // and a peer keeps its login there: podman stores in and erases from the helper
  const logout = await use('podman', ['logout', '--authfile', file, registry], '', withHelper);
  assert.equal(logout.code, 0, logout.output);
  assert.deepEqual(JSON.parse(await readFile(keychain, 'utf8')), {});
  const argv = ['login', '--tls-verify=false', '--authfile', file, '-u', user, '--password-stdin', registry];
  const stored = await use('podman', argv, password, withHelper);
  assert.equal(stored.code, 0, stored.output);
  assert.deepEqual(JSON.parse(await readFile(keychain, 'utf8')), { [registry]: login });
});
