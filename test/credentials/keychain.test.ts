import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeychain } from '../../src/credentials/keychain.ts';
import type { KeytarModule } from '../../src/credentials/keytar.ts';
import { SheafError } from '../../src/foundation/errors.ts';

const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/x' };

/** keytar in memory. */
function fakeKeytar(over: Partial<KeytarModule> = {}): KeytarModule & { entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    getPassword: async (_, account) => entries.get(account) ?? null,
    setPassword: async (_, account, password) => void entries.set(account, password),
    deletePassword: async (_, account) => entries.delete(account),
    findCredentials: async () => [...entries].map(([account, password]) => ({ account, password })),
    ...over,
  };
}

test('get, store, list, erase; keytar is loaded at the first call and once', async () => {
  let loads = 0;
  const keytar = fakeKeytar();
  const load = async (): Promise<KeytarModule> => {
    loads += 1;
    return keytar;
  };
  const keychain = createKeychain({ env, platform: 'linux', load });
  assert.equal(loads, 0);
  assert.equal(await keychain.get('r'), undefined);
  await keychain.store('r', { username: 'me', secret: 'p"w' });
  assert.deepEqual(await keychain.get('r'), { username: 'me', secret: 'p"w' });
  assert.deepEqual(await keychain.list(), new Map([['r', 'me']]));
  assert.equal(await keychain.erase('r'), true);
  assert.equal(await keychain.erase('r'), false);
  assert.equal(loads, 1);
});

async function failureOf(keychain: ReturnType<typeof createKeychain>): Promise<string> {
  try {
    await keychain.store('r', { username: 'me', secret: 'hunter2' });
  } catch (thrown) {
    assert.ok(thrown instanceof SheafError);
    assert.doesNotMatch(thrown.message, /\n|hunter2/);
    return `${thrown.code} ${thrown.message.replace('the keychain of the operating system ', '')}`;
  }
  return 'it went well';
}

const failures: Array<[string, string]> = [
  ['Cannot autolaunch D-Bus without X11 $DISPLAY', 'KEYCHAIN_UNAVAILABLE cannot be used: there is no D-Bus session'],
  ['Could not connect: No such file or directory', 'KEYCHAIN_UNAVAILABLE cannot be used: there is no D-Bus session'],
  [
    'The name org.freedesktop.secrets was not provided by any .service files',
    'KEYCHAIN_UNAVAILABLE cannot be used: no keyring service runs in this session',
  ],
  [
    'GDBus.Error:org.freedesktop.DBus.Error.ServiceUnknown: x',
    'KEYCHAIN_UNAVAILABLE cannot be used: no keyring service runs in this session',
  ],
  [
    'Object does not exist at path “/org/freedesktop/secrets/collection/login”',
    'KEYCHAIN_FAILED is locked or has no collection',
  ],
  ['Cannot create an item in a locked collection', 'KEYCHAIN_FAILED is locked or has no collection'],
  ['Something\nelse', 'KEYCHAIN_FAILED failed: Something'],
];

for (const [message, expected] of failures) {
  test(`failure: ${message.split('\n', 1)[0]}`, async () => {
    const keytar = fakeKeytar({ setPassword: () => Promise.reject(new Error(message)) });
    assert.equal(await failureOf(createKeychain({ env, platform: 'linux', load: async () => keytar })), expected);
  });
}

test('failure: keytar is not installed, or cannot be loaded', async () => {
  const failing = (error: Error) => createKeychain({ env, platform: 'linux', load: () => Promise.reject(error) });
  const notFound = Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' });
  assert.equal(
    await failureOf(failing(notFound)),
    'KEYCHAIN_UNAVAILABLE cannot be used: the optional package keytar is not installed',
  );
  assert.equal(
    await failureOf(failing(new Error('libsecret-1.so.0: cannot open shared object file'))),
    'KEYCHAIN_UNAVAILABLE cannot be used: keytar cannot be loaded',
  );
});

test('failure: no session at all is known before anything is loaded', async () => {
  const load = () => assert.fail('loaded');
  assert.equal(
    await failureOf(createKeychain({ env: {}, platform: 'linux', load })),
    'KEYCHAIN_UNAVAILABLE cannot be used: there is no D-Bus session',
  );
});

test('failure: a keyring that waits for somebody', async () => {
  const keytar = fakeKeytar({ setPassword: () => new Promise(() => {}) });
  const keychain = createKeychain({ env, platform: 'linux', timeoutMs: 5, load: async () => keytar });
  assert.equal(await failureOf(keychain), 'KEYCHAIN_FAILED failed: it did not answer within 0.005 s');
});

test('failure: an entry that is not ours', async () => {
  const keytar = fakeKeytar({ getPassword: async () => 'hunter2' });
  const keychain = createKeychain({ env, platform: 'linux', load: async () => keytar });
  await assert.rejects(keychain.get('r'), {
    code: 'KEYCHAIN_FAILED',
    message: 'the keychain entry of sheaf for r is not one that sheaf wrote',
  });
});
