/**
 * Files in the folder of a layer, by the names that the layer's tar has for them. A folder on the way may be a link, for a
 * layer may put files behind one; links are followed as if the layer's folder were the root of everything, never out of it.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink } from 'node:fs/promises';
import { IntegrityError, systemCode } from '../../foundation/errors.ts';

/** More links than that on one way go in a circle. */
const maxLinks = 40;

export class LayerFolder {
  /** As latin1, one character a byte: names in a tar need not be UTF-8. */
  readonly #root: string;
  readonly #where: string;
  /** Files come folder by folder: the last way is kept. */
  #last: { parent: string; path: string } | undefined;

  constructor(root: string) {
    this.#where = root;
    this.#root = Buffer.from(root).toString('latin1');
  }

  /** A regular file, for reading. Throws IntegrityError LAYER_CHANGED where there is none, and what the file system says. */
  async open(name: Buffer): Promise<FileHandle> {
    const parts = partsOf(name.toString('latin1'));
    const file = parts.pop();
    if (file === undefined || file === '..') throw this.changed(name, 'it cannot be the name of a file');
    const folder = await this.#folder(parts, name);
    let handle: FileHandle;
    try {
      // a pipe must not be waited for, a link not be followed
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      handle = await open(bytes(`${folder}/${file}`), flags);
    } catch (thrown) {
      throw this.#explained(thrown, name);
    }
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw this.changed(name, 'it is no file now');
  }

  changed(name: Buffer, why: string): IntegrityError {
    return new IntegrityError(`"${name.toString()}" in ${this.#where} is not what the layer had there: ${why}`, {
      code: 'LAYER_CHANGED',
      side: 'source',
      hint: 'The image in the local storage was removed or altered meanwhile; pull or build it again.',
    });
  }

  async #folder(parts: readonly string[], name: Buffer): Promise<string> {
    const parent = parts.join('/');
    if (this.#last?.parent === parent) return this.#last.path;
    const path = await this.#walk(parts, name);
    this.#last = { parent, path };
    return path;
  }

  async #walk(parts: readonly string[], name: Buffer): Promise<string> {
    const waiting = [...parts].reverse();
    const way: string[] = [];
    let links = 0;
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      if (part === '..') {
        way.pop();
        continue;
      }
      const path = [this.#root, ...way, part].join('/');
      try {
        if (!(await lstat(bytes(path))).isSymbolicLink()) {
          way.push(part);
          continue;
        }
        links += 1;
        if (links > maxLinks) throw this.changed(name, 'links on the way to it go in a circle');
        const target = await readlink(bytes(path), 'latin1');
        if (target.startsWith('/')) way.length = 0;
        waiting.push(...partsOf(target).reverse());
      } catch (thrown) {
        throw this.#explained(thrown, name);
      }
    }
    return [this.#root, ...way].join('/');
  }

  #explained(thrown: unknown, name: Buffer): unknown {
    switch (systemCode(thrown)) {
      case 'ENOENT':
      case 'ENOTDIR':
        return this.changed(name, 'it is not there');
      case 'ELOOP':
      case 'ENXIO':
        return this.changed(name, 'it is no file now');
      default:
        return thrown;
    }
  }
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1');
}
