/** The operations on lists, with a real store and the embedded registry. */
import assert from 'node:assert/strict';
import { rm, truncate, writeFile } from 'node:fs/promises';
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
import { CancelledError, ConflictError, NotFoundError, UsageError } from '../../src/foundation/errors.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { formatReference } from '../../src/oci/reference.ts';
import { addArtifact } from '../../src/operations/add-artifact.ts';
import { addInstances } from '../../src/operations/add-instances.ts';
import { annotateList } from '../../src/operations/annotate-list.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { createList } from '../../src/operations/create-list.ts';
import { describeTree } from '../../src/operations/describe-tree.ts';
import { findImage } from '../../src/operations/find-image.ts';
import { findInstance } from '../../src/operations/find-instance.ts';
import { inspectImage } from '../../src/operations/inspect-list.ts';
import { pushList, requirePlatforms } from '../../src/operations/push-list.ts';
import type { Taking } from '../../src/operations/read-image.ts';
import { removeInstances } from '../../src/operations/remove-instances.ts';
import { mergeRegistriesConf, parseRegistriesConf } from '../../src/registry-config/registries-conf.ts';
import { createRegistryRoutes } from '../../src/registry-config/registry-routes.ts';
import { locate } from '../../src/transports/image-names.ts';
import { addFile } from '../support/artifacts.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';

/** A push of all that the list has. */
const whole = { list: 'l', select: 'all', unselected: 'keep', tags: [], require: [], dryRun: false } as const;

const platforms = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
  { os: 'linux', architecture: 's390x' },
];

/** A registry with three images, an index of them, and an index with attestations. */
async function scene(t: TestContext) {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(platforms.map((platform) => fixtureImage({ platform })));
  for (const image of images) await pushFixtureImage(registry.url, 'src/app', image, image.platform.architecture);
  const index = fixtureIndex(images);
  await pushFixtureManifest(registry.url, 'src/app', index, 'multi');
  const attestations = await Promise.all(
    images.map((image) =>
      fixtureImage({ platform: { os: 'unknown', architecture: 'unknown' }, layers: [{ of: image.manifest.digest }] }),
    ),
  );
  for (const one of attestations) await pushFixtureImage(registry.url, 'src/app', one);
  const entryOf = (image: (typeof images)[number], more: object) => {
    const { mediaType, digest, size } = image.manifest;
    return { mediaType, digest, size, ...more };
  };
  const attested = blobOf(
    'application/vnd.oci.image.index.v1+json',
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [
          ...images.map((image, at) =>
            entryOf(image, { platform: image.platform, annotations: { position: String(at) } }),
          ),
          ...attestations.map((one, at) =>
            entryOf(one, {
              platform: { os: 'unknown', architecture: 'unknown' },
              annotations: {
                'vnd.docker.reference.type': 'attestation-manifest',
                'vnd.docker.reference.digest': images[at]?.manifest.digest,
              },
            }),
          ),
        ],
      }),
    ),
  );
  await pushFixtureManifest(registry.url, 'src/app', attested, 'attested');
  registry.faults.reset();
  const at = (tag: string) => locate(`docker://${registry.host}/src/app:${tag}`);
  const create = (name: string, tags: readonly string[], taking: Taking = { one: {} }) =>
    createList(env, { name, images: tags.map(at), taking, annotations: {}, ifExists: 'fail' });
  return { env, registry, images, index, attestations, at, create };
}

/** A list with one manifest for two platforms. */
async function twoPlatforms(t: TestContext) {
  const { env, registry, images, at } = await scene(t);
  const { mediaType, digest, size } = images[1]?.manifest ?? assert.fail();
  const manifests = ['v8', 'v9'].map((variant) => ({
    mediaType,
    digest,
    size,
    platform: { os: 'linux', architecture: 'arm64', variant },
  }));
  const ofIndex = 'application/vnd.oci.image.index.v1+json';
  const index = blobOf(ofIndex, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ofIndex, manifests })));
  await pushFixtureManifest(registry.url, 'src/app', index, 'two');
  const list = 'two';
  await createList(env, { name: list, images: [at('two')], taking: 'all', annotations: {}, ifExists: 'fail' });
  return { env, list, digest };
}

