/** Layers of local images: compressed for a registry, and as they are for everything else. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type FixtureImage, fixtureImage, pushFixtureImage } from '../../fixtures/images.ts';
import { createBudget } from '../../src/compression/budget.ts';
import { peerGzip, peerGzipJobBytes } from '../../src/compression/peer-gzip.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { type CopyImageRequest, copyImage } from '../../src/operations/copy-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { collect, inPieces } from '../compression/support.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';

async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const image: FixtureImage = await fixtureImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [{ shared: 'in both images '.repeat(900) }, { own: 'in one '.repeat(3000) }],
  });
  await pushFixtureImage(registry.url, 'src/app', image, '1');
  const copy = (from: string, to: string, changes: Partial<CopyImageRequest> = {}) =>
    copyImage(env, {
      source: locate(from),
      destination: locate(to),
      take: { one: {} },
      tags: [],
      dryRun: false,
      ...changes,
    });
  const layersAt = async (text: string) => {
    await using source = await openVerifiedSource(locate(text), env);
    return parseImageManifest(await source.getManifest()).layers;
  };
  const archive = `docker-archive:${join(env.folder, 'image.tar')}`;
  await copy(`docker://${registry.host}/src/app:1`, archive);
  const to = (name: string): string => `docker://${registry.host}/${name}:1`;
  const tars = image.layers.map((layer) => gunzipSync(layer.bytes));
  return { env, copy, layersAt, archive, to, tars };
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** As the peers compress it. */
async function compressed(tar: Buffer): Promise<string> {
  const turn = await createBudget().enter(peerGzipJobBytes);
  const bytes = await collect(peerGzip(inPieces(tar), turn));
  turn.leave();
  return digestOf(bytes);
}

describe('layers of local images', () => {
  it('are compressed as the peers do it on their way to a registry', async (t) => {
    const { copy, layersAt, archive, to, tars } = await scene(t);
    const { plan, result } = await copy(archive, to('dst'));
    assert.equal(result?.recompressed, 2);
    assert.ok(plan.steps.every((step) => step.kind !== 'recompress' || step.recipe.format === 'gzip'));
    const layers = await layersAt(to('dst'));
    assert.deepEqual(
      layers.map(({ digest }) => digest),
      await Promise.all(tars.map(compressed)),
    );
    assert.deepEqual([...new Set(layers.map(({ mediaType }) => mediaType))], [mediaTypes.dockerLayerGzip]);
    // the second time nothing is compressed, and nothing is sent
    const again = await copy(archive, to('dst'));
    assert.equal(again.result?.recompressed, 0);
    assert.equal(again.result?.bytes, 0);
    assert.equal(again.result?.root.digest, result?.root.digest);
  });

  it('stay as they are on their way to other places, and where digests are to be kept', async (t) => {
    const { env, copy, layersAt, archive, to, tars } = await scene(t);
    const plain = tars.map(digestOf);
    for (const [place, changes] of [
      [`oci:${join(env.folder, 'layout')}`, {}],
      [`dir:${join(env.folder, 'dir')}`, {}],
      [to('kept'), { preserveDigests: true }],
      [to('none'), { compression: { format: 'none' } }],
    ] as const) {
      await copy(archive, place, changes);
      assert.deepEqual(
        (await layersAt(place)).map(({ digest }) => digest),
        plain,
        place,
      );
    }
  });

  it('have the same gzip when it is asked for, another one with a level, and zstd when that is', async (t) => {
    const { copy, layersAt, archive, to, tars } = await scene(t);
    const theirs = await Promise.all(tars.map(compressed));
    const digests = async (name: string) => (await layersAt(to(name))).map(({ digest }) => digest);
    await copy(archive, to('asked'), { compression: { format: 'gzip' } });
    assert.deepEqual(await digests('asked'), theirs);
    await copy(archive, to('level'), { compression: { format: 'gzip', level: 4 } });
    assert.ok((await digests('level')).every((digest) => !theirs.includes(digest)));
    await copy(archive, to('zstd'), { compression: { format: 'zstd' } });
    assert.deepEqual(
      [...new Set((await layersAt(to('zstd'))).map(({ mediaType }) => mediaType))],
      [mediaTypes.ociLayerZstd],
    );
  });

  it('are not those of other sources: what a manifest names stays', async (t) => {
    const { env, copy, layersAt, archive, to, tars } = await scene(t);
    const layout = `oci:${join(env.folder, 'layout')}`;
    await copy(archive, layout);
    await copy(layout, to('plain'));
    await copy(to('plain'), to('further'));
    for (const name of ['plain', 'further']) {
      assert.deepEqual(
        (await layersAt(to(name))).map(({ digest }) => digest),
        tars.map(digestOf),
      );
    }
    // nor is gzip of such a layer the one that is slower to make
    await copy(to('plain'), to('gzip'), { compression: { format: 'gzip' } });
    const theirs = await Promise.all(tars.map(compressed));
    assert.ok((await layersAt(to('gzip'))).every(({ digest }) => !theirs.includes(digest)));
  });
});
