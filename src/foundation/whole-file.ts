/** Files that people name and programs write for them: settings, credentials, keys. */
import { open } from 'node:fs/promises';

/** Far more than settings and credentials have. */
const mostBytes = 16 << 20;

/** The same for keys: a keyring of a large project has some ten MiB. */
export const mostKeyBytes = 128 << 20;

/**
 * The whole of `path`, which may be a pipe. Throws what the file system throws, and an error with the code `EFBIG` for what is
 * larger than `maxBytes` or, as a device, has no end.
 */
export async function readWholeFile(path: string, maxBytes = mostBytes): Promise<Buffer> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const chunks: Uint8Array[] = [];
  for (let read = 0; Math.max(size, read) <= maxBytes; ) {
    const chunk = Buffer.allocUnsafe(64 << 10);
    const { bytesRead } = await file.read(chunk);
    if (bytesRead === 0) return Buffer.concat(chunks);
    read += bytesRead;
    chunks.push(chunk.subarray(0, bytesRead));
  }
  throw Object.assign(new Error(`it has more than ${maxBytes} bytes`), { code: 'EFBIG' });
}
