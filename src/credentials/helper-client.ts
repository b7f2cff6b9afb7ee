/**
 * Talks to `docker-credential-NAME` programs.
 *
 * Source: the protocol of docker/docker-credential-helpers: `get`, `store`, `erase` and `list` as the only argument, the payload
 * on stdin, JSON on stdout, an error text on stdout with exit code 1.
 */
import { spawn } from 'node:child_process';
import {
  AuthError,
  cancelledBy,
  NotFoundError,
  type SheafError,
  systemCode,
  UsageError,
} from '../foundation/errors.ts';
import { redact } from '../foundation/redaction.ts';
import type { StoredLogin } from './types.ts';

export type HelperAction = 'get' | 'store' | 'erase' | 'list';

export interface HelperOptions {
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
  /** Milliseconds after which a helper is stopped; 60 s unless told. */
  timeoutMs?: number;
}

/** What every helper answers when it holds nothing for a server. */
export const notFoundText = 'credentials not found in native keychain';

/** Behind some of them a person types a passphrase (pass, a locked keyring), others ask a cloud first. */
const defaultTimeoutMs = 60_000;
/** Bytes of stdout and of stderr that are read; a login is far smaller. */
const outputLimit = 1 << 20;

/** What `name` holds for the first of `servers` that it knows, or undefined. */
export async function getFromHelper(
  name: string,
  servers: readonly string[],
  options: HelperOptions,
): Promise<StoredLogin | undefined> {
  for (const server of servers) {
    const login = await getOne(name, server, options);
    if (login !== undefined) return login;
  }
  return undefined;
}

/** Gives a login to `name` to keep. */
export async function storeInHelper(
  name: string,
  server: string,
  login: StoredLogin,
  options: HelperOptions,
): Promise<void> {
  const payload = { ServerURL: server, Username: login.username, Secret: login.secret };
  const run = await runHelper(name, 'store', JSON.stringify(payload), options);
  if (run.code !== 0) throw failed(name, 'store', server, withoutSecret(run, login.secret));
}

/** Makes `name` forget a login; answers false if it held none. */
export async function eraseFromHelper(name: string, server: string, options: HelperOptions): Promise<boolean> {
  const run = await runHelper(name, 'erase', server, options);
  if (run.code === 0) return true;
  if (run.said.includes(notFoundText)) return false;
  throw failed(name, 'erase', server, run.said);
}

/** User names by server, as far as `name` tells. */
export async function listHelper(name: string, options: HelperOptions): Promise<Map<string, string>> {
  const run = await runHelper(name, 'list', '', options);
  if (run.code !== 0) throw failed(name, 'list', undefined, run.said);
  const answer = parseAnswer(name, 'list', run.stdout.trim() === '' ? '{}' : run.stdout);
  return new Map(
    Object.entries(answer).flatMap(([server, user]) => (typeof user === 'string' ? [[server, user]] : [])),
  );
}

async function getOne(name: string, server: string, options: HelperOptions): Promise<StoredLogin | undefined> {
  const run = await runHelper(name, 'get', server, options);
  if (run.code !== 0) {
    if (run.said.includes(notFoundText)) return undefined;
    throw failed(name, 'get', server, run.said);
  }
  const { Username: username, Secret: secret } = parseAnswer(name, 'get', run.stdout);
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(name, 'get', server, 'its answer has no Username and Secret');
  }
  // some helpers answer an unknown server with an empty login
  return username === '' && secret === '' ? undefined : { username, secret };
}

interface HelperRun {
  code: number;
  stdout: string;
  /** The first line of what the helper said about a failure, without secrets. */
  said: string;
}

function runHelper(name: string, action: HelperAction, input: string, options: HelperOptions): Promise<HelperRun> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) {
    throw new UsageError(`"${name}" is not the name of a credential helper`, {
      code: 'INVALID_HELPER_NAME',
      hint: 'Give what follows "docker-credential-" in the name of the program.',
    });
  }
  const program = `docker-credential-${name}`;
  const { signal, env, timeoutMs = defaultTimeoutMs } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelledBy(signal));
      return;
    }
    const child = spawn(program, [action], { env, stdio: 'pipe', shell: false, windowsHide: true });
    const stop = (reason: SheafError): void => {
      child.kill('SIGKILL');
      // a grandchild may still hold the pipes: nobody waits for them
      child.stdout.destroy();
      child.stderr.destroy();
      child.stdin.destroy();
      finish(() => reject(reason));
    };
    const timer = setTimeout(
      () => stop(failed(name, action, undefined, `it did not answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const onAbort = (): void => stop(cancelledBy(signal));
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
      const chunks: Buffer[] = [];
      let size = 0;
      stream.on('data', (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > outputLimit) stop(failed(name, action, undefined, `it answered more than ${outputLimit} bytes`));
        else chunks.push(chunk);
      });
      return chunks;
    };
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on('error', (thrown) => finish(() => reject(notStarted(program, thrown))));
    child.on('close', (code) => {
      const out = Buffer.concat(stdout).toString('utf8');
      const words = out.trim() === '' || code === 0 ? Buffer.concat(stderr).toString('utf8') : out;
      finish(() => resolve({ code: code ?? -1, stdout: out, said: firstLine(words) }));
    });
    // a helper that ends without reading its input is judged by its exit code, not by the broken pipe
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function notStarted(program: string, thrown: Error): SheafError {
  if (systemCode(thrown) === 'ENOENT') {
    return new NotFoundError(`the credential helper ${program} is not installed or not on the PATH`, {
      code: 'CREDENTIAL_HELPER_NOT_FOUND',
      hint: 'Install it, or take it out of credHelpers and credsStore in the file of credentials.',
      cause: thrown,
    });
  }
  return new AuthError(`the credential helper ${program} could not be started: ${thrown.message}`, {
    code: 'CREDENTIAL_HELPER_FAILED',
    cause: thrown,
  });
}

function failed(name: string, action: HelperAction, server: string | undefined, said: string): AuthError {
  const what = server === undefined ? '' : ` for ${redact(server)}`;
  return new AuthError(`docker-credential-${name} ${action}${what} failed: ${said || 'it gave no reason'}`, {
    code: 'CREDENTIAL_HELPER_FAILED',
    hint: `Run "docker-credential-${name} list" to see whether the helper works.`,
  });
}

function parseAnswer(name: string, action: HelperAction, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // the parser's message quotes the text, which holds a secret
  }
  throw failed(name, action, undefined, 'its answer is not a JSON object');
}

function firstLine(text: string): string {
  const line = text.split(/\r?\n/).find((candidate) => candidate.trim() !== '') ?? '';
  // a program that fails may print its answer all the same: nothing that looks like one is shown
  return /"?secret"?\s*:/i.test(line) ? '' : redact(line.trim()).slice(0, 200);
}

function withoutSecret(run: HelperRun, secret: string): string {
  return secret === '' ? run.said : run.said.replaceAll(secret, '***');
}
