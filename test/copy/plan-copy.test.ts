import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  blobOf,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
  writeFixtureLayout,
} from '../../fixtures/images.ts';
import { executePlan } from '../../src/copy/execute-plan.ts';
import { type CopyPlan, type CopyStep, isNothingToDo, plannedDigest } from '../../src/copy/plan.ts';
import { type CopyRequest, planCopy } from '../../src/copy/plan-copy.ts';
import { describePlan } from '../../src/copy/step-texts.ts';
import { ConflictError, IntegrityError, NotFoundError } from '../../src/foundation/errors.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { startRegistry } from '../../src/registry-server/server.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { artifact } from './artifact.ts';
import { imageRegistry } from './image-registry.ts';

const platforms = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
  { os: 'linux', architecture: 's390x' },
];

/** A layer that all three images share, and one of each image's own. */
async function threeImages() {
  return Promise.all(
    platforms.map((platform) =>
      fixtureImage({ platform, layers: [{ shared: 'the same in all' }, { own: JSON.stringify(platform) }] }),
    ),
  );
}

async function registryWithIndex(t: TestContext) {
  const images = await threeImages();
  const registry = await imageRegistry(t, images);
  return { registry, images, index: fixtureIndex(images), requests: registry.requests };
}

async function plan(env: TestEnv, from: string, to: string, options: Partial<CopyRequest> = {}): Promise<CopyPlan> {
  const location = locate(to);
  await using source = await openVerifiedSource(locate(from), env);
  await using destination = await location.openDestination(env);
  return planCopy({ source, destination, location, select: 'all', unselected: 'keep', host: env.host, ...options });
}

async function copy(env: TestEnv, from: string, to: string, options: Partial<CopyRequest> = {}) {
  const location = locate(to);
  await using source = await openVerifiedSource(locate(from), env);
  await using destination = await location.openDestination(env);
  const made = await planCopy({
    source,
    destination,
    location,
    select: 'all',
    unselected: 'keep',
    host: env.host,
    ...options,
  });
  return { plan: made, result: await executePlan(env.session, made, source, destination) };
}

const kinds = (steps: readonly CopyStep[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const step of steps) counts[step.kind] = (counts[step.kind] ?? 0) + 1;
  return counts;
};

