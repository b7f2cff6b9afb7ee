/** `docker-credential-sheaf` with a JSON file in place of the keychain, so that peers can be run against the real helper body. */
import { readFileSync, writeFileSync } from 'node:fs';
import { runHelperProgram } from '../../src/credentials/helper-program.ts';
import type { Keychain } from '../../src/credentials/keychain.ts';
import type { StoredLogin } from '../../src/credentials/types.ts';

const path = process.env['SHEAF_TEST_KEYCHAIN'] ?? '';
const read = (): Record<string, StoredLogin> => JSON.parse(readFileSync(path, 'utf8'));
const write = (entries: Record<string, StoredLogin>): void => writeFileSync(path, JSON.stringify(entries));

const keychain: Keychain = {
  get: async (server) => read()[server],
  store: async (server, login) => write({ ...read(), [server]: login }),
  erase: async (server) => {
    const { [server]: gone, ...rest } = read();
    write(rest);
    return gone !== undefined;
  },
  list: async () => new Map(Object.entries(read()).map(([server, login]) => [server, login.username])),
};

process.exitCode = await runHelperProgram({
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  keychain,
  version: '0.0.0',
});
