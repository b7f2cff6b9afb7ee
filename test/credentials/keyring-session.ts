/**
 * Runs inside a D-Bus session of its own (started by keyring.test.ts) and prints, as JSON, what each call to the real keychain
 * gave. Arguments: the calls to make, of `store`, `get`, `list`, `erase`, `helper-get`.
 */
import { PassThrough, Readable } from 'node:stream';
import { runHelperProgram } from '../../src/credentials/helper-program.ts';
import { createKeychain } from '../../src/credentials/keychain.ts';
import { asError, systemCode } from '../../src/foundation/errors.ts';

const keychain = createKeychain({ env: process.env, timeoutMs: 20_000 });
const server = 'registry.example';

const calls: Record<string, () => Promise<unknown>> = {
  store: () => keychain.store(server, { username: 'me', secret: 'open sesame: ü' }),
  get: () => keychain.get(server),
  list: async () => Object.fromEntries(await keychain.list()),
  erase: () => keychain.erase(server),
  'helper-get': async () => {
    const stdout = new PassThrough();
    await runHelperProgram({
      argv: ['get'],
      stdin: Readable.from([`https://${server}`]),
      stdout,
      keychain,
      version: '0',
    });
    return JSON.parse(String(stdout.read()));
  },
};

const results: Array<[string, unknown]> = [];
for (const name of process.argv.slice(2)) {
  try {
    results.push([name, (await calls[name]?.()) ?? null]);
  } catch (thrown) {
    results.push([name, `${systemCode(thrown)}: ${asError(thrown).message}`]);
  }
}
process.stdout.write(JSON.stringify(results));
