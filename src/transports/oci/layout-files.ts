/** The files of a layout, wherever they are: in a folder, or in a tar archive. Names are relative, with forward slashes. */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { openFile, readSmallFile, sizeOfFile } from '../local-file.ts';
import type { ByteRange } from '../transport.ts';

export interface LayoutFiles {
  /** The folder or archive, for messages. */
  readonly where: string;
  /** Bytes; `undefined` where there is no such file. */
  size(name: string): Promise<number | undefined>;
  /** The whole file; `undefined` where there is none. Throws IntegrityError where it is larger. */
  read(name: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** The file is there, and has `size` bytes where that is told. */
  open(name: string, range?: ByteRange, size?: number): Readable;
}

export function folderFiles(folder: string): LayoutFiles {
  return {
    where: folder,
    size: (name) => sizeOfFile(join(folder, name)),
    read: (name, maxBytes) => readSmallFile(join(folder, name), maxBytes),
    open: (name, range, size) => openFile(join(folder, name), range, size),
  };
}
