/** login, logout and docker-credential-sheaf as programs, against registries that ask who is there. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { basicAuth, bearerAuth } from '../support/auth.ts';
import { answer } from '../support/fault-kinds.ts';
import { testFolder } from '../support/folders.ts';
import { checkDocument } from '../support/json-documents.ts';
import { type RunResult, run, skipWithout } from '../support/peers.ts';
import { realRegistry, realRegistryUser, withRegistry } from '../support/registry.ts';

const bin = join(import.meta.dirname, '..', '..', 'bin');
const { username, password } = realRegistryUser;
const users = { [username]: password };

interface Program {
  home: string;
  /** The file that holds logins by default. */
  file: string;
  sheaf(args: string[], input?: string): Promise<RunResult>;
}

/** Sheaf with a home of its own and no session bus, so that the user's keychain is out of reach. */
async function program(t: TestContext, more: NodeJS.ProcessEnv = {}): Promise<Program> {
  const home = await testFolder(t);
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_RUNTIME_DIR: join(home, 'no'),
    ...more,
  };
  return {
    home,
    file: join(home, 'config/containers/auth.json'),
    async sheaf(args, input) {
      const command = [join(bin, 'run.js'), ...args];
      const ran = await run(process.execPath, command, { env, cwd: home, ...(input !== undefined && { input }) });
      checkDocument(args, ran.stdout);
      return ran;
    },
  };
}

const loginArgs = (registry: string, ...more: string[]): string[] => [
  'login',
  '--tls-verify=false',
  '-u',
  username,
  '--password-stdin',
  registry,
  ...more,
];

test('a session: login, who is there, again, logout', { skip: skipWithout('registry') }, async (t) => {
  const { host } = await realRegistry(t, { htpasswd: true });
  const { sheaf, file } = await program(t);
  const done = await sheaf(loginArgs(host), `${password}\n`);
  assert.deepEqual([done.code, done.stdout], [0, 'Login Succeeded!\n'], done.stderr);
  assert.match(
    done.stderr,
    /^Warning: the keychain of the operating system cannot be used: .*; the credentials are kept in .*auth\.json/,
  );
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  assert.equal((await sheaf(['login', '--get-login', host])).stdout, `${username}\n`);
  const again = await sheaf(['login', '--tls-verify=false', '--verbose', host]);
  assert.equal(again.stdout, `Used: ${file} (${host})\nExisting credentials are valid. Already logged in to ${host}\n`);

  // skopeo has that flag, too, and asks nobody either
  const gone = await sheaf(['logout', '--tls-verify=false', host]);
  assert.deepEqual([gone.code, gone.stdout, gone.stderr], [0, `Removed login credentials for ${host}\n`, '']);
  const nobody = await sheaf(['login', '--get-login', host]);
  assert.deepEqual([nobody.code, nobody.stdout], [3, '']);
  assert.match(nobody.stderr, new RegExp(`not logged into ${host}`));
  assert.equal((await sheaf(['logout', host])).code, 3);
});

test('a wrong password is refused with exit code 4 and kept nowhere', { skip: skipWithout('registry') }, async (t) => {
  const { host } = await realRegistry(t, { htpasswd: true });
  const { sheaf, file } = await program(t);
  const done = await sheaf(loginArgs(host), 'hunter2');
  assert.deepEqual([done.code, done.stdout], [4, '']);
  assert.doesNotMatch(done.stderr, /hunter2/);
  await assert.rejects(stat(file), { code: 'ENOENT' });
});

test('line ends are no part of a password that comes on standard input', async (t) => {
  const authorize = basicAuth({ [username]: ' pass word ' });
  const { host } = await withRegistry(t, { authorize });
  const { sheaf } = await program(t);
  for (const end of ['', '\n', '\r\n', '\r', '\n\n', '\r\n\r\n', '\n\r\n']) {
    const done = await sheaf(loginArgs(host), ` pass word ${end}`);
    assert.deepEqual([done.code, done.stdout], [0, 'Login Succeeded!\n'], JSON.stringify(end));
  }
});

test('a registry with tokens is asked for one with the credentials', async (t) => {
  const auth = await bearerAuth(t, { users, anonymousPull: false });
  const { host } = await withRegistry(t, { authorize: auth.authorize });
  const { sheaf } = await program(t);
  const done = await sheaf(loginArgs(host), password);
  assert.deepEqual([done.code, done.stdout], [0, 'Login Succeeded!\n'], done.stderr);
  assert.equal(auth.tokenRequests.length, 1);
  assert.equal((await sheaf(loginArgs(host), 'wrong')).code, 4);
});

test('a login that fails says what to look at, which is no image', async (t) => {
  const { host } = await countingRegistry(t);
  const { sheaf } = await program(t);
  const wrong = await sheaf(loginArgs(host), 'wrong');
  assert.equal(wrong.code, 4);
  assert.match(wrong.stderr, /\nhint: Check the user name and the password;/);
  const other = await withRegistry(t);
  other.faults.on({ path: /^\/v2\/$/ }, answer(404));
  const none = await sheaf(loginArgs(other.host), password);
  assert.equal(none.code, 3);
  assert.match(none.stderr, /\nhint: Is this a registry\? Check the host and the port\.\n$/);
});

test('a password never goes out in plain text unless that is asked for', async (t) => {
  const { host, requests } = await countingRegistry(t);
  const { sheaf } = await program(t);
  const done = await sheaf(
    loginArgs(host).filter((arg) => !arg.startsWith('--tls')),
    password,
  );
  assert.notEqual(done.code, 0);
  assert.deepEqual(requests(), []);
});

