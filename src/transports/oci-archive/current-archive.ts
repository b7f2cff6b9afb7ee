/** The archive that stands at a path at this moment: opened once, and again when somebody has put another one there. */
import { stat } from 'node:fs/promises';
import type { TarFile } from '../../archive/tar-file.ts';
import { systemCode } from '../../foundation/errors.ts';
import { openArchive } from '../archive-file.ts';
import type { TransportEnv } from '../transport.ts';

export class CurrentArchive implements AsyncDisposable {
  readonly #path: string | undefined;
  readonly #env: TransportEnv;
  readonly #opened: Promise<TarFile>[] = [];
  #identity: string | undefined;

  /** Without a path there is never an archive. */
  constructor(path: string | undefined, env: TransportEnv) {
    this.#path = path;
    this.#env = env;
  }

  /** Stays open until this is closed. Throws IntegrityError where what stands there is no archive. */
  async current(): Promise<TarFile | undefined> {
    const path = this.#path;
    const identity = path && (await identityOf(path));
    if (path === undefined || identity === undefined) return undefined;
    if (identity !== this.#identity) {
      this.#identity = identity;
      this.#opened.push(openArchive(path, this.#env));
    }
    return this.#opened.at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of await Promise.allSettled(this.#opened)) {
      if (opened.status === 'fulfilled') await opened.value[Symbol.asyncDispose]();
    }
  }
}

/** `undefined` where there is nothing in the file, or no file. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return size === 0n ? undefined : `${ino} ${size} ${mtimeNs}`;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return undefined;
    throw thrown;
  }
}
