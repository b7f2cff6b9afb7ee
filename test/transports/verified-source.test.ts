/** What every source is wrapped in; that nothing wrong comes out of it, the contract of all transports says. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { ChunkReader } from '../../src/foundation/chunk-reader.ts';
import { giveBack } from '../../src/foundation/own-bytes.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { locate } from '../../src/transports/image-names.ts';
import { verifiedSource } from '../../src/transports/verified-source.ts';

describe('a source whose answers are checked', () => {
  it('hands over the memory of a blob that is wanted whole, and not what it only gives a part of', async () => {
    const size = 100_000;
    const read = [Buffer.alloc(size, 1), Buffer.alloc(size, 2)];
    const whole = Buffer.concat(read);
    const blob: Descriptor = { mediaType: mediaTypes.ociLayerTar, digest: digestOf(whole), size: whole.byteLength };
    const source = verifiedSource(locate('oci:anywhere'), {
      getManifest: () => assert.fail(),
      openBlob: async () => Readable.from(read, { objectMode: false }),
      [Symbol.asyncDispose]: async () => {},
    });
    const open = async (offset?: number): Promise<ChunkReader> =>
      new ChunkReader(await source.openBlob(blob, offset === undefined ? {} : { offset }));
    for await (const chunk of (await open(10)).whole()) {
      if (chunk[0] === 1) giveBack(chunk);
    }
    assert.equal(read[0]?.byteLength, size);
    for await (const chunk of (await open()).whole()) giveBack(chunk);
    assert.deepEqual(
      read.map((chunk) => chunk.byteLength),
      [0, 0],
    );
  });
});
