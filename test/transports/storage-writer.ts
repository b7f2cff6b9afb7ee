/** Local storages as containers/storage writes them, small ones, without podman. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Crc64 } from '../../src/compression/crc64.ts';
import { type Digest, digestOf, encodedOf } from '../../src/oci/digest.ts';
import { type TarEntry, tarOf } from '../compression/tars.ts';

export interface WrittenLayer {
  readonly id: string;
  readonly diffId: Digest;
  readonly tar: Buffer;
  /** Where its files are. */
  readonly folder: string;
  /** Its tar-split file. */
  readonly recipe: string;
}

export interface WrittenImage {
  readonly id: string;
  readonly names?: readonly string[];
  readonly layer?: string;
  /** By key; the config goes by its digest. */
  readonly data: Readonly<Record<string, Uint8Array>>;
  /** Of whoever has put it there. */
  readonly metadata?: object;
}

/** One file of a layer; `rawName` for names that are not UTF-8. */
export interface LayerFile extends TarEntry {
  readonly rawName?: Buffer;
}

export class StorageWriter {
  readonly root: string;
  readonly driver: string;
  readonly #layers: object[] = [];
  readonly #images: object[] = [];

  constructor(root: string, driver = 'overlay') {
    this.root = root;
    this.driver = driver;
  }

  /** The text before the image in names of this storage. */
  get prefix(): string {
    return `containers-storage:[${this.driver}@${this.root}+${this.root}/run]`;
  }

  /** `unmeasured` leaves away what the storage normally knows of the tar. */
  async layer(files: readonly LayerFile[], parent?: WrittenLayer, unmeasured = false): Promise<WrittenLayer> {
    const tar = tarOf(files);
    const diffId = digestOf(tar);
    const id = encodedOf(digestOf(Buffer.from(`${parent?.id} ${diffId}`)));
    const folder = this.driver === 'vfs' ? join(this.root, 'vfs', 'dir', id) : join(this.root, this.driver, id, 'diff');
    await mkdir(folder, { recursive: true });
    const lines: object[] = [];
    const add = (line: object): void => void lines.push({ ...line, position: lines.length });
    let before: Buffer = Buffer.alloc(0);
    for (const file of files) {
      const data = Buffer.from(file.data ?? []);
      const padding = (512 - (data.byteLength % 512)) % 512;
      const bytes = tarOf([file], 0);
      const start = bytes.byteLength - padding - data.byteLength;
      add({ type: 2, payload: Buffer.concat([before, bytes.subarray(0, start)]).toString('base64') });
      const name = file.rawName === undefined ? { name: file.name } : { name_raw: file.rawName.toString('base64') };
      if (data.byteLength === 0) add({ type: 1, ...name, payload: null });
      else add({ type: 1, ...name, size: data.byteLength, payload: checksumOf(data) });
      before = bytes.subarray(start + data.byteLength);
      await this.#unpack(folder, file, data);
    }
    add({ type: 2, payload: Buffer.concat([before, Buffer.alloc(1024)]).toString('base64') });
    const recipe = join(this.root, `${this.driver}-layers`, `${id}.tar-split.gz`);
    await mkdir(dirname(recipe), { recursive: true });
    await writeFile(recipe, gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
    const known = unmeasured ? {} : { 'diff-digest': diffId, 'diff-size': tar.byteLength };
    this.#layers.push({ id, ...(parent === undefined ? {} : { parent: parent.id }), ...known });
    await this.#write('layers', this.#layers);
    return { id, diffId, tar, folder, recipe };
  }

  async image({ id, names = [], layer, data, metadata }: WrittenImage): Promise<void> {
    const folder = join(this.root, `${this.driver}-images`, id);
    await mkdir(folder, { recursive: true });
    for (const [key, bytes] of Object.entries(data)) {
      const plain = /^[.0-9a-z]+$/.test(key);
      await writeFile(join(folder, plain ? key : `=${Buffer.from(key).toString('base64')}`), bytes);
    }
    const digests = Object.fromEntries(Object.entries(data).map(([key, bytes]) => [key, digestOf(bytes)]));
    const told = metadata === undefined ? {} : { metadata: JSON.stringify(metadata) };
    this.#images.push({ id, names, layer, ...told, 'big-data-names': Object.keys(data), 'big-data-digests': digests });
    await this.#write('images', this.#images);
  }

  async #write(what: string, records: readonly object[]): Promise<void> {
    const folder = join(this.root, `${this.driver}-${what}`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${what}.json`), JSON.stringify(records));
  }

  async #unpack(folder: string, file: LayerFile, data: Buffer): Promise<void> {
    const path = Buffer.concat([Buffer.from(`${folder}/`), file.rawName ?? Buffer.from(file.name)]);
    await mkdir(dirname(path.toString('latin1')), { recursive: true });
    if (file.typeFlag === '2') await symlink(file.linkName ?? '', path);
    else if (file.name.endsWith('/')) await mkdir(path, { recursive: true });
    else await writeFile(path, data);
  }
}

function checksumOf(data: Buffer): string {
  const crc = new Crc64();
  crc.update(data);
  return crc.digest().toString('base64');
}
