import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { runHelperProgram } from '../../src/credentials/helper-program.ts';
import { AuthError } from '../../src/foundation/errors.ts';
import { memoryKeychain } from './support.ts';

async function run(keychain: ReturnType<typeof memoryKeychain>, argv: string[], input = '') {
  const stdout = new PassThrough();
  const code = await runHelperProgram({
    argv,
    stdin: Readable.from([Buffer.from(input)]),
    stdout,
    keychain,
    version: '1.2.3',
  });
  stdout.end();
  return { code, stdout: Buffer.concat(await stdout.toArray()).toString('utf8') };
}

const payload = (server: string) => JSON.stringify({ ServerURL: server, Username: 'me', Secret: 'pw' });

test('store, get, list, erase', async () => {
  const keychain = memoryKeychain();
  assert.deepEqual(await run(keychain, ['store'], payload('r.example')), { code: 0, stdout: '' });
  assert.deepEqual(await run(keychain, ['get'], 'r.example\n'), { code: 0, stdout: `${payload('r.example')}\n` });
  assert.deepEqual(await run(keychain, ['list']), { code: 0, stdout: '{"r.example":"me"}\n' });
  assert.deepEqual(await run(keychain, ['erase'], 'r.example'), { code: 0, stdout: '' });
  assert.deepEqual(await run(keychain, ['get'], 'r.example'), {
    code: 1,
    stdout: 'credentials not found in native keychain\n',
  });
  assert.deepEqual(await run(keychain, ['erase'], 'r.example'), { code: 0, stdout: '' });
});

test('docker and podman name Docker Hub differently and find the same login', async () => {
  const keychain = memoryKeychain();
  await run(keychain, ['store'], payload('docker.io'));
  const found = await run(keychain, ['get'], 'https://index.docker.io/v1/');
  assert.deepEqual(JSON.parse(found.stdout), {
    ServerURL: 'https://index.docker.io/v1/',
    Username: 'me',
    Secret: 'pw',
  });
  assert.equal((await run(keychain, ['list'])).stdout, '{"https://index.docker.io/v1/":"me"}\n');
  await run(keychain, ['erase'], 'index.docker.io');
  assert.equal(keychain.entries.size, 0);
});

test('version', async () => {
  assert.deepEqual(await run(memoryKeychain(), ['version']), { code: 0, stdout: 'docker-credential-sheaf v1.2.3\n' });
});

const refused: Array<[string[], string, string]> = [
  [[], '', 'usage: docker-credential-sheaf get|store|erase|list|version\n'],
  [['steal'], '', 'usage: docker-credential-sheaf get|store|erase|list|version\n'],
  [['get', 'x'], '', 'usage: docker-credential-sheaf get|store|erase|list|version\n'],
  [['get'], ' \n', 'no credentials server URL\n'],
  [['erase'], '', 'no credentials server URL\n'],
  [['store'], '{"Secret":"hunter2"', 'the input is not JSON\n'],
  [['store'], 'null', 'no credentials server URL\n'],
  [['store'], '{"ServerURL":"r","Secret":"hunter2"}', 'no credentials username\n'],
  [['store'], 'x'.repeat((1 << 20) + 1), 'the input is larger than 1048576 bytes\n'],
];

for (const [argv, input, stdout] of refused) {
  test(`refused: ${argv.join(' ')} with ${JSON.stringify(input.slice(0, 40))}`, async () => {
    assert.deepEqual(await run(memoryKeychain(), argv, input), { code: 1, stdout });
  });
}

test('a keychain that fails gives its one line', async () => {
  const keychain = { ...memoryKeychain(), get: () => Promise.reject(new AuthError('the keychain is locked')) };
  assert.deepEqual(await run(keychain, ['get'], 'r'), { code: 1, stdout: 'the keychain is locked\n' });
});