describe('createList', () => {
  it('makes nothing when one image cannot be read', async (t) => {
    const { env, create } = await scene(t);
    await assert.rejects(create('l', ['amd64', 'absent']), NotFoundError);
    assert.equal(env.store().lists.exists('l'), false);
  });

  it('reads each image once: one manifest and one config', async (t) => {
    const { registry, create } = await scene(t);
    await create('l', ['amd64', 'arm64', 's390x']);
    const log = registry.faults.log();
    assert.equal(log.length, 6);
    assert.deepEqual(log, [...new Set(log)]);
  });

  it('amends, replaces, and refuses to do both or neither', async (t) => {
    const { env, create, at } = await scene(t);
    const first = await create('l', ['amd64']);
    await assert.rejects(create('l', ['arm64']), ConflictError);
    const base = { name: 'l', taking: { one: {} }, annotations: {} } as const;
    const amended = await createList(env, { ...base, images: [at('arm64')], ifExists: 'amend' });
    assert.equal(amended.id, first.id);
    assert.equal(amended.index.manifests.length, 2);
    const replaced = await createList(env, { ...base, images: [], ifExists: 'replace' });
    assert.notEqual(replaced.id, first.id);
    assert.equal(replaced.index.manifests.length, 0);
    assert.deepEqual(env.store().lists.read(first.id).names, []);
  });
});

describe('the names of lists', () => {
  it('may be that of the image called docker, which is no transport then', async (t) => {
    const env = await testEnv(t);
    const common = { images: [], taking: 'all', annotations: {}, ifExists: 'fail' } as const;
    const { id } = await createList(env, { name: 'docker:27', ...common });
    assert.equal((await findImage(env, 'docker:27')).format(), `store:${id}`);
    await assert.rejects(findImage(env, 'docker:28'), UsageError);
    assert.equal((await findImage(env, 'docker://127.0.0.1:1/docker:27')).transport, 'docker');
    await assert.rejects(createList(env, { name: 'oci:27', ...common }), UsageError);
  });
});

describe('a bare name', () => {
  it('that leads to nothing: it is told that no list has it either', async (t) => {
    const { env, at } = await scene(t);
    const name = formatReference({ ...(at('amd64').reference ?? assert.fail()), tag: 'none' });
    const hintOf = async (text: string): Promise<string> => {
      const thrown = await inspectImage(env, await findImage(env, text)).catch((error: unknown) => error);
      assert.ok(thrown instanceof NotFoundError);
      return thrown.hint ?? '';
    };
    assert.equal(
      await hintOf(name),
      `Check the name, the tag and the digest. There is no local list "${name}" either.`,
    );
    assert.equal(await hintOf(`docker://${name}`), 'Check the name, the tag and the digest.');
  });
});

describe('createList, side by side', () => {
  it('amends what another has made meanwhile', async (t) => {
    const { env, at } = await scene(t);
    const base = { name: 'l', taking: { one: {} }, annotations: {}, ifExists: 'amend' } as const;
    const amend = (tag: string) => createList(env, { ...base, images: [at(tag)] });
    await Promise.all(['amd64', 'arm64', 's390x'].map(amend));
    assert.equal(env.store().lists.read('l').index.manifests.length, 3);
  });

  it('amends what another process makes at the very moment', async (t) => {
    const { env, at } = await scene(t);
    const base = { name: 'l', taking: { one: {} }, annotations: {}, ifExists: 'amend' } as const;
    await createList(env, { ...base, images: [at('amd64')] });
    const store = env.store();
    // what somebody sees who looks right before the other one is done
    t.mock.method(store.lists, 'find', () => undefined);
    const { index } = await createList(env, { ...base, images: [at('arm64')] });
    assert.equal(index.manifests.length, 2);
  });
});

describe('a cancelled run', () => {
  it('changes no list, also where it waits for nothing', async (t) => {
    const { env, create } = await scene(t);
    const before = await create('l', ['amd64']);
    const cancelled = await testEnv(t, { folder: env.folder, signal: AbortSignal.abort() });
    const base = { images: [], taking: { one: {} }, annotations: {} } as const;
    const edit = { list: 'l', annotations: { a: '1' }, removeAnnotations: [], changes: {} };
    for (const work of [
      () => createList(cancelled, { ...base, name: 'new', ifExists: 'fail' }),
      () => createList(cancelled, { ...base, name: 'l', ifExists: 'replace' }),
      () => addInstances(cancelled, { list: 'l', images: [], taking: 'all', changes: {} }),
      () => annotateList(cancelled, { ...edit, instance: undefined }),
      () => annotateList(cancelled, { ...edit, instance: 'linux/amd64' }),
      () => removeInstances(cancelled, 'l', ['linux/amd64']),
    ]) {
      await assert.rejects(work(), CancelledError);
    }
    assert.equal(env.store().lists.exists('new'), false);
    assert.deepEqual(env.store().lists.read('l'), before);
  });
});

