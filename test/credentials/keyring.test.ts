/** The keychain against a real gnome-keyring in a private D-Bus session: no part of the user's own session is touched. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { testFolder } from '../support/folders.ts';
import { put } from './support.ts';

const session = fileURLToPath(new URL('keyring-session.ts', import.meta.url));
const loginLocked = 'KEYCHAIN_FAILED: the keychain of the operating system is locked or has no collection';

/** Why the tests cannot run here, if so. Where CI is set they must. */
function missing(): string | undefined {
  const onPath = (program: string): boolean =>
    (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));
  if (process.platform !== 'linux') return 'the Secret Service is for Linux';
  const programs = ['dbus-run-session', 'gnome-keyring-daemon'].filter((program) => !onPath(program));
  if (programs.length > 0) return `not installed: ${programs.join(', ')}`;
  try {
    import.meta.resolve('keytar');
  } catch {
    return 'the optional package keytar is not installed (it needs libsecret-1-dev and a compiler, or its prebuilt binary)';
  }
  return undefined;
}

const reason = process.env['CI'] ? undefined : missing();
const skip = reason ?? false;

/** Runs calls in a new session; `shell` is what happens in it before, `home` holds its keyrings. */
async function inSession(
  home: string,
  shell: string,
  calls: string[],
  argv: string[] = [],
): Promise<Array<[string, unknown]>> {
  const runtime = join(home, 'run');
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  const { DBUS_SESSION_BUS_ADDRESS: _bus, DISPLAY: _x, WAYLAND_DISPLAY: _w, ...rest } = process.env;
  const env = { ...rest, HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_RUNTIME_DIR: runtime };
  const script = `${shell}\nexec "$0" "$@"`;
  const all = [...argv, '--', 'sh', '-c', script, process.execPath, session, ...calls];
  const { stdout } = await promisify(execFile)('dbus-run-session', all, { env, timeout: 60_000 });
  return JSON.parse(stdout);
}

const unlock = `eval "$(printf test | gnome-keyring-daemon --unlock --components=secrets 2>/dev/null)"; export GNOME_KEYRING_CONTROL`;
const login = { username: 'me', secret: 'open sesame: ü' };

test('an unlocked keyring keeps logins, for sheaf and for programs that use docker-credential-sheaf', {
  skip,
}, async (t) => {
  const home = await testFolder(t);
  assert.deepEqual(
    await inSession(home, unlock, ['get', 'store', 'get', 'helper-get', 'list', 'erase', 'erase', 'list']),
    [
      ['get', null],
      ['store', null],
      ['get', login],
      ['helper-get', { ServerURL: 'https://registry.example', Username: 'me', Secret: 'open sesame: ü' }],
      ['list', { 'registry.example': 'me' }],
      ['erase', true],
      ['erase', false],
      ['list', {}],
    ],
  );
});

test('a locked keyring gives one line to whoever writes or lists, and nothing to whoever reads', {
  skip,
}, async (t) => {
  const home = await testFolder(t);
  assert.deepEqual(await inSession(home, unlock, ['store', 'get']), [
    ['store', null],
    ['get', login],
  ]);
  assert.deepEqual(await inSession(home, '', ['get', 'store', 'list']), [
    ['get', null],
    ['store', loginLocked],
    ['list', loginLocked],
  ]);
});

test('a session whose keyring was never made', { skip }, async (t) => {
  const home = await testFolder(t);
  assert.deepEqual(await inSession(home, '', ['get', 'store']), [
    ['get', null],
    ['store', loginLocked],
  ]);
});

test('a session without a keyring service', { skip }, async (t: TestContext) => {
  const home = await testFolder(t);
  const config = await put(
    home,
    'bus.conf',
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
     <busconfig><type>session</type><listen>unix:dir=${home}</listen>
     <policy context="default"><allow send_destination="*" eavesdrop="true"/>
     <allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
  );
  const none =
    'KEYCHAIN_UNAVAILABLE: the keychain of the operating system cannot be used: no keyring service runs in this session';
  assert.deepEqual(await inSession(home, '', ['get', 'store', 'list'], [`--config-file=${config}`]), [
    ['get', none],
    ['store', none],
    ['list', none],
  ]);
});

test('no session at all, although something points to one', { skip }, async (t) => {
  const home = await testFolder(t);
  const none = 'KEYCHAIN_UNAVAILABLE: the keychain of the operating system cannot be used: there is no D-Bus session';
  const shell = `export DBUS_SESSION_BUS_ADDRESS=unix:path=${home}/nothing`;
  assert.deepEqual(await inSession(home, shell, ['get', 'list']), [
    ['get', none],
    ['list', none],
  ]);
  assert.deepEqual(await inSession(home, 'unset DBUS_SESSION_BUS_ADDRESS', ['get']), [['get', none]]);
});
