/** Signatures that a local storage keeps of the images that were pulled into it: verified, and carried where they still hold. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createSession } from '../../src/foundation/session.ts';
import { type Digest, digestOf, encodedOf } from '../../src/oci/digest.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { createList } from '../../src/operations/create-list.ts';
import { pushList } from '../../src/operations/push-list.ts';
import { encodeSignatureBlob } from '../../src/signing/signature-blob.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import { gpgKey, reasons, session, signingEnv, sigstoreKey, verify } from '../signing/support.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';
import { StorageWriter } from '../transports/storage-writer.ts';

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
};
const name = 'registry.example/team/app:1';
const json = (document: object): Buffer => Buffer.from(JSON.stringify(document));

interface Arranged {
  readonly storage: StorageWriter;
  /** `containers-storage:[...]registry.example/team/app:1` */
  readonly image: string;
  readonly digest: Digest;
}

interface Options {
  /** Whether the image was pulled with a compressed layer, which the storage does not keep. */
  readonly compressed?: boolean;
  /** As storages were before they knew signatures of several manifests. */
  readonly old?: boolean;
  /** Changes what the metadata says of sizes. */
  readonly sizes?: (sizes: readonly number[]) => unknown;
  readonly architecture?: string;
  readonly storage?: StorageWriter;
  readonly names?: readonly string[];
}

/** An image in a storage, as podman has it after it has pulled what `signers` have signed. */
async function pulled(t: TestContext, signers: readonly ImageSigner[], options: Options = {}): Promise<Arranged> {
  const { compressed, old, sizes = (all) => all, architecture = 'amd64', names = [name] } = options;
  const storage = options.storage ?? new StorageWriter(join(await testFolder(t), 'storage'), 'vfs');
  const layer = await storage.layer([{ name: 'file', data: Buffer.from(`of ${architecture}`) }]);
  const rootfs = { type: 'layers', diff_ids: [layer.diffId] };
  const config = json({ architecture, os: 'linux', rootfs });
  const [configDigest, gzip] = [digestOf(config), digestOf(Buffer.from('compressed'))];
  const manifest = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: configDigest, size: config.byteLength },
    layers: [
      compressed
        ? { mediaType: `${types.layer}+gzip`, digest: gzip, size: 10 }
        : { mediaType: types.layer, digest: layer.diffId, size: layer.tar.byteLength },
    ],
  });
  const digest = digestOf(manifest);
  const made = await Promise.all(signers.map((signer) => signer.sign(session, { digest, identity: name })));
  const blobs = made.flat().map(encodeSignatureBlob);
  const told = sizes(blobs.map(({ byteLength }) => byteLength));
  const all = Buffer.concat(blobs);
  await storage.image({
    id: encodedOf(configDigest),
    names,
    layer: layer.id,
    metadata: { 'signature-sizes': told, ...(old ? {} : { 'signatures-sizes': { [digest]: told } }) },
    data: {
      [configDigest]: config,
      manifest,
      [`manifest-${digest}`]: manifest,
      signatures: all,
      ...(old ? {} : { [`signature-${encodedOf(digest)}`]: all }),
    },
  });
  return { storage, image: `${storage.prefix}${name}`, digest };
}

const copying = { take: { select: 'all', unselected: 'keep' }, tags: [], dryRun: false } as const;