describe('addInstances', () => {
  it('takes all of an index with what it says of each entry', async (t) => {
    const { env, create, at } = await scene(t);
    await create('l', []);
    const { record } = await addInstances(env, { list: 'l', images: [at('attested')], taking: 'all', changes: {} });
    assert.equal(record.index.manifests.length, 6);
    assert.deepEqual(record.index.manifests[1]?.annotations, { position: '1' });
  });

  it('takes the attestations of the chosen platforms along, and no others', async (t) => {
    const { env, create, at, images, attestations } = await scene(t);
    await create('l', []);
    const taking = { platforms: [parsePlatform('linux/arm64'), parsePlatform('linux/s390x')] };
    const { record } = await addInstances(env, { list: 'l', images: [at('attested')], taking, changes: {} });
    assert.deepEqual(
      record.index.manifests.map((entry) => entry.digest),
      [images[1], images[2], attestations[1], attestations[2]].map((image) => image?.manifest.digest),
    );
  });

  it('pins locations by digest, so that a tag that moves later does not matter', async (t) => {
    const { env, registry, create, images } = await scene(t);
    const record = await create('l', ['amd64']);
    const digest = images[0]?.manifest.digest as Digest;
    assert.deepEqual(record.locations, { [digest]: [`docker://${registry.host}/src/app@${digest}`] });
    await pushFixtureManifest(registry.url, 'src/app', (images[1] ?? assert.fail()).manifest, 'amd64');
    const location = locate(`docker://${registry.host}/dst/app:1`);
    const request = {
      list: 'l',
      destination: location,
      select: 'all',
      unselected: 'keep',
      tags: [],
      require: [],
      dryRun: false,
    } as const;
    const { plan } = await pushList(env, request);
    assert.ok(plan.steps.some((step) => step.kind === 'put-manifest' && step.id === `manifest ${digest}`));
  });

  it('warns when changes reach the first of several instances only, and of a platform that two claim', async (t) => {
    const { env, create, at, registry } = await scene(t);
    await create('l', ['amd64']);
    await addInstances(env, { list: 'l', images: [at('multi')], taking: 'all', changes: { annotations: { a: 'b' } } });
    const twin = await fixtureImage({ platform: { os: 'linux', architecture: 's390x' }, layers: [{ other: 'x' }] });
    await pushFixtureImage(registry.url, 'src/app', twin, 'twin');
    await addInstances(env, { list: 'l', images: [at('twin')], taking: { one: {} }, changes: {} });
    const codes = env.events.flatMap((event) => (event.type === 'warning' ? [event.code] : []));
    assert.deepEqual(codes, ['FIRST_INSTANCE_ONLY', 'DUPLICATE_PLATFORM']);
  });
});

describe('findInstance', () => {
  it('finds by digest, platform, image name and file name', async (t) => {
    const { env, registry, create, images } = await scene(t);
    await create('l', ['amd64', 'arm64']);
    const file = join(env.folder, 'notes.txt');
    await writeFile(file, 'notes');
    const { added } = await addFile(env, 'l', file);
    const record = env.store().lists.read('l');
    const amd64 = images[0]?.manifest.digest;
    const arm64 = images[1]?.manifest.digest;
    const find = async (text = ''): Promise<string> => (await findInstance(env, record, text)).digest;
    assert.equal(await find(amd64), amd64);
    assert.equal(await find('linux/arm64'), arm64);
    assert.equal(await find('linux/arm64/v8'), arm64);
    assert.equal(await find(`docker://${registry.host}/src/app:amd64`), amd64);
    assert.equal(await find('notes.txt'), added[0]?.digest);
    assert.equal(await find(file), added[0]?.digest);
  });

  it('says what is on the list when nothing fits', async (t) => {
    const { env, registry, create } = await scene(t);
    const record = await create('l', ['amd64']);
    for (const text of ['linux/riscv64', `sha256:${'0'.repeat(64)}`, `docker://${registry.host}/src/app:arm64`]) {
      await assert.rejects(
        findInstance(env, record, text),
        (thrown: unknown) =>
          thrown instanceof NotFoundError &&
          thrown.code === 'INSTANCE_NOT_FOUND' &&
          (thrown.hint ?? '').includes('linux/amd64'),
      );
    }
  });

  it('says so of a word that is no image either, whatever the registry answers that it would be in', async (t) => {
    const { env, create } = await scene(t);
    const record = await create('l', ['amd64']);
    const config = mergeRegistriesConf([parseRegistriesConf('[aliases]\namd65 = "127.0.0.1:1/amd65"\n', 'r.conf')]);
    const routes = createRegistryRoutes(async () => config);
    await assert.rejects(findInstance({ ...env, routes }, record, 'amd65'), {
      code: 'INSTANCE_NOT_FOUND',
      message: /^"amd65" is no digest, platform or file name of localhost\/l:latest, nor/,
      hint: /linux\/amd64/,
    });
    await assert.rejects(findInstance(env, record, '127.0.0.1:1/amd65'), { code: 'CANNOT_CONNECT' });
  });
});

