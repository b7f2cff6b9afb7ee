/**
 * The tar of a layer, byte for byte, from the files in the layer's folder and from what tar-split kept of everything between
 * them. See `compression/tar-split.ts` for the format.
 */
import { createReadStream } from 'node:fs';
import { Crc64 } from '../../compression/crc64.ts';
import { gunzip } from '../../compression/gunzip.ts';
import { IntegrityError } from '../../foundation/errors.ts';
import { countYoungBytes } from '../../foundation/young-garbage.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import { LayerFolder } from './inside.ts';
import { unreadable } from './storage-files.ts';

/** One line holds the headers of one file, or a megabyte of padding, in base64. */
const maxLineBytes = 16 << 20;
const pieceBytes = 512 << 10;
const joinedBytes = 128 << 10;

/**
 * `folder` has the files of the layer, `recipe` is its tar-split file (gzip). Throws IntegrityError LAYER_CHANGED where a file
 * is not the one that the layer had, MALFORMED_TAR_SPLIT, StorageError STORAGE_UNREADABLE.
 */
export function layerTar(folder: string, recipe: string): AsyncGenerator<Uint8Array> {
  return joined(piecesOf(folder, recipe));
}

async function* piecesOf(folder: string, recipe: string): AsyncGenerator<Uint8Array> {
  const files = new LayerFolder(folder);
  try {
    for await (const line of linesOf(gunzip(createReadStream(recipe, { highWaterMark: 1 << 16 })), recipe)) {
      const entry = parseEntry(line, recipe);
      if (entry.kind === 'segment') yield entry.bytes;
      else yield* fileBytes(files, entry);
    }
  } catch (thrown) {
    throw unreadable(thrown, folder);
  }
}

/** Headers and small files in larger pieces: a layer may have a hundred thousand of them. */
async function* joined(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    length += piece.byteLength;
    if (length < joinedBytes) continue;
    yield waiting.length === 1 ? piece : Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting);
}

interface FileEntry {
  readonly kind: 'file';
  readonly name: Buffer;
  readonly size: number;
  /** CRC-64 of the bytes. */
  readonly checksum: Buffer;
}

type Entry = { readonly kind: 'segment'; readonly bytes: Uint8Array } | FileEntry;

function parseEntry(line: Uint8Array, recipe: string): Entry {
  const entry = parseJson(line, recipe);
  if (!isJsonObject(entry)) throw malformed(recipe, 'a line is no object');
  const { type, name, name_raw: rawName, size = 0, payload } = entry;
  if (type === 2) return { kind: 'segment', bytes: base64Of(payload, recipe) };
  if (type !== 1) throw malformed(recipe, `a line is of the unknown type ${JSON.stringify(type)}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw malformed(recipe, 'a size is none');
  if (size === 0) return { kind: 'segment', bytes: new Uint8Array() };
  const bytes = typeof name === 'string' && name !== '' ? Buffer.from(name) : base64Of(rawName, recipe);
  return { kind: 'file', name: bytes, size, checksum: base64Of(payload, recipe) };
}

function base64Of(value: JsonValue | undefined, recipe: string): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  if (typeof value !== 'string') throw malformed(recipe, 'a line holds something else than base64');
  return Buffer.from(value, 'base64');
}

async function* fileBytes(files: LayerFolder, { name, size, checksum }: FileEntry): AsyncGenerator<Uint8Array> {
  const file = await files.open(name);
  try {
    const crc = new Crc64();
    let left = size;
    while (left > 0) {
      const piece = Buffer.allocUnsafeSlow(Math.min(left, pieceBytes));
      const { bytesRead } = await file.read(piece, 0, piece.byteLength);
      if (bytesRead === 0) throw files.changed(name, `it has ${size - left} bytes instead of ${size}`);
      left -= bytesRead;
      const bytes = piece.subarray(0, bytesRead);
      crc.update(bytes);
      // the last piece only goes out when all of the file is known to be right
      if (left === 0 && !crc.digest().equals(checksum)) throw files.changed(name, 'its checksum differs');
      yield bytes;
      countYoungBytes(piece.byteLength);
    }
  } finally {
    await file.close();
  }
}

/** Lines without their end. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, recipe: string): AsyncGenerator<Uint8Array> {
  let before: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const rest = chunk.subarray(start, end);
      const line = before.length === 0 ? rest : Buffer.concat([...before, rest]);
      before = [];
      length = 0;
      start = end + 1;
      if (line.byteLength > 0) yield line;
    }
    const rest = chunk.subarray(start);
    if (rest.byteLength === 0) continue;
    length += rest.byteLength;
    if (length > maxLineBytes) throw malformed(recipe, `a line has more than ${maxLineBytes} bytes`);
    before.push(Buffer.from(rest));
  }
  if (length > 0) yield Buffer.concat(before);
}

function malformed(recipe: string, why: string): IntegrityError {
  return new IntegrityError(`${recipe} is not as a storage writes it: ${why}`, {
    code: 'MALFORMED_TAR_SPLIT',
    side: 'source',
    hint: 'Let `podman system check` look at the storage.',
  });
}