async function countingRegistry(t: TestContext) {
  const seen: string[] = [];
  const allow = basicAuth(users);
  const { host } = await withRegistry(t, {
    authorize: (request) => {
      seen.push(request.headers.authorization ?? 'anonymous');
      return allow(request);
    },
  });
  return { host, requests: () => seen };
}

test('registries.conf says what is insecure and which registry is meant', async (t) => {
  const { host } = await countingRegistry(t);
  const { sheaf, home } = await program(t);
  const { put } = await import('../credentials/support.ts');
  const text = `unqualified-search-registries = ["${host}"]\n[[registry]]\nlocation = "${host}"\ninsecure = true\n`;
  await put(home, 'config/containers/registries.conf', text);
  const done = await sheaf(['login', '-u', username, '-p', password, '--json']);
  assert.equal(done.code, 0, done.stderr);
  assert.deepEqual(JSON.parse(done.stdout), {
    registry: host,
    username,
    keptIn: join(home, 'config/containers/auth.json'),
    dryRun: false,
  });
});

test('--json names the registry and where the login is kept in one way', async (t) => {
  const { host } = await countingRegistry(t);
  const { sheaf, file } = await program(t);
  const url = `http://${host}/v2/`;
  for (const how of [['-u', username, '-p', password, '--store', 'file'], [], ['--get-login']]) {
    const done = await sheaf(['login', '--json', '--tls-verify=false', ...how, url]);
    const { keptIn, ...login } = JSON.parse(done.stdout);
    assert.deepEqual(login, { registry: host, username, dryRun: false });
    assert.ok(keptIn.startsWith(file), keptIn);
  }
  assert.deepEqual(JSON.parse((await sheaf(['logout', '--json', url])).stdout), {
    registry: host,
    removedFrom: [file],
    dryRun: false,
  });
});

test('--compat-auth-file, --authfile and --store say where the login goes', async (t) => {
  const { host } = await countingRegistry(t);
  const { sheaf, home } = await program(t);
  for (const more of [
    ['--compat-auth-file', 'a.json'],
    ['--authfile', 'b.json'],
    ['--authfile', 'c.json', '--store', 'file'],
  ]) {
    const done = await sheaf(loginArgs(host, ...more), password);
    assert.deepEqual([done.code, done.stderr], [0, '']);
    const { auths } = JSON.parse(await readFile(join(home, more[1] ?? ''), 'utf8'));
    assert.deepEqual(Object.keys(auths), [host]);
  }
  assert.equal((await sheaf(loginArgs(host, '--store', 'helper:not-installed'), password)).code, 3);
  assert.equal((await sheaf(loginArgs(host, '--store', 'keychain'), password)).code, 7);
  assert.equal((await sheaf(loginArgs(host, '--store', 'vault'), password)).code, 2);
  assert.equal((await sheaf(loginArgs(host, '--authfile', 'a', '--compat-auth-file', 'b'), password)).code, 2);
});

test('what is missing is asked for at a terminal only', async (t) => {
  const { host } = await countingRegistry(t);
  const { sheaf } = await program(t);
  const cases: Array<[args: string[], message: RegExp, hint?: RegExp]> = [
    [['login', host], /no user name is given, and there is no terminal/],
    [['login', '-u', 'me', host], /no password is given, and there is no terminal/],
    [['login', '--password-stdin', host], /must provide --username with --password-stdin/, /--username NAME/],
    [['login', '-u', 'me', '--password-stdin', host], /the password is empty/, /Nothing came on standard input/],
    [['login', '-u', 'me', '-p', '', host], /the password is empty/, /Is a variable not set/],
    [['login', '-u', 'me', '-p', 'x', 'https://user@x'], /it must hold neither user info nor a digest/],
    [['login', '-u', 'me', '-p', 'x'], /no registry is named/],
    [['logout'], /no registry is named/, /^Name one: docker\.io/],
    [['logout', '--all', host], /--all takes no registry/],
  ];
  for (const [args, expected, hint] of cases) {
    const done = await sheaf(args, '');
    assert.equal(done.code, 2, args.join(' '));
    assert.match(done.stderr, expected);
    if (hint !== undefined) assert.match(done.stderr.split('\nhint: ')[1] ?? '', hint);
  }
});

test('a password in front of a name is shown nowhere', async (t) => {
  const { sheaf } = await program(t);
  const name = 'alice:hunter2@127.0.0.1:1';
  for (const args of [
    ['login', '--json', name],
    ['login', '--get-login', '--log-level=debug', name],
    ['logout', name],
    ['image', 'inspect', '--log-level=debug', `${name}/r:1`],
    ['manifest', 'create', '--json', 'l', `docker://${name}/r:1`],
  ]) {
    const done = await sheaf(args);
    const said = done.stdout + done.stderr;
    assert.equal(done.code, 2, said);
    assert.match(said, /\*\*\*@127\.0\.0\.1:1.*credentials do not belong in a name/);
    assert.match(said, /hint"?: .*sheaf login/);
    assert.doesNotMatch(said, /hunter2/);
  }
});

test('docker-credential-sheaf speaks the protocol, whatever happens', async (t) => {
  const home = await testFolder(t);
  const env = { PATH: process.env['PATH'], HOME: home };
  const helper = (action: string, input: string) =>
    run(process.execPath, [join(bin, 'docker-credential-sheaf.js'), action], { env, input });
  const version = await helper('version', '');
  assert.match(version.stdout, /^docker-credential-sheaf v\d/);
  const got = await helper('get', 'registry.example');
  assert.equal(got.code, 1);
  assert.match(got.stdout, /^the keychain of the operating system cannot be used: there is no D-Bus session\n$/);
  assert.equal(got.stderr, '');
});
