import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { type FixtureBlob, fixtureImage } from '../../fixtures/images.ts';
import { digestOf, encodedOf } from '../../src/oci/digest.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { testEnv } from '../support/env.ts';
import { copy, kinds, readAll, writeKinds } from './support.ts';

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  return { env, layout, folder: join(env.folder, 'd'), digests: await writeKinds(layout) };
}

const contentOf = ({ mediaType, digest, size, bytes }: FixtureBlob) => ({
  descriptor: { mediaType, digest, size },
  open: async () => Readable.from([Buffer.from(bytes)]),
});

describe('dir:', () => {
  it('holds every kind of image in the files of skopeo', async (t) => {
    const { env, layout, folder, digests } = await prepare(t);
    for (const kind of kinds) {
      assert.equal((await copy(env, `oci:${layout}:${kind}`, `dir:${folder}`)).digest, digests[kind]);
      assert.deepEqual(await readAll(env, `dir:${folder}`), await readAll(env, `oci:${layout}:${kind}`));
      assert.equal(await readFile(join(folder, 'version'), 'utf8'), 'Directory Transport Version: 1.1\n');
      assert.equal(digestOf(await readFile(join(folder, 'manifest.json'))), digests[kind]);
      // what was there before is gone
      const expected = await readAll(env, `oci:${layout}:${kind}`);
      assert.equal((await readdir(folder)).length, expected.length + 1);
    }
  });

  it('a digest of another algorithm has its name in front, and raises the version', async (t) => {
    const { env, folder } = await prepare(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    const [layer] = image.layers;
    assert.ok(layer);
    const long = digestOf(layer.bytes, 'sha512');
    const text = Buffer.from(image.manifest.bytes).toString().replace(layer.digest, long);
    const manifest = {
      bytes: Buffer.from(text),
      mediaType: image.manifest.mediaType,
      digest: digestOf(Buffer.from(text)),
    };
    {
      await using destination = await locate(`dir:${folder}`).openDestination(env);
      await destination.putBlob(contentOf(image.config));
      await destination.putBlob(contentOf({ ...layer, digest: long }));
      await destination.commit(manifest);
    }
    assert.deepEqual(
      (await readdir(folder)).sort(),
      ['manifest.json', `sha512-${encodedOf(long)}`, 'version', encodedOf(image.config.digest)].sort(),
    );
    assert.equal(await readFile(join(folder, 'version'), 'utf8'), 'Directory Transport Version: 1.2\n');
    await readAll(env, `dir:${folder}`);
  });

  it('a copy that was stopped is never taken for complete, and harms nothing that was', async (t) => {
    const { env, layout, folder, digests } = await prepare(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    const stopped = async (): Promise<void> => {
      await using destination = await locate(`dir:${folder}`).openDestination(env);
      await destination.putBlob(contentOf(image.config));
      await destination.putManifest(image.manifest, image.manifest.digest);
    };
    await stopped();
    await assert.rejects(readAll(env, `dir:${folder}`), { code: 'IMAGE_NOT_FOUND' });
    await copy(env, `oci:${layout}:list`, `dir:${folder}`);
    await stopped();
    assert.deepEqual(await readAll(env, `dir:${folder}`), await readAll(env, `oci:${layout}:list`));
    assert.equal((await copy(env, `oci:${layout}:image`, `dir:${folder}`)).digest, digests.image);
  });

  it('signatures of the image before do not stay with the new one', async (t) => {
    const { env, layout, folder, digests } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `dir:${folder}`);
    const instance = `${encodedOf(digests.image)}.signature-1`;
    await writeFile(join(folder, 'signature-1'), 'of the list');
    await writeFile(join(folder, instance), 'of an instance');
    await copy(env, `oci:${layout}:zstd-list`, `dir:${folder}`);
    const names = await readdir(folder);
    assert.equal(names.includes('signature-1'), false);
    assert.equal(names.includes(instance), true, 'the instance is there still');
    // and those of the same image do
    await writeFile(join(folder, 'signature-1'), 'of the list');
    await copy(env, `oci:${layout}:zstd-list`, `dir:${folder}`);
    assert.equal((await readdir(folder)).includes('signature-1'), true);
  });

  it('signatures that are put beside the new image before it has its name stay', async (t) => {
    const { env, layout, folder } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `dir:${folder}`);
    await writeFile(join(folder, 'signature-1'), 'of the list');
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    await using destination = await locate(`dir:${folder}`).openDestination(env);
    for (const blob of [image.config, ...image.layers]) await destination.putBlob(contentOf(blob));
    await writeFile(join(folder, 'signature-1'), 'of the image');
    await destination.commit(image.manifest);
    assert.equal(await readFile(join(folder, 'signature-1'), 'utf8'), 'of the image');
  });

  it('is whole where two write to it: who comes last and has lost files to the other does not count', async (t) => {
    const { env, layout, folder } = await prepare(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    {
      await using mine = await locate(`dir:${folder}`).openDestination(env);
      for (const blob of [image.config, ...image.layers]) await mine.putBlob(contentOf(blob));
      await copy(env, `oci:${layout}:list`, `dir:${folder}`);
      await assert.rejects(mine.commit(image.manifest), { kind: 'conflict', code: 'REPLACED_MEANWHILE' });
    }
    assert.deepEqual(await readAll(env, `dir:${folder}`), await readAll(env, `oci:${layout}:list`));
    assert.equal((await readdir(folder)).length, (await readAll(env, `oci:${layout}:list`)).length + 1);
  });

  it('leaves folders alone that are none of its own, and refuses later versions', async (t) => {
    const { env, layout, folder } = await prepare(t);
    await mkdir(folder);
    await writeFile(join(folder, 'thesis.txt'), 'important');
    await assert.rejects(copy(env, `oci:${layout}:image`, `dir:${folder}`), { code: 'NOT_AN_IMAGE_FOLDER' });
    await assert.rejects(copy(env, `oci:${layout}:image`, `dir:${folder}/thesis.txt`), { code: 'NOT_AN_IMAGE_FOLDER' });
    await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.3\n');
    await assert.rejects(copy(env, `oci:${layout}:image`, `dir:${folder}`), { code: 'UNKNOWN_DIR_VERSION' });
    await writeFile(join(folder, 'version'), 'version one\n');
    await assert.rejects(copy(env, `oci:${layout}:image`, `dir:${folder}`), { code: 'NOT_AN_IMAGE_FOLDER' });
    assert.deepEqual((await readdir(folder)).sort(), ['thesis.txt', 'version']);
    await assert.rejects(readAll(env, `dir:${env.folder}/absent`), { code: 'IMAGE_NOT_FOUND' });
  });

  it('names an instance by digest, and has colons in paths', async (t) => {
    const { env, layout, folder, digests } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `dir:${folder}:x`);
    assert.equal((await readdir(env.folder)).includes('d:x'), true);
    await using source = await openVerifiedSource(locate(`dir:${folder}:x@${digests.image}`), env);
    assert.equal((await source.getManifest()).digest, digests.image);
    await assert.rejects(locate(`dir:${folder}@${digests.image}`).openDestination(env), {
      code: 'INVALID_DESTINATION',
    });
    assert.throws(() => locate('dir:'), { code: 'INVALID_IMAGE_NAME' });
    await rm(`${folder}:x`, { recursive: true });
  });
});

it('makes no folder for a plan alone', async (t) => {
  const env = await testEnv(t);
  const folder = join(env.folder, 'out');
  await using _ = await locate(`dir:${folder}`).openDestination(env);
  await assert.rejects(stat(folder), { code: 'ENOENT' });
});
