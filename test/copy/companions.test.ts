/** What speaks of an image by its digest goes along with it, or is named where it cannot. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  blobOf,
  type FixtureBlob,
  type FixtureImage,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
} from '../../fixtures/images.ts';
import { executePlan } from '../../src/copy/execute-plan.ts';
import { type CopyRequest, planCopy } from '../../src/copy/plan-copy.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { noReferrers } from '../support/fault-kinds.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { artifact } from './artifact.ts';

const pick = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });

const digestTag = (of: FixtureBlob, suffix: string): string => `${of.digest.replace(':', '-')}${suffix}`;

interface Setup {
  readonly env: TestEnv;
  readonly from: TestRegistry;
  readonly to: TestRegistry;
  readonly index: FixtureBlob;
  /** Of the index, of the first image, of the first of these. */
  readonly signature: FixtureImage;
  readonly sbom: FixtureImage;
  readonly sbomSignature: FixtureImage;
  readonly image: FixtureImage;
}

async function setUp(t: TestContext): Promise<Setup> {
  const env = await testEnv(t);
  const from = await withRegistry(t);
  const to = await withRegistry(t);
  const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
  const other = await fixtureImage({ platform: { os: 'linux', architecture: 'arm64' } });
  const index = fixtureIndex([image, other]);
  const signature = artifact('application/x-signature', 'signed');
  const sbom = artifact('application/x-sbom', 'all that is in it', image.manifest);
  const sbomSignature = artifact('application/x-signature', 'of the sbom', sbom.manifest);
  for (const one of [image, other, sbom, sbomSignature]) await pushFixtureImage(from.url, 'src/app', one);
  await pushFixtureImage(from.url, 'src/app', signature, digestTag(index, '.sig'));
  await pushFixtureManifest(from.url, 'src/app', index, 'multi');
  return { env, from, to, index, signature, sbom, sbomSignature, image };
}

async function copy({ env, from, to }: Setup, options: Partial<CopyRequest> = {}) {
  const location = locate(`docker://${to.host}/dst/app:1`);
  await using source = await openVerifiedSource(locate(`docker://${from.host}/src/app:multi`), env);
  await using destination = await location.openDestination(env);
  const store = env.store();
  const base = { select: 'all', unselected: 'keep', host: env.host, referrers: true } as const;
  const plan = await planCopy({ source, destination, location, store, ...base, ...options });
  return { plan, result: await executePlan(env.session, plan, source, destination, { store }) };
}

async function digestsOf(registry: TestRegistry, reference: string): Promise<string[]> {
  const answer = await fetch(`${registry.url}/v2/dst/app/${reference}`, { headers: { accept: mediaTypes.ociIndex } });
  assert.equal(answer.status, 200, reference);
  return ((await answer.json()) as { manifests: Array<{ digest: string }> }).manifests.map((entry) => entry.digest);
}

