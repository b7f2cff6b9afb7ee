/** One suite for every transport that can be read and written. A new transport is one more row of `transports`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { blobOf, type FixtureBlob, type FixtureImage, fixtureImage, fixtureIndex } from '../../fixtures/images.ts';
import { ConflictError, IntegrityError, NotFoundError } from '../../src/foundation/errors.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { parseIndex } from '../../src/oci/image-index.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { startRegistry } from '../../src/registry-server/server.ts';
import { locate } from '../../src/transports/image-names.ts';
import type { BlobContent, ImageLocation } from '../../src/transports/transport.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';

/** What a transport can do. The suite holds those that cannot to what they promise instead. */
interface Capabilities {
  /** Keeps manifests and indexes as they are; else an index comes back as single images, config and plain layers the same. */
  readonly manifests: boolean;
  /** Takes another image where there is one; else refuses that. */
  readonly rewritable: boolean;
}

interface Place {
  readonly env: TestEnv;
  readonly location: ImageLocation;
  /** A second place that shares nothing with the first. */
  readonly other: ImageLocation;
  /** Where an image of an index is found, for transports that keep no indexes. */
  imageAt?(architecture: string): ImageLocation;
}

const all: Capabilities = { manifests: true, rewritable: true };

const transports: ReadonlyArray<readonly [string, (t: TestContext) => Promise<Place>, Capabilities]> = [
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
    all,
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
    all,
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
    all,
  ],
  [
    'dir',
    async (t) => {
      const env = await testEnv(t);
      return { env, location: locate(`dir:${join(env.folder, 'a')}`), other: locate(`dir:${join(env.folder, 'b')}`) };
    },
    all,
  ],
  [
    'docker-archive',
    async (t) => {
      const env = await testEnv(t);
      const place = (name: string, tag: string) => locate(`docker-archive:${join(env.folder, name)}:app:${tag}`);
      return {
        env,
        location: place('a.tar', 'one'),
        other: place('b.tar', 'one'),
        imageAt: (architecture) => place('a.tar', `one-linux-${architecture}`),
      };
    },
    { manifests: false, rewritable: false },
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

/** The first layer of what {@link writeIndex} wrote as the transport gives it out, and where it does. */
async function firstLayer(place: Place, { images }: { images: readonly FixtureImage[] }) {
  const [image] = images;
  const layer = image?.layers[0];
  assert.ok(image && layer);
  if (place.imageAt === undefined) return { at: place.location, layer };
  const plain = blobOf('application/vnd.docker.image.rootfs.diff.tar', gunzipSync(layer.bytes));
  return { at: place.imageAt(image.platform.architecture), layer: plain };
}

for (const [name, makePlace, can] of transports) {
  describe(`the transport ${name}`, () => {
    it('gives back what was put, byte for byte', async (t) => {
      const place = await makePlace(t);
      const { images, index } = await writeIndex(place);
      if (!can.manifests) {
        for (const image of images) {
          const at = place.imageAt?.(image.platform.architecture) ?? place.location;
          await using source = await openVerifiedSource(at, place.env);
          const { config, layers } = parseImageManifest(await source.getManifest());
          assert.deepEqual(await buffer(await source.openBlob(config)), Buffer.from(image.config.bytes));
          assert.equal(layers.length, image.layers.length);
          for (const [number, layer] of layers.entries()) {
            assert.deepEqual(await buffer(await source.openBlob(layer)), gunzipSync(image.layers[number]?.bytes ?? ''));
          }
        }
        return;
      }
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
      const { at, layer } = await firstLayer(place, await writeIndex(place));
      await using source = await openVerifiedSource(at, place.env);
      assert.deepEqual(await buffer(await source.openBlob(layer, { offset: 7 })), Buffer.from(layer.bytes.subarray(7)));
    });

    it('hands out a range of a raw blob, both ends inclusive', async (t) => {
      const place = await makePlace(t);
      const { at, layer } = await firstLayer(place, await writeIndex(place));
      await using source = await at.openSource(place.env);
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
      const { at } = await firstLayer(place, await writeIndex(place));
      await using source = await openVerifiedSource(at, place.env);
      await assert.rejects(source.getManifest(absent), NotFoundError);
      await assert.rejects(async () => {
        await buffer(await source.openBlob({ mediaType: 'x', digest: absent, size: 6 }));
      }, NotFoundError);
    });

    it('knows without reading whether a blob is there, and perhaps its size, or does not say', async (t) => {
      const place = await makePlace(t);
      const { at, layer } = await firstLayer(place, await writeIndex(place));
      await using source = await at.openSource(place.env);
      if (source.sizeOfBlob === undefined) return;
      assert.ok([layer.size, undefined].includes(await source.sizeOfBlob(layer)));
      const absent = { ...layer, digest: digestOf(Buffer.from('absent')) };
      await assert.rejects(source.sizeOfBlob(absent), { name: 'NotFoundError', code: 'BLOB_NOT_FOUND' });
    });

    it('refuses to hand out a blob that is not what its descriptor says', async (t) => {
      const place = await makePlace(t);
      const { at, layer } = await firstLayer(place, await writeIndex(place));
      await using source = await openVerifiedSource(at, place.env);
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
      if (!can.rewritable) {
        // what stands in an archive that cannot be added to is of no use to anybody
        const { images } = await writeIndex(place);
        assert.equal(await destination.hasManifest(images[0]?.manifest.digest as Digest), false);
        assert.equal(await destination.currentRoot(), undefined);
        return;
      }
      const { index, images } = await writeIndex(place);
      assert.equal(await destination.currentRoot(), index.digest);
      assert.equal(await destination.hasManifest(images[0]?.manifest.digest as Digest), true);
      assert.equal(await destination.hasManifest(digestOf(Buffer.from('absent'))), false);
    });

    it('moves the name to a new root and gives a root more tags', async (t) => {
      const place = await makePlace(t);
      const { images } = await writeIndex(place);
      if (!can.rewritable) {
        await assert.rejects(place.location.openDestination(place.env), ConflictError);
        return;
      }
      await using destination = await place.location.openDestination(place.env);
      const [first] = images;
      assert.ok(first);
      await destination.commit(first.manifest);
      assert.equal(await destination.currentRoot(), first.manifest.digest);
      const more = ['two', 'three', 'four'];
      await Promise.all(more.map((tag) => destination.tag?.(first.manifest, tag)));
      if (destination.tag !== undefined) {
        for (const tag of more) assert.equal(await destination.currentRoot(tag), first.manifest.digest);
      }
      assert.equal(await destination.currentRoot(), first.manifest.digest);
    });

    it('can be pinned by digest, and the pinned place means the same', async (t) => {
      const place = await makePlace(t);
      const { at } = await firstLayer(place, await writeIndex(place));
      await using source = await openVerifiedSource(at, place.env);
      const root = await source.getManifest();
      const digest = can.manifests ? (parseIndex(root).manifests[0]?.digest as Digest) : root.digest;
      const pinned = at.pinned(digest);
      assert.ok(pinned);
      assert.equal(locate(pinned.format()).format(), pinned.format());
      await using same = await openVerifiedSource(pinned, place.env);
      assert.equal((await same.getManifest()).digest, digest);
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
