/** Encrypted layers, both ways: what sheaf encrypts skopeo decrypts, and what skopeo encrypts sheaf decrypts. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type FixtureImage,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
} from '../../fixtures/images.ts';
import { fixturePath } from '../encryption/support.ts';
import { withGpg } from '../support/gpg.ts';
import { http } from '../support/http.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { sheafIn } from './tools.ts';

const skip = skipWithout('skopeo', 'registry', 'gpg', 'gpgconf');

interface Manifest {
  readonly layers: ReadonlyArray<{ mediaType: string; digest: string; annotations?: Record<string, string> }>;
  readonly manifests?: ReadonlyArray<{ digest: string }>;
}

async function scene(t: TestContext) {
  const [registry, gpg, peers] = [
    await realRegistry(t, { port: await leasePort(t) }),
    await withGpg(t),
    await isolatedPeers(t),
  ];
  const at = (name: string): string => join(peers.folder, name);
  for (const name of ['rsa.pem', 'ec.pem', 'cert.pem', 'bob.asc']) await copyFile(fixturePath(name), at(name));
  for (const name of ['rsa', 'ec']) {
    const key = createPublicKey(await readFile(at(`${name}.pem`)));
    await writeFile(at(`${name}.pub`), key.export({ type: 'spki', format: 'pem' }));
  }
  await gpg.ok(['--import', at('bob.asc')]);
  // skopeo reads binary keyrings only
  await writeFile(at('bob.gpg'), await gpg.exportSecret('bob@example.com'));
  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) =>
      fixtureImage({ platform: { os: 'linux', architecture }, layers: [{ base: 'base\n' }, { own: architecture }] }),
    ),
  );
  for (const image of images) await pushFixtureImage(registry.url, 'src/app', image);
  await pushFixtureManifest(registry.url, 'src/app', fixtureIndex(images), 'multi');
  const gnupg = { GNUPGHOME: gpg.home };
  const own = sheafIn(at('sheaf'), gnupg);
  return {
    images,
    at,
    name: (tag: string): string => `docker://${registry.host}/dst/app:${tag}`,
    source: `docker://${registry.host}/src/app:multi`,
    sheaf: (...args: string[]): Promise<string> => own.ok('image', 'copy', '-q', '--tls-verify=false', ...args),
    refused: (...args: string[]) => own.fails(4, 'image', 'copy', '-q', '--tls-verify=false', ...args),
    skopeo: (...args: string[]): Promise<string> =>
      peers.ok(
        'skopeo',
        ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', ...args],
        { env: gnupg },
      ),
    async manifest(reference: string): Promise<Manifest> {
      const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';
      const { status, text } = await http(`${registry.url}/v2/dst/app/manifests/${reference}`, { headers: { accept } });
      assert.equal(status, 200, text);
      return JSON.parse(text) as Manifest;
    },
  };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** A program's name of each way to open what {@link recipients} names. */
const openers = (at: Scene['at'], keyring: string): readonly string[][] => [
  ['--decryption-key', at('rsa.pem')],
  ['--decryption-key', at('ec.pem')],
  ['--decryption-key', at('rsa.pem'), '--decryption-key', at('cert.pem')],
  ['--decryption-key', at(keyring)],
];

const recipients = (at: Scene['at']): readonly string[] => [
  `jwe:${at('rsa.pub')}`,
  `jwe:${at('ec.pub')}`,
  `pkcs7:${at('cert.pem')}`,
  'pgp:bob@example.com',
];

function layersOf(image: FixtureImage | undefined): string[] {
  return (image?.layers ?? []).map(({ digest }) => digest);
}

async function layersAt({ manifest }: Scene, tag: string): Promise<string[]> {
  return (await manifest(tag)).layers.map(({ digest }) => digest);
}