describe('annotateList', () => {
  it('accumulates edits of an instance, and takes annotations away', async (t) => {
    const { env, create } = await scene(t);
    await create('l', ['amd64']);
    const base = { list: 'l', instance: 'linux/amd64', annotations: {}, removeAnnotations: [], changes: {} };
    await annotateList(env, { ...base, annotations: { a: '1', b: '2' } });
    await annotateList(env, { ...base, changes: { osVersion: '7.7' } });
    const { record } = await annotateList(env, { ...base, annotations: { c: '3' }, removeAnnotations: ['a'] });
    const [entry] = record.index.manifests;
    assert.deepEqual(entry?.annotations, { b: '2', c: '3' });
    assert.equal(entry?.platform?.['os.version'], '7.7');
  });

  it('edits the entry of the platform that is named, where one manifest stands for several', async (t) => {
    const { env, list } = await twoPlatforms(t);
    const base = { list, annotations: {}, removeAnnotations: [], changes: {} };
    const { record } = await annotateList(env, { ...base, instance: 'linux/arm64/v9', annotations: { a: '1' } });
    assert.deepEqual(
      record.index.manifests.map(({ platform, annotations }) => [platform?.variant, annotations]),
      [
        ['v8', undefined],
        ['v9', { a: '1' }],
      ],
    );
  });

  it('sets and takes away the subject of the index', async (t) => {
    const { env, registry, create, images } = await scene(t);
    await create('l', ['amd64']);
    const base = { list: 'l', instance: undefined, annotations: {}, removeAnnotations: [], changes: {} };
    const set = await annotateList(env, { ...base, subject: `docker://${registry.host}/src/app:arm64` });
    assert.equal(set.record.index.subject?.digest, images[1]?.manifest.digest);
    const gone = await annotateList(env, { ...base, subject: '' });
    assert.equal(gone.record.index.subject, undefined);
  });

  it('refuses a subject for an instance', async (t) => {
    const { env, create } = await scene(t);
    await create('l', ['amd64']);
    const request = {
      list: 'l',
      instance: 'linux/amd64',
      annotations: {},
      removeAnnotations: [],
      changes: {},
      subject: 'x',
    };
    await assert.rejects(annotateList(env, request), UsageError);
  });
});

describe('removeInstances', () => {
  it('takes attestations along with their image', async (t) => {
    const { env, create, at } = await scene(t);
    await create('l', []);
    await addInstances(env, { list: 'l', images: [at('attested')], taking: 'all', changes: {} });
    const { record } = await removeInstances(env, 'l', ['linux/arm64']);
    assert.equal(record.index.manifests.length, 4);
    assert.equal(Object.keys(record.locations).length, 4);
  });

  it('takes off the platform that is named, and knows the manifest as long as it stands for another', async (t) => {
    const { env, list, digest } = await twoPlatforms(t);
    const { record, removed } = await removeInstances(env, list, ['linux/arm64/v8']);
    assert.deepEqual(
      record.index.manifests.map(({ platform }) => platform?.variant),
      ['v9'],
    );
    assert.deepEqual(removed, [digest]);
    assert.deepEqual(Object.keys(record.locations), [digest]);
    const last = await removeInstances(env, list, ['linux/arm64/v9']);
    assert.deepEqual([last.record.index.manifests, last.record.locations], [[], {}]);
  });

  it('takes off what is named by its digest for all platforms, however else it is named too', async (t) => {
    const { env, list, digest } = await twoPlatforms(t);
    const { record, removed } = await removeInstances(env, list, ['linux/arm64/v9', digest, 'linux/arm64/v9']);
    assert.deepEqual([record.index.manifests, removed], [[], [digest]]);
  });

  it('removes nothing when one of several is not there', async (t) => {
    const { env, create } = await scene(t);
    await create('l', ['amd64', 'arm64']);
    await assert.rejects(removeInstances(env, 'l', ['linux/amd64', 'linux/riscv64']), NotFoundError);
    assert.equal(env.store().lists.read('l').index.manifests.length, 2);
  });
});