describe('a copy with referrers', () => {
  it('takes along what has the manifests for its subject or is tagged by their digests, and what speaks of that', async (t) => {
    const setup = await setUp(t);
    const { to, image, index, signature, sbom, sbomSignature } = setup;
    const { result } = await copy(setup);
    assert.equal(result.root.digest, index.digest);
    assert.deepEqual(await digestsOf(to, `referrers/${image.manifest.digest}`), [sbom.manifest.digest]);
    assert.deepEqual(await digestsOf(to, `referrers/${sbom.manifest.digest}`), [sbomSignature.manifest.digest]);
    const tagged = await fetch(`${to.url}/v2/dst/app/manifests/${digestTag(index, '.sig')}`);
    assert.equal(tagged.headers.get('docker-content-digest'), signature.manifest.digest);
    // the name of the image is the last thing that is written
    const puts = to.faults.log().filter((line) => /^PUT .*\/manifests\//.test(line));
    assert.match(puts.at(-1) ?? '', /\/manifests\/1$/);
  });

  it('takes an index along that speaks of the image, with all that it names', async (t) => {
    const setup = await setUp(t);
    const { from, to, image } = setup;
    const part = artifact('application/x-part', 'one of a kind');
    await pushFixtureImage(from.url, 'src/app', part);
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      artifactType: 'application/x-parts',
      manifests: [pick(part.manifest)],
      subject: pick(image.manifest),
    };
    const parts = blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify(document)));
    await pushFixtureManifest(from.url, 'src/app', parts);
    const { plan } = await copy(setup);
    assert.deepEqual(plan.notes, []);
    assert.ok((await digestsOf(to, `referrers/${image.manifest.digest}`)).includes(parts.digest));
    assert.deepEqual(await digestsOf(to, `manifests/${parts.digest}`), [part.manifest.digest]);
    to.faults.reset();
    await copy(setup);
    assert.deepEqual(
      to.faults.log().filter((line) => !/^(GET|HEAD) /.test(line)),
      [],
    );
  });

  it('plans each of many indexes that name one another once, however many ways lead to it', {
    timeout: 30_000,
  }, async (t) => {
    const setup = await setUp(t);
    const { from, to, image } = setup;
    let row = [image.manifest];
    for (let depth = 0; depth < 8; depth += 1) {
      const below = row.map(pick);
      row = await Promise.all(
        Array.from({ length: 8 }, async (_, at) => {
          const annotations = { at: String(at) };
          const one = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: below, annotations };
          const index = blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify(one)));
          await pushFixtureManifest(from.url, 'src/app', index);
          return index;
        }),
      );
    }
    const [top] = row;
    assert.ok(top);
    await pushFixtureManifest(from.url, 'src/app', top, 'multi');
    const refers = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [pick(top)], subject: pick(top) };
    const referrer = blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify({ ...refers, artifactType: 'a/b' })));
    await pushFixtureManifest(from.url, 'src/app', referrer);
    const other = { ...refers, manifests: row.slice(1).map(pick), artifactType: 'a/c' };
    await pushFixtureManifest(from.url, 'src/app', blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify(other))));
    const { result } = await copy(setup);
    assert.equal(result.root.digest, top.digest);
    const puts = to.faults.log().filter((line) => /^PUT .*\/manifests\/sha256:/.test(line));
    assert.equal(new Set(puts).size, puts.length);
  });

  it('takes every tag along that one manifest has', async (t) => {
    const setup = await setUp(t);
    const { from, to, index, signature } = setup;
    for (const suffix of ['.att', '.sbom']) {
      await pushFixtureManifest(from.url, 'src/app', signature.manifest, digestTag(index, suffix));
    }
    const { plan } = await copy(setup);
    for (const suffix of ['.sig', '.att', '.sbom']) {
      const tagged = await fetch(`${to.url}/v2/dst/app/manifests/${digestTag(index, suffix)}`);
      assert.equal(tagged.headers.get('docker-content-digest'), signature.manifest.digest, suffix);
    }
    assert.equal(plan.steps.filter((step) => step.id === `manifest ${signature.manifest.digest}`).length, 1);
  });

  it('leaves an index behind that names the list itself', async (t) => {
    const setup = await setUp(t);
    const { from, index, image } = setup;
    const manifests = [pick(index)];
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, subject: pick(image.manifest) };
    await pushFixtureManifest(from.url, 'src/app', blobOf(mediaTypes.ociIndex, Buffer.from(JSON.stringify(document))));
    const { plan, result } = await copy(setup);
    assert.equal(result.root.digest, index.digest);
    assert.match(plan.notes.join(), /names what it speaks for, so it stays behind/);
  });

  it('minds no tag that says that the list speaks of its own image', async (t) => {
    const setup = await setUp(t);
    const { from, to, index, image } = setup;
    await pushFixtureManifest(from.url, 'src/app', index, digestTag(image.manifest, '.sig'));
    const { result } = await copy(setup);
    assert.equal(result.root.digest, index.digest);
    assert.equal((await fetch(`${to.url}/v2/dst/app/manifests/1`)).status, 200);
  });

  it('is done once: the second time writes nothing', async (t) => {
    const setup = await setUp(t);
    await copy(setup);
    setup.to.faults.reset();
    await copy(setup);
    assert.deepEqual(
      setup.to.faults.log().filter((line) => !/^(GET|HEAD) /.test(line)),
      [],
    );
  });

  it('keeps a list under a tag where the registry has no referrers', async (t) => {
    const setup = await setUp(t);
    const { to, image, sbom } = setup;
    to.faults.on({}, noReferrers());
    await copy(setup);
    assert.deepEqual(await digestsOf(to, `manifests/${digestTag(image.manifest, '')}`), [sbom.manifest.digest]);
  });

  it('names what a changed digest leaves behind, and does not take it along', async (t) => {
    const setup = await setUp(t);
    const { to, index, image, sbom } = setup;
    const { plan } = await copy(setup, { compression: { format: 'zstd' } });
    const left = plan.notes.filter((note) => note.includes('stays behind'));
    assert.equal(left.length, 2);
    assert.ok(left.some((note) => note.includes(index.digest) && note.includes(digestTag(index, '.sig'))));
    assert.ok(left.some((note) => note.includes(image.manifest.digest) && note.includes(sbom.manifest.digest)));
    const tagged = await fetch(`${to.url}/v2/dst/app/manifests/${digestTag(index, '.sig')}`);
    assert.equal(tagged.status, 404);
  });

  it('leaves a tag alone that the destination has for something else', async (t) => {
    const setup = await setUp(t);
    const { to, index } = setup;
    const theirs = artifact('application/x-signature', 'of somebody else');
    await pushFixtureImage(to.url, 'dst/app', theirs, digestTag(index, '.sig'));
    const { plan } = await copy(setup);
    assert.ok(plan.notes.some((note) => note.includes('left alone')));
    const tagged = await fetch(`${to.url}/v2/dst/app/manifests/${digestTag(index, '.sig')}`);
    assert.equal(tagged.headers.get('docker-content-digest'), theirs.manifest.digest);
  });
});
