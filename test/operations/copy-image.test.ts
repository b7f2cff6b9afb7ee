/** `image copy` as an operation: what of an index is taken, and what the destination has then. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { ConflictError, NotFoundError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { type CopyImageRequest, type CopyTaking, copyImage } from '../../src/operations/copy-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { testEnv } from '../support/env.ts';
import { answer } from '../support/fault-kinds.ts';
import { withRegistry } from '../support/registry.ts';

const platforms = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
  { os: 'linux', architecture: 's390x' },
];

async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(platforms.map((platform) => fixtureImage({ platform })));
  for (const image of images) await pushFixtureImage(registry.url, 'src/app', image);
  const index = fixtureIndex(images);
  await pushFixtureManifest(registry.url, 'src/app', index, 'multi');
  const [amd64, arm64, s390x] = images;
  assert.ok(amd64 && arm64 && s390x);
  const source = locate(`docker://${registry.host}/src/app:multi`);
  const destination = locate(`docker://${registry.host}/dst/app:1`);
  const copy = (request: Partial<CopyImageRequest>) =>
    copyImage(env, { source, destination, take: { one: {} }, tags: [], dryRun: false, ...request });
  const rootAt = async (text: string): Promise<Digest> => {
    await using opened = await openVerifiedSource(locate(text), env);
    return (await opened.getManifest()).digest;
  };
  return { env, registry, index, amd64, arm64, s390x, source, destination, copy, rootAt };
}

describe('copyImage', () => {
  it('takes of an index the image of this machine, as an image of its own', async (t) => {
    const { copy, amd64, rootAt, destination, registry } = await scene(t);
    const { result } = await copy({});
    assert.equal(result?.root.digest, amd64.manifest.digest);
    assert.equal(await rootAt(destination.format()), amd64.manifest.digest);
    // blobs are mounted from the repository of the source although only one instance is copied
    assert.equal(result?.mounted, 2);
    assert.equal(result?.copied, 0);
    assert.ok(!registry.faults.requests.some(({ path }) => path.includes(`/dst/app/manifests/multi`)));
  });

  it('asks a registry what it has while the source is opened', async (t) => {
    const { copy, source, destination, index } = await scene(t);
    const { promise: asked, resolve: tellAsked } = Promise.withResolvers<void>();
    const { result } = await copy({
      source: { ...source, openSource: (env) => asked.then(() => source.openSource(env)) },
      destination: {
        ...destination,
        async openDestination(env) {
          const opened = await destination.openDestination(env);
          const currentRoot = (tag?: string) => {
            tellAsked();
            return opened.currentRoot(tag);
          };
          return { ...opened, currentRoot };
        },
      },
      take: { select: 'all', unselected: 'keep' },
    });
    assert.equal(result?.root.digest, index.digest);
  });

  it('tells what is wrong with the source where the destination cannot be asked either', async (t) => {
    const { copy, registry } = await scene(t);
    const source = locate(`docker://${registry.host}/src/app:none`);
    registry.faults.on({ path: /\/dst\/app\// }, answer(403));
    await assert.rejects(copy({ source }), (thrown: unknown) => {
      assert.ok(thrown instanceof NotFoundError);
      assert.equal(thrown.side, 'source');
      return true;
    });
  });

  it('takes the image that is asked for, and asks for nothing of the others', async (t) => {
    const { copy, arm64, amd64, registry } = await scene(t);
    registry.faults.reset();
    const { result } = await copy({ take: { one: { architecture: 'arm64' } } });
    assert.equal(result?.root.digest, arm64.manifest.digest);
    assert.ok(!registry.faults.requests.some(({ path }) => path.includes(amd64.manifest.digest)));
  });

  it('says which platforms there are when none fits', async (t) => {
    const { copy } = await scene(t);
    await assert.rejects(copy({ take: { one: { architecture: 'riscv64' } } }), (thrown: unknown) => {
      assert.ok(thrown instanceof NotFoundError);
      assert.equal(thrown.code, 'NO_IMAGE_FOR_PLATFORM');
      return true;
    });
  });

  it('takes a single image for no other platform', async (t) => {
    const { copy, env, arm64, registry } = await scene(t);
    const warnings: string[] = [];
    env.session.emit = (event) => {
      if (event.type === 'warning') warnings.push(`${event.code}: ${event.message}`);
    };
    const source = locate(`docker://${registry.host}/src/app@${arm64.manifest.digest}`);
    const take = (...architectures: string[]): CopyTaking => {
      const platforms = architectures.map((architecture) => ({ os: 'linux', architecture }));
      return { select: { platforms }, unselected: 'strip' };
    };
    for (const dryRun of [true, false]) {
      for (const absent of [take('s390x'), take('arm64', 's390x')]) {
        const message = `${source.format()} is a single image for linux/arm64/v8, and linux/s390x was asked for`;
        const expected = { code: 'NO_IMAGE_FOR_PLATFORM', side: 'source', message };
        await assert.rejects(copy({ source, take: absent, dryRun }), expected);
      }
    }
    for (const present of [take('arm64'), { one: { architecture: 'arm64' } }, { one: {} }]) {
      assert.equal((await copy({ source, take: present })).result?.root.digest, arm64.manifest.digest);
    }
    assert.deepEqual(warnings, []);
    // as with skopeo, which says nothing
    const { result } = await copy({ source, take: { one: { architecture: 's390x' } } });
    assert.equal(result?.root.digest, arm64.manifest.digest);
    assert.deepEqual(warnings, [
      `OTHER_PLATFORM: ${source.format()} is a single image for linux/arm64/v8, and linux/s390x was asked for`,
    ]);
  });

  it('takes the whole index with its bytes', async (t) => {
    const { copy, index, rootAt, destination } = await scene(t);
    const { result } = await copy({ take: { select: 'all', unselected: 'keep' }, preserveDigests: true });
    assert.equal(result?.root.digest, index.digest);
    assert.equal(await rootAt(destination.format()), index.digest);
  });

  it('takes some platforms and strips the index, or keeps it sparse', async (t) => {
    const { copy, index, env, arm64, s390x } = await scene(t);
    const select = {
      platforms: [
        { os: 'linux', architecture: 's390x' },
        { os: 'linux', architecture: 'arm64' },
      ],
    };
    const folder = join(env.folder, 'layout');
    const stripped = await copy({ take: { select, unselected: 'strip' }, destination: locate(`oci:${folder}:a`) });
    const { manifests } = JSON.parse(Buffer.from(stripped.result?.root.bytes ?? []).toString()) as {
      manifests: Array<{ digest: string }>;
    };
    assert.deepEqual(
      manifests.map(({ digest }) => digest),
      [arm64.manifest.digest, s390x.manifest.digest],
    );
    const sparse = await copy({ take: { select, unselected: 'keep' }, destination: locate(`oci:${folder}:b`) });
    assert.equal(sparse.result?.root.digest, index.digest);
  });

  it('takes the index alone', async (t) => {
    const { copy, index, env } = await scene(t);
    const folder = join(env.folder, 'layout');
    const { result } = await copy({
      take: { select: 'none', unselected: 'keep' },
      destination: locate(`oci:${folder}:a`),
    });
    assert.equal(result?.root.digest, index.digest);
    assert.equal(result?.copied, 0);
  });

  it('refuses what changes a digest before anything is sent', async (t) => {
    const { copy, registry } = await scene(t);
    registry.faults.reset();
    const all = { select: 'all', unselected: 'keep' } as const;
    const some = { select: { platforms: [{ os: 'linux', architecture: 'arm64' }] }, unselected: 'strip' } as const;
    for (const request of [
      { format: 'docker', take: all },
      { format: 'docker' },
      { take: some },
      { take: all, compression: { format: 'zstd' } },
    ] as const) {
      await assert.rejects(copy({ ...request, preserveDigests: true }), (thrown: unknown) => {
        assert.ok(thrown instanceof ConflictError);
        assert.equal(thrown.code, 'DIGESTS_WOULD_CHANGE');
        return true;
      });
    }
    assert.deepEqual(
      registry.faults.requests.filter(({ method }) => !['GET', 'HEAD'].includes(method)),
      [],
    );
  });

  it('only reads in a dry run', async (t) => {
    const { copy, registry, amd64 } = await scene(t);
    registry.faults.reset();
    const { plan, result } = await copy({ dryRun: true, tags: ['more'] });
    assert.equal(result, undefined);
    assert.equal(plan.original.digest, amd64.manifest.digest);
    assert.ok(registry.faults.requests.every(({ method }) => ['GET', 'HEAD'].includes(method)));
  });

  it('reaches the destination in its own way', async (t) => {
    const { env, source, destination } = await scene(t);
    const other = await testEnv(t);
    const asked: string[] = [];
    const registries = {
      ...other.registries,
      client: (...args: Parameters<typeof other.registries.client>) => {
        asked.push(args[0]);
        return other.registries.client(...args);
      },
    };
    await copyImage(
      env,
      { source, destination, take: { one: {} }, tags: ['other'], dryRun: false },
      { ...other, registries },
    );
    assert.deepEqual(asked, [destination.reference?.registry]);
  });
});