describe('planCopy', () => {
  it('makes the same plan, whichever instance is read first', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const location = locate(`docker://${registry.host}/dst/app:1`);
    const planWithLast = async (last: number): Promise<CopyPlan> => {
      const { promise: othersRead, resolve } = Promise.withResolvers<void>();
      let left = images.length - 1;
      await using source = await openVerifiedSource(locate(`docker://${registry.host}/src/app:multi`), env);
      await using destination = await location.openDestination(env);
      const getManifest: typeof source.getManifest = async (instance) => {
        if (instance === images[last]?.manifest.digest) await othersRead;
        const manifest = await source.getManifest(instance);
        if (instance !== undefined) left -= 1;
        if (left === 0) setImmediate(resolve);
        return manifest;
      };
      const slow = { ...source, getManifest };
      const request = { destination, location, host: env.host, select: 'all', unselected: 'keep' } as const;
      return planCopy({ ...request, source: slow, format: 'docker' });
    };
    const [first, ...others] = await Promise.all(images.map((_, at) => planWithLast(at)));
    assert.equal(first?.changes.length, 3);
    for (const other of others) assert.deepEqual(other, first);
  });

  it('only reads', async (t) => {
    const env = await testEnv(t);
    const { registry, requests } = await registryWithIndex(t);
    await plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`);
    assert.deepEqual([...new Set(requests.map((request) => request.split(' ')[0]))].sort(), ['GET', 'HEAD']);
  });

  it('takes no platform out of an index within the index, and makes no Docker list of one', async (t) => {
    const env = await testEnv(t);
    const [amd64, arm64, s390x] = await threeImages();
    assert.ok(amd64 !== undefined && arm64 !== undefined && s390x !== undefined);
    const inner = fixtureIndex([amd64, s390x]);
    const entry = ({ mediaType, digest, bytes }: typeof inner) => ({ mediaType, digest, size: bytes.byteLength });
    const members = [entry(inner), { ...entry(arm64.manifest), platform: platforms[1] }];
    const { mediaType } = inner;
    const outer = blobOf(mediaType, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: members })));
    const layout = join(env.folder, 'nested');
    await writeFixtureLayout(layout, { amd64, arm64, s390x }, { inner, outer });
    const [from, to] = [`oci:${layout}:outer`, `oci:${env.folder}/to:1`];
    const of = (text: string): Partial<CopyRequest> => ({
      select: { platforms: [parsePlatform(text)] },
      unselected: 'strip',
    });
    const chosen = await plan(env, from, to, of('linux/arm64'));
    assert.equal(chosen.steps.filter(({ kind }) => kind === 'put-manifest').length, 1);
    assert.match(chosen.notes.join(), /not selected/);
    for (const platform of ['linux/amd64', 'linux/riscv64']) {
      await assert.rejects(plan(env, from, to, of(platform)), { code: 'NO_IMAGE_FOR_PLATFORM', hint: /its digest/ });
    }
    await assert.rejects(plan(env, from, to, { format: 'docker' }), { code: 'INDEX_NOT_IN_FORMAT' });
  });

  it('asks for every digest once', async (t) => {
    const env = await testEnv(t);
    const { registry, requests } = await registryWithIndex(t);
    await plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`);
    const asked = [...requests];
    assert.deepEqual(asked, [...new Set(asked)]);
  });

  it('mounts what another repository of the registry has, each blob once, configs too', async (t) => {
    const env = await testEnv(t);
    const { registry } = await registryWithIndex(t);
    const made = await plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`);
    // 3 configs, 3 own layers, 1 shared layer
    assert.deepEqual(kinds(made.steps), { mount: 7, 'put-manifest': 3, tag: 1 });
  });

  it('copies from an OCI layout, each blob once over the whole list', async (t) => {
    const env = await testEnv(t);
    const images = await threeImages();
    const layout = join(env.folder, 'layout');
    await writeFixtureLayout(layout, Object.fromEntries(images.map((image, at) => [`p${at}`, image])), {
      multi: fixtureIndex(images),
    });
    const registry = await startRegistry({ storage: 'memory' });
    t.after(() => registry.close());
    const { plan: made, result } = await copy(env, `oci:${layout}:multi`, `docker://${registry.host}/dst/app:1`);
    assert.deepEqual(kinds(made.steps), { copy: 7, 'put-manifest': 3, tag: 1 });
    assert.equal(result.copied, 7);
    assert.equal(made.bytes, result.bytes);
    assert.equal(isNothingToDo(await plan(env, `oci:${layout}:multi`, `docker://${registry.host}/dst/app:1`)), true);
  });

  it('puts every step behind those that it needs, the tag last', async (t) => {
    const env = await testEnv(t);
    const { registry } = await registryWithIndex(t);
    const made = await plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`, {
      tags: ['latest'],
    });
    const seen = new Set<string>();
    for (const step of made.steps) {
      for (const need of step.needs) assert.ok(seen.has(need), `${step.id} stands before ${need}`);
      seen.add(step.id);
    }
    assert.deepEqual(
      made.steps.slice(-2).map((step) => step.id),
      ['root', 'tag latest'],
    );
  });

  it('finds out with one request that there is nothing to do', async (t) => {
    const env = await testEnv(t);
    const { registry, requests } = await registryWithIndex(t);
    await copy(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`);
    requests.length = 0;
    const again = await plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:1`);
    assert.equal(isNothingToDo(again), true);
    assert.equal(requests.filter((request) => request.includes('/dst/app/')).length, 1);
  });

  it('keeps the bytes of an index that nothing was done to', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const pretty = blobOf(
      'application/vnd.oci.image.index.v1+json',
      Buffer.from(JSON.stringify(JSON.parse(Buffer.from(fixtureIndex(images).bytes).toString()), undefined, 3)),
    );
    await pushFixtureManifest(registry.url, 'src/app', pretty, 'pretty');
    const { result: made } = await copy(
      env,
      `docker://${registry.host}/src/app:pretty`,
      `docker://${registry.host}/dst/app:2`,
    );
    assert.equal(made.root.digest, pretty.digest);
  });

  it('strips the index down to the chosen platforms, and says so', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const { plan: planned, result: made } = await copy(
      env,
      `docker://${registry.host}/src/app:multi`,
      `docker://${registry.host}/dst/app:3`,
      {
        select: { platforms: [parsePlatform('linux/arm64')] },
        unselected: 'strip',
      },
    );
    const pushed = JSON.parse(Buffer.from(made.root.bytes).toString()) as { manifests: Array<{ digest: string }> };
    assert.deepEqual(
      pushed.manifests.map((entry) => entry.digest),
      [images[1]?.manifest.digest],
    );
    assert.equal(planned.notes.length, 2);
  });

  it('refuses a platform that is not there', async (t) => {
    const env = await testEnv(t);
    const { registry } = await registryWithIndex(t);
    await assert.rejects(
      plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:3`, {
        select: { platforms: [parsePlatform('linux/riscv64')] },
        unselected: 'strip',
      }),
      NotFoundError,
    );
  });

  it('converts instances and index to Docker formats and names every changed digest', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const { plan: made } = await copy(
      env,
      `docker://${registry.host}/src/app:multi`,
      `docker://${registry.host}/dst/app:4`,
      {
        format: 'docker',
      },
    );
    assert.equal(made.root.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json');
    for (const image of images) assert.ok(made.changes.some((change) => change.includes(image.manifest.digest)));
    await using source = await openVerifiedSource(locate(`docker://${registry.host}/dst/app:4`), env);
    const root = await source.getManifest();
    assert.equal(root.digest, plannedDigest(made));
  });

  it('refuses an index whose entry lies about a size', async (t) => {
    const env = await testEnv(t);
    const images = await threeImages();
    const index = JSON.parse(Buffer.from(fixtureIndex(images).bytes).toString()) as {
      manifests: Array<{ size: number }>;
    };
    const [first] = index.manifests;
    assert.ok(first);
    first.size += 1;
    const layout = join(env.folder, 'layout');
    await writeFixtureLayout(layout, Object.fromEntries(images.map((image, at) => [`p${at}`, image])), {
      multi: blobOf('application/vnd.oci.image.index.v1+json', Buffer.from(JSON.stringify(index))),
    });
    await assert.rejects(plan(env, `oci:${layout}:multi`, `oci:${join(env.folder, 'out')}:x`), IntegrityError);
  });

  it('refuses another digest than the one that the destination names, before anything is sent', async (t) => {
    const { registry, index } = await registryWithIndex(t);
    const env = await testEnv(t);
    const [from, to] = [`docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app`];
    const wrong = `sha256:${'1'.repeat(64)}`;
    await assert.rejects(plan(env, from, `${to}@${wrong}`), { code: 'DIGEST_DIFFERS' });
    const fits = await plan(env, from, `${to}@${index.digest}`);
    assert.equal(plannedDigest(fits), index.digest);
  });

  it('refuses compression variants of what is no list, or of a list without its images', async (t) => {
    const { registry, images } = await registryWithIndex(t);
    const env = await testEnv(t);
    const addCompression = [{ format: 'zstd' }] as const;
    const [from, to] = [`docker://${registry.host}/src/app`, `docker://${registry.host}/dst/app:1`];
    const single = plan(env, `${from}@${images[0]?.manifest.digest}`, to, { addCompression, store: env.store() });
    await assert.rejects(single, { code: 'NOTHING_TO_ADD_TO' });
    const bare = plan(env, `${from}:multi`, to, { addCompression, select: 'none', store: env.store() });
    await assert.rejects(bare, { code: 'NOTHING_TO_ADD_TO' });
    const compression = { format: 'zstd' } as const;
    const compressed = await plan(env, `${from}:multi`, to, { compression, select: 'none', store: env.store() });
    assert.match(describePlan(compressed), /^Copying the index of .*, without its images$/);
    assert.deepEqual(compressed.notes, ['the index is copied without its images, so nothing is compressed']);
  });

  it('tells of an artifact in the index whose subject changes its digest', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const [image] = images;
    assert.ok(image);
    const pick = ({ mediaType, digest, size }: typeof image.manifest) => ({ mediaType, digest, size });
    const sbom = artifact('application/x-sbom', 'all that is in it', image.manifest);
    const manifests = [
      { ...pick(image.manifest), platform: image.platform },
      { ...pick(sbom.manifest), artifactType: 'application/x-sbom' },
    ];
    const index = blobOf(
      mediaTypes.ociIndex,
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })),
    );
    await pushFixtureImage(registry.url, 'src/app', sbom);
    await pushFixtureManifest(registry.url, 'src/app', index, 'with-sbom');
    const [from, to] = [`docker://${registry.host}/src/app:with-sbom`, `docker://${registry.host}/dst/app:1`];
    const { notes } = await plan(env, from, to, { compression: { format: 'zstd' }, store: env.store() });
    assert.deepEqual(
      notes.filter((note) => note.includes('speaks of')),
      [`application/x-sbom: speaks of ${image.manifest.digest}, whose digest changes`],
    );
  });

  it('refuses a selection that leaves nothing', async (t) => {
    const env = await testEnv(t);
    const { registry } = await registryWithIndex(t);
    await assert.rejects(
      plan(env, `docker://${registry.host}/src/app:multi`, `docker://${registry.host}/dst/app:5`, {
        select: 'none',
        unselected: 'strip',
      }),
      ConflictError,
    );
  });
});

