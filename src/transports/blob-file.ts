/** A blob written to a file: whole, checked and durable under its name, or not there at all. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { IntegrityError, SheafError } from '../foundation/errors.ts';
import { writeError } from '../foundation/file-errors.ts';
import { temporaryName } from '../foundation/temporary-names.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';
import { algorithmOf, createDigester } from '../oci/digest.ts';
import { givenUp } from './local-file.ts';
import type { BlobContent, TransportEnv } from './transport.ts';

export interface WriteBlobOptions {
  /** Whether the file must outlast a crash of the machine; default true. What only waits in a work folder need not. */
  durable?: boolean;
}

/**
 * Writes `content` to `path`; the file grows under another name in `folder`, which is on the same disk. Throws
 * IntegrityError DIGEST_MISMATCH, StorageError, and what the content fails with.
 */
export async function writeBlobFile(
  folder: string,
  path: string,
  content: BlobContent,
  env: TransportEnv,
  { durable = true }: WriteBlobOptions = {},
): Promise<void> {
  const { digest, size } = content.descriptor;
  const temporary = temporaryName(join(folder, '.blob'), 'tmp');
  const digester = createDigester(algorithmOf(digest));
  let written = 0;
  const check = new Transform({
    highWaterMark: 1 << 20,
    transform(chunk: Uint8Array, _encoding, done) {
      written += chunk.byteLength;
      digester.update(chunk);
      countYoungBytes(chunk.byteLength);
      done(null, chunk);
    },
  });
  let file: WriteStream | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    const bytes = await content.open();
    file = createWriteStream(temporary, { flags: 'wx', mode: 0o644 });
    await pipeline(bytes, check, file, { signal: env.session.signal });
    const actual = digester.digest();
    if (actual !== digest || written !== size) {
      throw new IntegrityError(
        `what was read for ${digest} (${size} bytes) has ${written} bytes and the digest ${actual}`,
        { code: 'DIGEST_MISMATCH' },
      );
    }
    if (durable) await sync(temporary);
    await rename(temporary, path);
  } catch (thrown) {
    await givenUp(file);
    await rm(temporary, { force: true }).catch(() => {});
    if (thrown instanceof SheafError) throw thrown;
    throw writeError(thrown, `cannot write the blob ${digest} to ${folder}`);
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
