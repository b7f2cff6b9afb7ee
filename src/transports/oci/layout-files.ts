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

/** With `blobs`, a folder, those are there. */
export function folderFiles(folder: string, blobs?: string): LayoutFiles {
  const pathOf = (name: string): string =>
    blobs !== undefined && name.startsWith(blobsPrefix)
      ? join(blobs, name.slice(blobsPrefix.length))
      : join(folder, name);
  return {
    where: folder,
    size: (name) => sizeOfFile(pathOf(name)),
    read: (name, maxBytes) => readSmallFile(pathOf(name), maxBytes),
    open: (name, range, size) => openFile(pathOf(name), range, size),
  };
}

const blobsPrefix = 'blobs/';
