/**
 * Loads keytar, an optional package with native code, at its first use.
 *
 * `findCredentials` runs in a process of its own: on Linux keytar 7.9.0 dereferences a null pointer when an entry that it lists
 * stands in a locked collection, and takes the whole process with it.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The part of keytar that sheaf uses. */
export interface KeytarModule {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
  findCredentials(service: string): Promise<Array<{ account: string; password: string }>>;
}

/** Rejects with the module loader's error if keytar is not installed or cannot be loaded. */
export async function loadKeytar(): Promise<KeytarModule> {
  // not a literal, so that neither the compiler nor a bundler wants an optional package to be there
  const name: string = 'keytar';
  const module: unknown = await import(name);
  const inner = typeof module === 'object' && module !== null && 'default' in module ? module.default : module;
  if (!isKeytar(inner)) throw new Error('keytar has not the functions that it should have');
  const path = fileURLToPath(import.meta.resolve(name));
  return {
    getPassword: (service, account) => inner.getPassword(service, account),
    setPassword: (service, account, password) => inner.setPassword(service, account, password),
    deletePassword: (service, account) => inner.deletePassword(service, account),
    findCredentials: (service) => findCredentialsApart(path, service),
  };
}

const findScript = `require(process.argv[1]).findCredentials(process.argv[2]).then(
  (found) => process.stdout.write(JSON.stringify(found)),
  (error) => { process.stderr.write(error.message); process.exitCode = 1; },
)`;

function findCredentialsApart(path: string, service: string): Promise<Array<{ account: string; password: string }>> {
  const argv = ['--input-type=commonjs', '--eval', findScript, path, service];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { timeout: 30_000, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(error.signal ? 'the keyring is locked' : stderr || 'keytar failed'));
    });
  });
}

function isKeytar(value: unknown): value is KeytarModule {
  if (typeof value !== 'object' || value === null) return false;
  const names = ['getPassword', 'setPassword', 'deletePassword', 'findCredentials'];
  return names.every((name) => typeof Reflect.get(value, name) === 'function');
}
