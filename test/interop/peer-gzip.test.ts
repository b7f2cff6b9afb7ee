/** Layers of local images have the digests that podman gives them, whatever is in them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { type InputKind, peerGzipInput } from '../compression/peer-gzip-inputs.ts';
import { fuzzSeed, randomFrom } from '../compression/support.ts';
import { tarOf } from '../compression/tars.ts';
import { isolatedPeers, type Peers } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { withRegistry } from '../support/registry.ts';
import { skip } from './local-storage.ts';
import { type Sheaf, sheafIn } from './tools.ts';

interface World {
  readonly peers: Peers;
  readonly sheaf: Sheaf;
  /** The storage of podman, as it stands before an image. */
  readonly storage: string;
  /** Of the registry. */
  readonly host: string;
  manifest(name: string): Promise<string>;
}

async function world(t: TestContext): Promise<World> {
  const peers = await isolatedPeers(t);
  const { folder } = peers;
  const { host } = await withRegistry(t, { port: await leasePort(t) });
  return {
    peers,
    host,
    sheaf: sheafIn(join(folder, 'sheaf')),
    storage: `containers-storage:[vfs@${join(folder, 'storage')}+${join(folder, 'run')}]`,
    manifest: (name) => peers.ok('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${host}/${name}`]),
  };
}

/** Puts an image with these plain layers into the storage of podman; its ID. */
async function load({ peers }: World, layers: readonly Buffer[]): Promise<string> {
  const folder = join(peers.folder, 'image');
  await mkdir(folder);
  const put = async (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes);
    await writeFile(join(folder, digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const described = await Promise.all(layers.map((bytes) => put('application/vnd.oci.image.layer.v1.tar', bytes)));
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: described.map(({ digest }) => digest) },
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const configured = await put('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify(config)));
  const manifest = { schemaVersion: 2, mediaType, config: configured, layers: described };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
  return (await peers.ok('podman', ['pull', '-q', `dir:${folder}`])).trim();
}

test('layers of every kind have the digests that podman gives them', { skip }, async (t) => {
  const one = await world(t);
  const { peers, sheaf, storage, host, manifest } = one;
  const seed = fuzzSeed();
  t.diagnostic(`SHEAF_SEED=${seed}`);
  const random = randomFrom(seed);
  const kinds: readonly InputKind[] = ['sample', 'zeros', 'noise', 'skewed', 'words', 'records', 'few'];
  const layers = kinds.flatMap((kind) =>
    [2000, 2 ** 17, 2 ** 21].map((most) => {
      const data = peerGzipInput(kind, Math.floor(most * random()), Math.floor(random() * 2 ** 31));
      return tarOf([{ name: `${kind}-${most}`, data }]);
    }),
  );
  const id = await load(one, layers);
  await peers.ok('podman', ['push', '-q', '--tls-verify=false', id, `docker://${host}/theirs:1`]);
  await sheaf.ok('image', 'copy', '--dest-tls-verify=false', `${storage}@${id}`, `docker://${host}/ours:1`);
  assert.equal(await manifest('ours:1'), await manifest('theirs:1'));
});

test('an image that was pulled has them too: what it was in its registry is not kept', { skip }, async (t) => {
  const one = await world(t);
  const { peers, sheaf, storage, host, manifest } = one;
  const layers = ['a', 'b'].map((name, at) => tarOf([{ name, data: peerGzipInput('words', 100_000, at + 1) }]));
  const id = await load(one, layers);
  const smallest = ['--dest-compress-format', 'gzip', '--dest-compress-level', '9'];
  const origin = `docker://${host}/origin:1`;
  await sheaf.ok('image', 'copy', '--dest-tls-verify=false', ...smallest, `${storage}@${id}`, origin);
  await peers.ok('podman', ['rmi', '-f', id]);
  await peers.ok('podman', ['pull', '-q', '--tls-verify=false', origin]);
  // to the registry that it came from podman sends no layer, for it knows what is there
  const other = await withRegistry(t, { port: await leasePort(t) });
  await peers.ok('podman', ['push', '-q', '--tls-verify=false', id, `docker://${other.host}/theirs:1`]);
  await sheaf.ok('image', 'copy', '--dest-tls-verify=false', `${storage}@${id}`, `docker://${host}/ours:1`);
  const theirs = await peers.ok('skopeo', [
    'inspect',
    '--raw',
    '--tls-verify=false',
    `docker://${other.host}/theirs:1`,
  ]);
  assert.equal(await manifest('ours:1'), theirs);
  assert.notEqual(await manifest('origin:1'), theirs);
});
