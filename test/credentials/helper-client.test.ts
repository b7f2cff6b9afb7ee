import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eraseFromHelper, getFromHelper, listHelper, storeInHelper } from '../../src/credentials/helper-client.ts';
import { AuthError, CancelledError, NotFoundError, SheafError, UsageError } from '../../src/foundation/errors.ts';
import { testFolder } from '../support/folders.ts';
import { pathWith, putHelper } from './support.ts';

async function helper(t: TestContext, script: string, timeoutMs?: number) {
  const directory = await testFolder(t);
  await putHelper(directory, 'test', script.replaceAll('%DIR%', directory));
  const options = { env: { PATH: pathWith(directory) }, signal: new AbortController().signal };
  return { directory, options: timeoutMs === undefined ? options : { ...options, timeoutMs } };
}

const get = (options: Parameters<typeof getFromHelper>[2], servers = ['r.example']) =>
  getFromHelper('test', servers, options);

test('get: the server on stdin, the login from stdout', async (t) => {
  const { directory, options } = await helper(
    t,
    `cat > %DIR%/stdin; echo "$@" > %DIR%/argv; echo '{"ServerURL":"r.example","Username":"me","Secret":"s:é"}'`,
  );
  assert.deepEqual(await get(options), { username: 'me', secret: 's:é' });
  assert.equal(await readFile(join(directory, 'stdin'), 'utf8'), 'r.example');
  assert.equal(await readFile(join(directory, 'argv'), 'utf8'), 'get\n');
});

test('get: the next name of the registry if the helper does not know the first', async (t) => {
  const { options } = await helper(
    t,
    `[ "$(cat)" = b ] && echo '{"Username":"me","Secret":"s"}' || { echo 'credentials not found in native keychain'; exit 1; }`,
  );
  assert.deepEqual(await get(options, ['a', 'b']), { username: 'me', secret: 's' });
  assert.equal(await get(options, ['a', 'c']), undefined);
});

test('get: there is time to type a passphrase', async (t) => {
  const { directory, options } = await helper(
    t,
    `until [ -e %DIR%/typed ]; do sleep 0.01; done; echo '{"Username":"me","Secret":"s"}'`,
  );
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked = get(options);
  t.mock.timers.tick(59_000);
  await writeFile(join(directory, 'typed'), '');
  assert.deepEqual(await asked, { username: 'me', secret: 's' });
});

test('get: an empty login is none', async (t) => {
  const { options } = await helper(t, `echo '{"ServerURL":"","Username":"","Secret":""}'`);
  assert.equal(await get(options), undefined);
});

test('store, erase and list', async (t) => {
  const { directory, options } = await helper(t, `[ "$1" = list ] && echo '{"r.example":"me"}' || cat > %DIR%/$1`);
  await storeInHelper('test', 'r.example', { username: 'me', secret: 'p"w' }, options);
  assert.deepEqual(JSON.parse(await readFile(join(directory, 'store'), 'utf8')), {
    ServerURL: 'r.example',
    Username: 'me',
    Secret: 'p"w',
  });
  assert.equal(await eraseFromHelper('test', 'r.example', options), true);
  assert.equal(await readFile(join(directory, 'erase'), 'utf8'), 'r.example');
  assert.deepEqual(await listHelper('test', options), new Map([['r.example', 'me']]));
});

test('erase: nothing to erase is no error', async (t) => {
  const { options } = await helper(t, `echo 'credentials not found in native keychain'; exit 1`);
  assert.equal(await eraseFromHelper('test', 'r', options), false);
});

const failures: Array<[string, string, RegExp]> = [
  [
    'its own words',
    `echo 'error getting credentials - the vault is sealed'; exit 1`,
    /^docker-credential-test get for r\.example failed: error getting credentials - the vault is sealed$/,
  ],
  ['its words on stderr', `echo 'vault sealed' >&2; exit 3`, /failed: vault sealed$/],
  ['no words', 'exit 1', /failed: it gave no reason$/],
  ['an answer that is no JSON', `echo 'hunter2'`, /failed: its answer is not a JSON object$/],
  ['an answer without a secret', `echo '{"Username":"hunter2"}'`, /failed: its answer has no Username and Secret$/],
  [
    'a login on stdout and a failing exit code',
    `echo '{"Username":"me","Secret":"hunter2"}'; exit 1`,
    /failed: it gave no reason$/,
  ],
  [
    'a secret in a URL in its words',
    `echo 'GET https://me:hunter2@vault/?token=hunter2 failed'; exit 1`,
    /GET https:\/\/\*\*\*@vault\/\?token=\*\*\* failed$/,
  ],
];

for (const [name, script, expected] of failures) {
  test(`failure: ${name}`, async (t) => {
    const { options } = await helper(t, script);
    await assert.rejects(get(options), (thrown: unknown) => {
      assert.ok(thrown instanceof AuthError);
      assert.equal(thrown.code, 'CREDENTIAL_HELPER_FAILED');
      assert.match(thrown.message, expected);
      assert.doesNotMatch(JSON.stringify([thrown.message, thrown.hint, thrown.cause]), /hunter2/);
      return true;
    });
  });
}

test('failure: a helper that repeats the secret that it was given', async (t) => {
  const { options } = await helper(t, `echo "cannot store $(cat)"; exit 1`);
  await assert.rejects(
    storeInHelper('test', 'r', { username: 'me', secret: 'hunter2' }, options),
    (thrown: unknown) => {
      assert.ok(thrown instanceof AuthError);
      assert.doesNotMatch(thrown.message, /hunter2/);
      return true;
    },
  );
});

test('failure: a helper that does not answer is stopped, with the children that hold its pipes', async (t) => {
  const { options } = await helper(t, 'sleep 2 & wait', 50);
  await assert.rejects(get(options), /docker-credential-test get failed: it did not answer within 0\.05 s$/);
});

test('failure: a helper that answers without end is stopped', async (t) => {
  const { options } = await helper(t, 'yes');
  await assert.rejects(get(options), /it answered more than 1048576 bytes$/);
});

test('failure: a helper that is not installed', async () => {
  const options = { env: { PATH: '/nonexistent' }, signal: new AbortController().signal };
  await assert.rejects(getFromHelper('test', ['r'], options), (thrown: unknown) => {
    assert.ok(thrown instanceof NotFoundError);
    assert.equal(thrown.code, 'CREDENTIAL_HELPER_NOT_FOUND');
    assert.match(thrown.message, /docker-credential-test is not installed or not on the PATH$/);
    return true;
  });
});

test('failure: a name that would be a path or a command', async () => {
  const options = { env: process.env, signal: new AbortController().signal };
  for (const name of ['../x', 'a b', 'x;id', '', 'a/b'])
    await assert.rejects(getFromHelper(name, ['r'], options), UsageError);
});

test('a run that is stopped stops its helper', async (t) => {
  const { options } = await helper(t, 'sleep 2 & wait');
  const controller = new AbortController();
  const asked = getFromHelper('test', ['r'], { ...options, signal: controller.signal });
  controller.abort();
  await assert.rejects(asked, CancelledError);
  await assert.rejects(getFromHelper('test', ['r'], { ...options, signal: controller.signal }), SheafError);
});
