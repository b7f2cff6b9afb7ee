/** A release of eight platforms with three layers each, as an OCI layout, made of this program's own files: realistic to compress. */
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { digestOf, encodedOf } from '../../src/oci/digest.ts';

export interface ReleaseOptions {
  /** MiB of each layer of a platform. */
  layers?: readonly number[];
  platforms?: number;
  compressed?: boolean;
  /** Makes all layers other ones, for programs that remember what they have seen. */
  seed?: string;
}

const architectures = ['amd64', 'arm64', '386', 'ppc64le', 's390x', 'riscv64', 'mips64le', 'loong64'];
const fileBytes = 512 * 1024;

/** Writes the layout to `folder`, its index under the name `multi`. */
export function makeRelease(folder: string, options: ReleaseOptions = {}): void {
  if (existsSync(join(folder, 'index.json'))) return;
  const { layers = [6, 3, 1], platforms = 8, compressed = true, seed = '' } = options;
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const digest = digestOf(bytes);
    writeFileSync(join(folder, 'blobs', 'sha256', encodedOf(digest)), bytes);
    return { digest, size: bytes.byteLength };
  };
  const document = (value: unknown) => put(Buffer.from(JSON.stringify(value)));
  let taken = 0;
  const manifests = Array.from({ length: platforms }, (_, at) => {
    const architecture = `${architectures[at % architectures.length]}`;
    const variant = at < architectures.length ? {} : { variant: `v${Math.floor(at / architectures.length)}` };
    const tars = layers.map((mebibytes, layer) => {
      const files = Math.max(1, Math.round((mebibytes * 1024 * 1024) / fileBytes));
      const size = Math.min(fileBytes, Math.round(mebibytes * 1024 * 1024));
      const tar = tarOf(files, size, taken, `${architecture}/${layer}/${seed}`);
      taken += files;
      return tar;
    });
    const config = document({
      architecture,
      os: 'linux',
      ...variant,
      config: {},
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    });
    const type = `application/vnd.oci.image.layer.v1.tar${compressed ? '+gzip' : ''}`;
    const manifest = document({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: tars.map((tar) => ({ mediaType: type, ...put(compressed ? gzipSync(tar, { level: 6 }) : tar) })),
    });
    const platform = { architecture, os: 'linux', ...variant };
    return { mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, platform };
  });
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const index = document({ schemaVersion: 2, mediaType, manifests });
  const root = { mediaType, ...index, annotations: { 'org.opencontainers.image.ref.name': 'multi' } };
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [root] }));
}

/** Files cut out of the program, each with a name of its own. */
function tarOf(files: number, bytes: number, first: number, name: string): Buffer {
  const program = openSync(process.execPath, 'r');
  const { size } = statSync(process.execPath);
  const parts: Buffer[] = [];
  for (let at = 0; at < files; at += 1) {
    const content = Buffer.alloc(bytes);
    const read = readSync(program, content, 0, bytes, ((first + at) * fileBytes) % Math.max(1, size - fileBytes));
    parts.push(
      headerOf(`usr/lib/${name}/${at}`, read),
      content.subarray(0, read),
      Buffer.alloc((512 - (read % 512)) % 512),
    );
  }
  closeSync(program);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** ustar. */
function headerOf(name: string, size: number): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
  header.write(name, 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(0, 12), 100);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
