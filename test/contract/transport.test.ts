/** One suite for every transport that can be read and written. A new transport is one more row of `transports`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { blobOf, type FixtureBlob, fixtureImage, fixtureIndex } from '../../fixtures/images.ts';
import { IntegrityError, NotFoundError } from '../../src/foundation/errors.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { startRegistry } from '../../src/registry-server/server.ts';
import { locate } from '../../src/transports/image-names.ts';
import type { BlobContent, ImageLocation } from '../../src/transports/transport.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';

interface Place {
  readonly env: TestEnv;
  readonly location: ImageLocation;
  /** A second place that shares nothing with the first. */
  readonly other: ImageLocation;
}

const transports: ReadonlyArray<readonly [string, (t: TestContext) => Promise<Place>]> = [
  [
    'docker',
    async (t) => {
      const env = await testEnv(t);
      const registry = await startRegistry({ storage: 'memory' });
      t.after(() => registry.close());
      return {
        env,
        location: locate(`docker://${registry.host}/a/image:one`),
        other: locate(`docker://${registry.host}/b/image:one`),
      };
    },
  ],
  [
    'oci',
    async (t) => {
      const env = await testEnv(t);
      return {
        env,
        location: locate(`oci:${join(env.folder, 'a')}:one`),
        other: locate(`oci:${join(env.folder, 'b')}:one`),
      };
    },
  ],
  [
    'oci-archive',
    async (t) => {
      const env = await testEnv(t);
      return {
        env,
        location: locate(`oci-archive:${join(env.folder, 'a.tar')}:one`),
        other: locate(`oci-archive:${join(env.folder, 'b.tar')}:one`),
      };
    },
  ],
  [
    'dir',
    async (t) => {
      const env = await testEnv(t);
      return { env, location: locate(`dir:${join(env.folder, 'a')}`), other: locate(`dir:${join(env.folder, 'b')}`) };
    },
  ],
];

function contentOf(blob: FixtureBlob): BlobContent {
  return {
    descriptor: { mediaType: blob.mediaType, digest: blob.digest, size: blob.size },
    open: async (offset = 0) => Readable.from([Buffer.from(blob.bytes.subarray(offset))]),
  };
}

/** Writes an index of two images as a push would. */
async function writeIndex({ env, location }: Pick<Place, 'env' | 'location'>) {
  const images = [
    await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } }),
    await fixtureImage({ platform: { os: 'linux', architecture: 'arm64' } }),
  ];
  const index = fixtureIndex(images);
  await using destination = await location.openDestination(env);
  for (const image of images) {
    for (const blob of [image.config, ...image.layers]) await destination.putBlob(contentOf(blob));
    await destination.putManifest(image.manifest, image.manifest.digest);
  }
  await destination.commit(index);
  return { images, index };
}