describe('executePlan', () => {
  it('never reaches the tag when a part fails', async (t) => {
    const env = await testEnv(t);
    const { registry, images } = await registryWithIndex(t);
    const layout = join(env.folder, 'layout');
    const [first] = images;
    assert.ok(first);
    const broken = { ...first, layers: first.layers.map((layer) => ({ ...layer, bytes: Buffer.from('rot') })) };
    await writeFixtureLayout(
      layout,
      { p0: broken, p1: images[1] ?? first, p2: images[2] ?? first },
      { multi: fixtureIndex(images) },
    );
    await assert.rejects(copy(env, `oci:${layout}:multi`, `docker://${registry.host}/dst/app:6`), IntegrityError);
    const tag = await fetch(`${registry.url}/v2/dst/app/manifests/6`, { method: 'HEAD' });
    assert.equal(tag.status, 404);
  });

  it('copies between layouts and registries without changing a digest', async (t) => {
    const env = await testEnv(t);
    const { registry, index } = await registryWithIndex(t);
    const layout = join(env.folder, 'out');
    const out = await copy(env, `docker://${registry.host}/src/app:multi`, `oci:${layout}:x`);
    const back = await copy(env, `oci:${layout}:x`, `docker://${registry.host}/back/app:x`);
    assert.equal(out.result.root.digest, index.digest);
    assert.equal(back.result.root.digest, index.digest);
  });
});