describe('encrypted layers and skopeo', { skip }, () => {
  it('what sheaf encrypts is opened by skopeo with the key of each kind of recipient', async (t) => {
    const all = await scene(t);
    const { at, sheaf, skopeo, name, source, images } = all;
    for (const [which, recipient] of recipients(at).entries()) {
      await sheaf('--override-arch=amd64', '--encryption-key', recipient, source, name('enc'));
      const { layers } = await all.manifest('enc');
      for (const layer of layers) assert.match(layer.mediaType, /\.tar\+gzip\+encrypted$/);
      await skopeo(...(openers(at, 'bob.gpg')[which] ?? []), name('enc'), name('plain'));
      assert.deepEqual(await layersAt(all, 'plain'), layersOf(images[0]), recipient);
    }
    const keys = recipients(at).flatMap((recipient) => ['--encryption-key', recipient]);
    await sheaf('--override-arch=amd64', ...keys, '--encrypt-layer=-1', source, name('enc'));
    const { layers } = await all.manifest('enc');
    assert.deepEqual(
      layers.map(({ annotations = {} }) => Object.keys(annotations).map((key) => key.split('.').at(-1))),
      [[], ['jwe', 'pgp', 'pkcs7', 'pubopts']],
    );
    for (const opener of openers(at, 'bob.gpg')) {
      await skopeo(...opener, name('enc'), name('plain'));
      assert.deepEqual(await layersAt(all, 'plain'), layersOf(images[0]), opener.join(' '));
    }
  });

  it('what skopeo encrypts is opened by sheaf with the key of each kind of recipient', async (t) => {
    const all = await scene(t);
    const { at, sheaf, skopeo, name, source, images } = all;
    const keys = recipients(at).flatMap((recipient) => ['--encryption-key', recipient]);
    await skopeo('--override-arch=amd64', ...keys, source, name('enc'));
    const [one] = layersOf(images[0]);
    assert.notEqual((await layersAt(all, 'enc'))[0], one);
    for (const opener of openers(at, 'bob.asc')) {
      const digest = await sheaf(...opener, name('enc'), name('plain'));
      assert.equal(digest, images[0]?.manifest.digest, opener.join(' '));
    }
    await skopeo('--override-arch=amd64', '--encryption-key', `jwe:${at('rsa.pub')}`, source, name('rsa'));
    const { stderr } = await all.refused('--decryption-key', at('ec.pem'), name('rsa'), name('wrong'));
    assert.match(stderr, /none of the decryption keys opens the layer sha256:/);
  });

  it('whole indexes, further recipients and zstd go both ways', async (t) => {
    const all = await scene(t);
    const { at, sheaf, skopeo, name, source, images } = all;
    await sheaf(
      '--all',
      '--encryption-key',
      `jwe:${at('rsa.pub')}`,
      '--dest-compress-format=zstd',
      source,
      name('enc'),
    );
    await sheaf(
      '--all',
      ...['--encryption-key', `jwe:${at('ec.pub')}`, '--decryption-key', at('rsa.pem')],
      ...[name('enc'), name('both')],
    );
    for (const key of ['rsa.pem', 'ec.pem']) {
      await skopeo('--all', '--decryption-key', at(key), name('both'), name('zstd'));
      const { manifests = [] } = await all.manifest('zstd');
      assert.equal(manifests.length, images.length);
      await sheaf('--all', '--dest-compress-format=none', name('zstd'), name('none'));
      for (const [which, { digest }] of ((await all.manifest('none')).manifests ?? []).entries()) {
        const config = JSON.parse(Buffer.from(images[which]?.config.bytes ?? []).toString());
        assert.deepEqual(await layersAt(all, digest), config.rootfs.diff_ids);
      }
    }
    await skopeo('--all', '--encryption-key', `jwe:${at('ec.pub')}`, source, name('theirs'));
    await sheaf('--all', '--decryption-key', at('ec.pem'), name('theirs'), name('plain'));
    assert.deepEqual(
      (await all.manifest('plain')).manifests?.map(({ digest }) => digest),
      images.map(({ manifest }) => manifest.digest),
    );
  });
});