for (const [name, makePlace] of transports) {
  describe(`the transport ${name}`, () => {
    it('gives back what was put, byte for byte', async (t) => {
      const place = await makePlace(t);
      const { images, index } = await writeIndex(place);
      await using source = await openVerifiedSource(place.location, place.env);
      const root = await source.getManifest();
      assert.deepEqual(Buffer.from(root.bytes), Buffer.from(index.bytes));
      assert.equal(root.digest, index.digest);
      assert.equal(root.mediaType, index.mediaType);
      for (const image of images) {
        const manifest = await source.getManifest(image.manifest.digest);
        assert.deepEqual(Buffer.from(manifest.bytes), Buffer.from(image.manifest.bytes));
        assert.equal(manifest.mediaType, image.manifest.mediaType);
        for (const blob of [image.config, ...image.layers]) {
          assert.deepEqual(await buffer(await source.openBlob(blob)), Buffer.from(blob.bytes));
        }
      }
    });

    it('reads a blob from an offset', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      const layer = images[0]?.layers[0];
      assert.ok(layer);
      await using source = await openVerifiedSource(place.location, place.env);
      assert.deepEqual(await buffer(await source.openBlob(layer, { offset: 7 })), Buffer.from(layer.bytes.subarray(7)));
    });

    it('hands out a range of a raw blob, both ends inclusive', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      const layer = images[0]?.layers[0];
      assert.ok(layer);
      await using source = await place.location.openSource(place.env);
      assert.deepEqual(
        await buffer(await source.openBlob(layer, { start: 2, end: 5 })),
        Buffer.from(layer.bytes.subarray(2, 6)),
      );
      assert.deepEqual(await buffer(await source.openBlob(layer, { start: 9 })), Buffer.from(layer.bytes.subarray(9)));
    });

    it('says NotFoundError for an image, an instance and a blob that are not there', async (t) => {
      const place = await makePlace(t);
      const absent = digestOf(Buffer.from('absent'));
      await assert.rejects(async () => {
        await using source = await openVerifiedSource(place.location, place.env);
        await source.getManifest();
      }, NotFoundError);
      await writeIndex(place);
      await using source = await openVerifiedSource(place.location, place.env);
      await assert.rejects(source.getManifest(absent), NotFoundError);
      await assert.rejects(async () => {
        await buffer(await source.openBlob({ mediaType: 'x', digest: absent, size: 6 }));
      }, NotFoundError);
    });

    it('refuses to hand out a blob that is not what its descriptor says', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      const layer = images[0]?.layers[0];
      assert.ok(layer);
      await using source = await openVerifiedSource(place.location, place.env);
      for (const size of [layer.size - 1, layer.size + 1]) {
        await assert.rejects(async () => {
          await buffer(await source.openBlob({ ...layer, size }));
        }, IntegrityError);
      }
    });

    it('refuses a blob whose bytes are not those of its digest, and keeps nothing of it', async (t) => {
      const { env, location } = await makePlace(t);
      const blob = blobOf('application/octet-stream', Buffer.from('right'));
      await using destination = await location.openDestination(env);
      await assert.rejects(
        destination.putBlob({ ...contentOf(blob), open: async () => Readable.from([Buffer.from('wrong')]) }),
      );
      assert.equal(await destination.hasBlob(blob), false);
    });

    it('passes on the error of a source that breaks in the middle, and keeps nothing', async (t) => {
      const { env, location } = await makePlace(t);
      const blob = blobOf('application/octet-stream', Buffer.alloc(100_000, 1));
      const broken = async function* () {
        yield Buffer.alloc(50_000, 1);
        throw new IntegrityError('the source broke', { code: 'TEST_BROKEN' });
      };
      await using destination = await location.openDestination(env);
      await assert.rejects(
        destination.putBlob({ ...contentOf(blob), open: async () => Readable.from(broken(), { objectMode: false }) }),
        { code: 'TEST_BROKEN' },
      );
      assert.equal(await destination.hasBlob(blob), false);
    });

    it('knows what it has', async (t) => {
      const place = await makePlace(t);
      const blob = blobOf('application/octet-stream', Buffer.from('blob'));
      await using destination = await place.location.openDestination(place.env);
      assert.equal(await destination.hasBlob(blob), false);
      assert.equal(await destination.currentRoot(), undefined);
      await destination.putBlob(contentOf(blob));
      assert.equal(await destination.hasBlob(blob), true);
      const { index, images } = await writeIndex(place);
      assert.equal(await destination.currentRoot(), index.digest);
      assert.equal(await destination.hasManifest(images[0]?.manifest.digest as Digest), true);
      assert.equal(await destination.hasManifest(digestOf(Buffer.from('absent'))), false);
    });

    it('moves the name to a new root and gives a root more tags', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      await using destination = await place.location.openDestination(place.env);
      const [first] = images;
      assert.ok(first);
      await destination.commit(first.manifest);
      assert.equal(await destination.currentRoot(), first.manifest.digest);
      await destination.tag?.(first.manifest, 'two');
      assert.equal(await destination.currentRoot('two'), first.manifest.digest);
      assert.equal(await destination.currentRoot(), first.manifest.digest);
    });

    it('can be pinned by digest, and the pinned place means the same', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      const [first] = images;
      assert.ok(first);
      const pinned = place.location.pinned(first.manifest.digest);
      assert.ok(pinned);
      assert.equal(locate(pinned.format()).format(), pinned.format());
      await using source = await openVerifiedSource(pinned, place.env);
      assert.equal((await source.getManifest()).digest, first.manifest.digest);
    });

    it('has a text form that parses back to itself', async (t) => {
      const { location, other } = await makePlace(t);
      for (const one of [location, other]) assert.equal(locate(one.format()).format(), one.format());
    });

    it('mounts from another repository where it can mount at all', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      const layer = images[0]?.layers[0];
      const from = place.location.reference;
      await using destination = await place.other.openDestination(place.env);
      if (destination.mountBlob === undefined || from === undefined || layer === undefined) return;
      assert.equal(await destination.mountBlob(layer, from), true);
      assert.equal(await destination.hasBlob(layer), true);
    });
  });
}
