/** Throw-away homes, recorded events and credential helpers made of a few lines of shell. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type CredentialProviderOptions, createCredentialFinder } from '../../src/credentials/credential-provider.ts';
import type { StoredLogin } from '../../src/credentials/types.ts';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { createSession, type Session } from '../../src/foundation/session.ts';

export interface RecordedSession {
  session: Session;
  events: ProgressEvent[];
  logs(): string[];
  warnings(): string[];
}

export function recordedSession(signal?: AbortSignal): RecordedSession {
  const events: ProgressEvent[] = [];
  const onEvent = (event: ProgressEvent): void => void events.push(event);
  return {
    session: createSession(signal === undefined ? { onEvent } : { onEvent, signal }),
    events,
    logs: () => events.flatMap((event) => (event.type === 'log' ? [event.message] : [])),
    warnings: () => events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  };
}

/** Writes a file below `root` and makes the directories on the way. */
export async function put(root: string, path: string, content: string | object): Promise<string> {
  const full = join(root, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, typeof content === 'string' ? content : JSON.stringify(content));
  return full;
}

/** A `docker-credential-NAME` in `directory` whose body is `script` (of sh). */
export async function putHelper(directory: string, name: string, script: string): Promise<void> {
  const path = await put(directory, `docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

/** A PATH that begins with `directory`. */
export function pathWith(directory: string): string {
  return `${directory}${delimiter}${process.env['PATH'] ?? ''}`;
}

export function authOf(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

/** A keychain in memory that counts its calls. */
export function memoryKeychain(initial: Record<string, StoredLogin> = {}) {
  const entries = new Map(Object.entries(initial));
  const asked: string[] = [];
  return {
    entries,
    asked,
    get: (server: string) => {
      asked.push(server);
      return Promise.resolve(entries.get(server));
    },
    store: (server: string, login: StoredLogin) => {
      entries.set(server, login);
      return Promise.resolve();
    },
    erase: (server: string) => Promise.resolve(entries.delete(server)),
    list: () => Promise.resolve(new Map([...entries].map(([server, login]) => [server, login.username]))),
  };
}

/** A finder over a throw-away home, without the keychain of this machine. */
export function finderIn(home: string, options: Partial<CredentialProviderOptions> = {}) {
  const recorded = recordedSession();
  const find = createCredentialFinder({
    homeDir: home,
    env: {},
    session: recorded.session,
    keychain: null,
    platform: 'linux',
    uid: 424242,
    ...options,
  });
  return { find, ...recorded };
}