describe('pushList', () => {
  it('refuses a compression that there is not', async (t) => {
    const { env, registry, create } = await scene(t);
    await create('l', ['amd64']);
    const destination = locate(`docker://${registry.host}/dst/app:1`);
    const base = { ...whole, destination } as const;
    // as a program without types has it
    const recipe = JSON.parse('{"format":"brotli"}');
    const plain = { addCompression: [{ format: 'none' }] } as const;
    for (const changes of [{ compression: recipe }, { addCompression: [recipe] }, plain]) {
      await assert.rejects(pushList(env, { ...base, ...changes }), { name: 'UsageError', code: 'UNKNOWN_COMPRESSION' });
    }
  });

  it('asks nothing twice from adding to pushing', async (t) => {
    const { env, registry, create } = await scene(t);
    await create('l', ['amd64', 'arm64', 's390x']);
    const destination = locate(`docker://${registry.host}/dst/app:1`);
    await pushList(env, { ...whole, destination });
    const log = registry.faults.log();
    assert.deepEqual(log, [...new Set(log)]);
    assert.equal(
      log.filter((line) => line.startsWith('POST') && !line.includes('mount=')).length,
      0,
      'everything was mounted',
    );
  });

  it('changes nothing in a dry run', async (t) => {
    const { env, registry, create } = await scene(t);
    await create('l', ['amd64']);
    registry.faults.reset();
    const destination = locate(`docker://${registry.host}/dst/app:1`);
    const { plan, result } = await pushList(env, {
      list: 'l',
      destination,
      select: 'all',
      unselected: 'keep',
      tags: [],
      require: [],
      dryRun: true,
    });
    assert.equal(result, undefined);
    assert.ok(plan.steps.length > 0);
    assert.ok(registry.faults.requests.length > 0);
    assert.deepEqual(
      registry.faults.requests.filter(({ method }) => method !== 'HEAD' && method !== 'GET'),
      [],
    );
  });

  it('finds in a dry run already what has gone from a folder or the store, and what was cut short', async (t) => {
    const { env, registry, images } = await scene(t);
    const image = images[0] ?? assert.fail();
    const layer = image.layers[0] ?? assert.fail();
    const place = (...names: string[]): string => join(env.folder, ...names);
    const list = (name: string, ...places: string[]) =>
      createList(env, { name, images: places.map(locate), taking: { one: {} }, annotations: {}, ifExists: 'fail' });
    for (const name of ['gone', 'cut']) {
      await writeFixtureLayout(place(name), { app: image });
      await list(name, `oci:${place(name)}:app`);
    }
    const [source, destination] = [locate(`oci:${place('gone')}:app`), locate(`dir:${place('dir')}`)];
    await copyImage(env, { source, destination, take: { one: {} }, tags: [], dryRun: false });
    await list('dir', `dir:${place('dir')}`);
    const archive = locate(`docker-archive:${place('archive.tar')}:app:1`);
    await copyImage(env, { source, destination: archive, take: { one: {} }, tags: [], dryRun: false });
    await list('archive', archive.format());
    await rm(place('archive.tar'));
    await writeFixtureLayout(place('other'), { app: images[1] ?? assert.fail() });
    const other = locate(`oci:${place('other')}:app`);
    await copyImage(env, { source: other, destination: archive, take: { one: {} }, tags: [], dryRun: false });
    await list('artifact');
    await writeFile(place('notes'), 'notes');
    const artifact = { files: [place('notes')], excludeTitles: false, artifactAnnotations: {}, changes: {} };
    await addArtifact(env, { list: 'artifact', ...artifact });

    const inLayout = join('blobs', layer.digest.replace(':', '/'));
    await rm(place('gone', inLayout));
    await truncate(place('cut', inLayout), layer.size - 1);
    await rm(place('dir', layer.digest.slice('sha256:'.length)));
    await rm(env.store().content.path(digestOf(Buffer.from('notes'))));
    for (const [name, code] of Object.entries({
      gone: 'INSTANCE_GONE',
      cut: 'SIZE_MISMATCH',
      dir: 'INSTANCE_GONE',
      archive: 'INSTANCE_GONE',
      artifact: 'INSTANCE_GONE',
    })) {
      const to = locate(`docker://${registry.host}/dst/${name}:1`);
      await assert.rejects(pushList(env, { ...whole, list: name, destination: to, dryRun: true }), { code }, name);
    }
    const copying = { source, destination: locate(`oci:${place('out')}`), take: { one: {} }, tags: [] };
    await assert.rejects(copyImage(env, { ...copying, dryRun: true }), { code: 'BLOB_NOT_FOUND', side: 'source' });
  });

  it('keeps the bytes of an index that was taken whole, however it is written', async (t) => {
    const { env, registry, images, at, create } = await scene(t);
    const pretty = blobOf(
      'application/vnd.oci.image.index.v1+json',
      Buffer.from(`${JSON.stringify(JSON.parse(Buffer.from(fixtureIndex(images).bytes).toString()), undefined, 2)}\n`),
    );
    await pushFixtureManifest(registry.url, 'src/app', pretty, 'pretty');
    await create('l', ['pretty'], 'all');
    const destination = locate(`docker://${registry.host}/dst/app:1`);
    const request = { ...whole, destination } as const;
    assert.equal((await pushList(env, request)).result?.root.digest, pretty.digest);
    await annotateList(env, {
      list: 'l',
      instance: undefined,
      annotations: { a: 'b' },
      removeAnnotations: [],
      changes: {},
    });
    assert.notEqual((await pushList(env, request)).result?.root.digest, pretty.digest);
    void at;
  });

  it('pushes artifacts from the store although their files are gone', async (t) => {
    const { env, registry, create } = await scene(t);
    await create('l', []);
    const file = join(env.folder, 'data.bin');
    await writeFile(file, Buffer.from([1, 2, 3]));
    const { added } = await addFile(env, 'l', file);
    await writeFile(file, 'something else');
    const destination = locate(`docker://${registry.host}/dst/art:1`);
    await pushList(env, { ...whole, destination });
    const manifest = (await (await fetch(`${registry.url}/v2/dst/art/manifests/${added[0]?.digest}`)).json()) as {
      layers: Array<{ digest: string }>;
    };
    const layer = await fetch(`${registry.url}/v2/dst/art/blobs/${manifest.layers[0]?.digest}`);
    assert.deepEqual(Buffer.from(await layer.arrayBuffer()), Buffer.from([1, 2, 3]));
  });

  it('requires each platform once', async (t) => {
    const { create } = await scene(t);
    const { index } = await create('l', ['amd64']);
    requirePlatforms(index, [parsePlatform('linux/amd64')]);
    assert.throws(
      () => requirePlatforms(index, [parsePlatform('linux/amd64'), parsePlatform('linux/arm64')]),
      ConflictError,
    );
  });
});

describe('describeTree', () => {
  it('hangs attestations below their image and shows what is missing', async (t) => {
    const { env, create, at, registry, images } = await scene(t);
    await create('l', []);
    await addInstances(env, { list: 'l', images: [at('attested')], taking: 'all', changes: {} });
    const tree = await describeTree(env, locate('store:l'));
    assert.deepEqual(
      tree.children.map((child) => child.role),
      ['image', 'image', 'image'],
    );
    assert.deepEqual(
      tree.children[0]?.children.map((child) => child.role),
      ['config', 'layer', 'attestation'],
    );
    await fetch(`${registry.url}/v2/src/app/manifests/${images[2]?.manifest.digest}`, { method: 'DELETE' });
    const broken = await describeTree(env, locate('store:l'));
    assert.equal(broken.children[2]?.role, 'missing');
    assert.ok(broken.children[2]?.problem);
  });

  it('asks nobody what speaks of the instances of a list', async (t) => {
    const { env, create, registry } = await scene(t);
    await create('l', ['amd64']);
    registry.faults.reset();
    await describeTree(env, locate('store:l'));
    assert.deepEqual(registry.faults.log(), []);
  });
});
