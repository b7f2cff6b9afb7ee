/**
 * The body of `docker-credential-sheaf`, by which docker, podman, skopeo, crane and oras use the same keychain as sheaf.
 *
 * Source: the protocol of docker/docker-credential-helpers. Errors go to stdout, as that protocol has it, with exit code 1.
 */
import type { Readable, Writable } from 'node:stream';
import { asError } from '../foundation/errors.ts';
import { notFoundText } from './helper-client.ts';
import type { Keychain } from './keychain.ts';
import { hubName, hubServerUrl, keychainKey } from './registry-key.ts';
import type { StoredLogin } from './types.ts';

export interface HelperProgram {
  /** The arguments behind the program's name. */
  argv: readonly string[];
  stdin: Readable;
  stdout: Writable;
  keychain: Keychain;
  /** What `version` answers. */
  version: string;
}

/** Bytes of input that are read. */
const inputLimit = 1 << 20;

/** Runs one action and gives the exit code: 0, or 1 with the reason on stdout. Never throws and never writes a secret but for `get`. */
export async function runHelperProgram({ argv, stdin, stdout, keychain, version }: HelperProgram): Promise<number> {
  try {
    stdout.write(await answer(argv, stdin, keychain, version));
    return 0;
  } catch (thrown) {
    stdout.write(`${asError(thrown).message}\n`);
    return 1;
  }
}

async function answer(argv: readonly string[], stdin: Readable, keychain: Keychain, version: string): Promise<string> {
  const [action] = argv;
  if (argv.length !== 1) throw new Error(usage);
  switch (action) {
    case 'get': {
      const server = await readServer(stdin);
      const login = await keychain.get(keychainKey(server));
      if (login === undefined) throw new Error(notFoundText);
      return `${JSON.stringify({ ServerURL: server, Username: login.username, Secret: login.secret })}\n`;
    }
    case 'store': {
      const { server, login } = parsePayload(await readAll(stdin));
      await keychain.store(keychainKey(server), login);
      return '';
    }
    case 'erase': {
      // docker logout erases several spellings of one server and warns of each failure: nothing to erase is none
      await keychain.erase(keychainKey(await readServer(stdin)));
      return '';
    }
    case 'list': {
      const users = await keychain.list();
      // docker looks for Docker Hub under its URL alone; podman knows that URL too
      const named = [...users].map(([server, user]) => [server === hubName ? hubServerUrl : server, user]);
      return `${JSON.stringify(Object.fromEntries(named))}\n`;
    }
    case 'version':
      return `docker-credential-sheaf v${version}\n`;
    default:
      throw new Error(usage);
  }
}

const usage = 'usage: docker-credential-sheaf get|store|erase|list|version';

async function readServer(stdin: Readable): Promise<string> {
  const server = (await readAll(stdin)).trim();
  if (server === '') throw new Error('no credentials server URL');
  return server;
}

async function readAll(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.byteLength;
    if (size > inputLimit) throw new Error(`the input is larger than ${inputLimit} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsePayload(text: string): { server: string; login: StoredLogin } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // the parser's message quotes the text, which holds a secret
    throw new Error('the input is not JSON');
  }
  const field = (name: string): string => {
    const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    return typeof found === 'string' ? found : '';
  };
  const server = field('ServerURL').trim();
  const username = field('Username');
  const secret = field('Secret');
  if (server === '') throw new Error('no credentials server URL');
  if (username === '') throw new Error('no credentials username');
  return { server, login: { username, secret } };
}
