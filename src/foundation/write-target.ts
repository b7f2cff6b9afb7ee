/** What stands where somebody named a file to be written. */
import { readlink, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from './errors.ts';

export interface WriteTarget {
  /** `stream` for what takes bytes as they come: a pipe, a terminal, and what is open already, whatever file that may be. */
  readonly kind: 'file' | 'absent' | 'folder' | 'stream';
  /** Where the file itself is, or will be: a symbolic link stays one, and what it leads to is written. */
  readonly path: string;
}

/** Files that somebody has opened already, by whose names they can only be written to. */
const openFile = /^\/(?:dev\/(?:stdin|stdout|stderr|fd\/\d+)|proc\/(?:self|thread-self|\d+)\/(?:task\/\d+\/)?fd\/\d+)$/;

/** As Linux follows. */
const maxLinks = 40;

/** Throws what the file system throws, but for a path at which nothing is. */
export async function writeTarget(path: string): Promise<WriteTarget> {
  let target = path;
  for (let links = 0; links < maxLinks; links += 1) {
    if (openFile.test(resolve(target))) return { kind: 'stream', path };
    const to = await readlink(target).catch(() => undefined);
    if (to === undefined) break;
    target = resolve(dirname(target), to);
  }
  try {
    const found = await stat(target);
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'stream';
    return { kind, path: target };
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
    return { kind: 'absent', path: target };
  }
}
