import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blobOf, fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import { StorageError } from '../../src/foundation/errors.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { run } from '../support/peers.ts';
import { copy, readAll, writeKinds } from './support.ts';

const writer = fileURLToPath(new URL('layout-writer.ts', import.meta.url));

interface Index {
  annotations?: Record<string, string>;
  odd?: string;
  manifests: Array<{ digest: string; mediaType: string; size: number; annotations?: Record<string, string> }>;
}

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  return { env, layout, digests: await writeKinds(layout) };
}

const indexOf = async (layout: string): Promise<Index> =>
  JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Index;
const namesOf = (index: Index) =>
  index.manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name']);

async function rootOf(env: TestEnv, name: string): Promise<string> {
  await using source = await openVerifiedSource(locate(name), env);
  return (await source.getManifest()).digest;
}

describe('oci:', () => {
  it('chooses by name, position and digest', async (t) => {
    const { env, layout, digests } = await prepare(t);
    const { manifests } = await indexOf(layout);
    for (const [at, { digest }] of manifests.entries()) {
      assert.equal(await rootOf(env, `oci:${layout}:@${at}`), digest);
      assert.equal(await rootOf(env, `oci:${layout}@${digest}`), digest);
    }
    assert.equal(await rootOf(env, `oci:${layout}:list`), digests.list);
    await assert.rejects(rootOf(env, `oci:${layout}`), { code: 'AMBIGUOUS_IMAGE' });
    await assert.rejects(rootOf(env, `oci:${layout}:@${manifests.length}`), { code: 'IMAGE_NOT_FOUND' });
    await assert.rejects(rootOf(env, `oci:${layout}:absent`), { code: 'IMAGE_NOT_FOUND' });
    for (const text of [`oci:${layout}:@1`, `oci:${layout}@${digests.list}`]) {
      const location = locate(text);
      assert.equal(locate(location.format()).format(), location.format());
      await assert.rejects(location.openDestination(env), { code: 'INVALID_DESTINATION' });
    }
  });

  it('believes no size that is wrong', async (t) => {
    const { env, layout } = await prepare(t);
    const index = await indexOf(layout);
    for (const entry of index.manifests) entry.size += 1;
    await writeFile(join(layout, 'index.json'), JSON.stringify(index));
    await assert.rejects(rootOf(env, `oci:${layout}:list`), { code: 'SIZE_MISMATCH' });
  });

  it('keeps what others have noted in index.json', async (t) => {
    const { env, layout, digests } = await prepare(t);
    const to = join(env.folder, 'to');
    await copy(env, `oci:${layout}:image`, `oci:${to}:one`);
    const index = await indexOf(to);
    index.annotations = { who: 'me' };
    index.odd = 'unknown to all';
    const [entry] = index.manifests;
    assert.ok(entry);
    entry.annotations = { ...entry.annotations, note: 'mine' };
    await writeFile(join(to, 'index.json'), JSON.stringify(index));
    await copy(env, `oci:${layout}:image`, `oci:${to}:one`);
    await copy(env, `oci:${layout}:list`, `oci:${to}:two`);
    const after = await indexOf(to);
    assert.deepEqual(after.annotations, { who: 'me' });
    assert.equal(after.odd, 'unknown to all');
    assert.deepEqual(
      after.manifests.map(({ digest }) => digest),
      [digests.image, digests.list],
    );
    assert.equal(after.manifests[0]?.annotations?.['note'], 'mine');
    // the name moves on, what had it stays
    await copy(env, `oci:${layout}:list`, `oci:${to}:one`);
    assert.deepEqual(namesOf(await indexOf(to)).sort(), ['one', 'two', undefined]);
  });

  it('copies nested indexes whole', async (t) => {
    const env = await testEnv(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    const type = 'application/vnd.oci.image.index.v1+json';
    const over = (blob: { mediaType: string; digest: string; size: number }) =>
      blobOf(
        type,
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: type,
            manifests: [{ mediaType: blob.mediaType, digest: blob.digest, size: blob.size }],
          }),
        ),
      );
    const inner = over(image.manifest);
    const middle = over(inner);
    const outer = over(middle);
    const layout = join(env.folder, 'layout');
    await writeFixtureLayout(layout, { image }, { inner, middle, outer });
    for (const to of [`oci:${env.folder}/a`, `oci-archive:${env.folder}/a.tar`, `dir:${env.folder}/d`]) {
      assert.equal((await copy(env, `oci:${layout}:outer`, to)).digest, outer.digest);
      assert.deepEqual(await readAll(env, to), await readAll(env, `oci:${layout}:outer`));
      assert.equal((await readAll(env, to)).length, 6);
    }
  });

  it('loses nothing when several processes write to one layout', async (t) => {
    const { env, layout } = await prepare(t);
    const to = join(env.folder, 'to');
    const names = [0, 1, 2, 3].map((process) => [0, 1, 2, 3, 4, 5].map((at) => `p${process}-${at}`));
    const kinds = ['image', 'arm64', 'list', 'zstd'];
    const runs = await Promise.all(
      names.map((mine, at) => run(process.execPath, [writer, `oci:${layout}:${kinds[at]}`, `oci:${to}`, ...mine])),
    );
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    assert.deepEqual(namesOf(await indexOf(to)).sort(), names.flat().sort());
    for (const [at, mine] of names.entries()) {
      const expected = await readAll(env, `oci:${layout}:${kinds[at]}`);
      assert.deepEqual(await readAll(env, `oci:${to}:${mine[5]}`), expected);
    }
    assert.deepEqual((await readdir(to)).sort(), ['blobs', 'index.json', 'oci-layout']);
  });

  it('leaves folders alone that are no layouts', async (t) => {
    const { env, layout } = await prepare(t);
    const to = join(env.folder, 'mine');
    await mkdir(to);
    await writeFile(join(to, 'thesis.txt'), 'important');
    await assert.rejects(copy(env, `oci:${layout}:image`, `oci:${to}`), { code: 'NOT_A_LAYOUT' });
    assert.deepEqual(await readdir(to), ['thesis.txt']);
  });

  it('says that it cannot write where a link leads nowhere', async (t) => {
    const { env, layout } = await prepare(t);
    const to = join(env.folder, 'nowhere');
    await symlink('absent', to);
    await assert.rejects(copy(env, `oci:${layout}:image`, `oci:${to}`), (error: StorageError) => {
      assert.ok(error instanceof StorageError, String(error));
      assert.match(`${error.message} ${error.hint}`, /cannot write an image layout to .*link/);
      return true;
    });
  });
});