describe('signatures in a local storage', () => {
  for (const options of [{}, { compressed: true }, { old: true, compressed: true }]) {
    it(`are verified, of the image as it was pulled ${JSON.stringify(options)}`, async (t) => {
      const [alice, key, env] = [await gpgKey(), sigstoreKey(), await signingEnv(t)];
      const { image, digest } = await pulled(t, [alice.signer, key.signer('attachment')], options);
      for (const trusted of [{ gpg: [alice] }, { sigstore: [key] }]) {
        const seen = await verify(env, image, trusted);
        assert.deepEqual([seen.verified, seen.digest, seen.manifests.length], [true, digest, 1]);
      }
      assert.equal((await verify(env, image, { gpg: [await gpgKey('Mallory')] })).verified, false);
      assert.equal((await verify(env, image, { sigstore: [sigstoreKey()] })).verified, false);
      const renamed = await verify(env, image, { gpg: [alice], identity: 'registry.example/team/app:2' });
      assert.match(reasons(renamed), /is not accepted/);
    });
  }

  it('count under the name that was asked for alone', async (t) => {
    const [alice, env] = [await gpgKey(), await signingEnv(t)];
    const { storage } = await pulled(t, [alice.signer], { names: [name, 'registry.example/team/app:2'] });
    const other = await verify(env, `${storage.prefix}registry.example/team/app:2`, { gpg: [alice] });
    assert.deepEqual([other.verified, /is not accepted/.test(reasons(other))], [false, true]);
  });

  it('go along where the image is handed out as it was pulled, and are not broken', async (t) => {
    const [alice, key, env] = [await gpgKey(), sigstoreKey(), await signingEnv(t)];
    const { image } = await pulled(t, [alice.signer, key.signer('attachment')]);
    const { registriesD } = env;
    const signatures = { registriesD };
    const folder = join(env.folder, 'out');
    const to = { source: locate(image), destination: locate(`dir:${folder}`), signatures, ...copying };
    assert.equal((await copyImage(env, to)).carried, 2);
    assert.deepEqual((await readdir(folder)).filter((file) => file.startsWith('signature-')).length, 2);
    for (const trusted of [{ gpg: [alice] }, { sigstore: [key] }]) {
      assert.equal((await verify(env, `dir:${folder}`, { ...trusted, identity: name })).verified, true);
    }
    // on its way to a registry it is compressed, which is what skopeo refuses too
    const pushed = `docker://${(await withRegistry(t)).host}/team/app:1`;
    await assert.rejects(copyImage(env, { ...to, destination: locate(pushed) }), { code: 'SIGNATURES_WOULD_BREAK' });
    const { signatures: _, ...behind } = to;
    assert.equal((await copyImage(env, { ...behind, destination: locate(pushed) })).carried, undefined);
  });

  it('are told of where they stay behind, by copies and by lists', async (t) => {
    const [alice, own] = [await gpgKey(), await signingEnv(t)];
    const told: string[] = [];
    const onEvent = (event: { type: string; code?: string; message?: string }): void => {
      if (event.type === 'warning' && event.code === 'SIGNATURES_LEFT') told.push(event.message ?? '');
    };
    const env = { ...own, session: createSession({ onEvent }) };
    const { image, storage, digest } = await pulled(t, [alice.signer], { compressed: true });
    await pulled(t, [alice.signer], { compressed: true, storage, architecture: 'arm64', names: ['other.example/a:1'] });
    const signatures = { registriesD: env.registriesD, inRegistries: false };
    const destination = locate(`docker://${(await withRegistry(t)).host}/team/app:1`);
    const copied = await copyImage(env, { source: locate(image), destination, signatures, ...copying });
    assert.deepEqual([copied.carried, told.length], [undefined, 1]);
    assert.match(told[0] ?? '', new RegExp(`^1 signatures .* stay behind: they are of ${digest}`));
    const images = [locate(image), locate(`${storage.prefix}other.example/a:1`)];
    const list = await createList(env, { name: 'l', images, taking: 'all', annotations: {}, ifExists: 'fail' });
    const push = { list: list.id, destination, select: 'all', unselected: 'keep', tags: [], require: [] } as const;
    await pushList(env, { ...push, dryRun: false, signatures });
    assert.equal(told.length, 3);
    await pushList(env, { ...push, dryRun: false });
    assert.equal(told.length, 3);
  });

  it('are an error where they are not what the storage says, of the image that is meant alone', async (t) => {
    const [alice, env] = [await gpgKey(), await signingEnv(t)];
    const wrong: Array<NonNullable<Options['sizes']>> = [
      ([size = 0]) => [size + 1],
      ([size = 0]) => [size - 1],
      () => [0],
      () => ['7'],
      () => [5 << 20],
      () => Array.from({ length: 128 }, () => 1),
      () => 'many',
    ];
    for (const sizes of wrong) {
      const { image, storage } = await pulled(t, [alice.signer], { sizes });
      await assert.rejects(verify(env, image, { gpg: [alice] }), { code: 'BAD_SIGNATURE' });
      const destination = locate(`dir:${await testFolder(t)}/out`);
      const signatures = { registriesD: env.registriesD };
      await assert.rejects(copyImage(env, { source: locate(image), destination, signatures, ...copying }), {
        code: 'BAD_SIGNATURE',
      });
      const good = { storage, architecture: 'arm64', names: ['other.example/a:1'] };
      await pulled(t, [alice.signer], good);
      const source = locate(`${storage.prefix}other.example/a:1`);
      assert.equal((await copyImage(env, { source, destination, signatures, ...copying })).carried, 1);
    }
    const { image } = await pulled(t, []);
    assert.deepEqual((await verify(env, image, { gpg: [alice] })).manifests[0]?.verdict, 'unsigned');
  });
});
