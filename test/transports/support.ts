/** What tests of transports share: one image of each kind, copies through the engine, and a reading of everything. */
import { createHash } from 'node:crypto';

import { gunzipSync, zstdCompressSync } from 'node:zlib';
import {
  blobOf,
  type FixtureBlob,
  type FixtureImage,
  fixtureImage,
  fixtureIndex,
  writeFixtureLayout,
} from '../../fixtures/images.ts';
import { executePlan } from '../../src/copy/execute-plan.ts';
import { planCopy } from '../../src/copy/plan-copy.ts';
import type { InstanceSelection } from '../../src/copy/select-instances.ts';
import type { RawManifest } from '../../src/oci/descriptor.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { locate } from '../../src/transports/image-names.ts';
import { namedBy } from '../../src/transports/named-content.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import type { TestEnv } from '../support/env.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';

/** The kinds of what can be copied, each the name of an image in {@link writeKinds}' layout. */
export const kinds = ['image', 'list', 'zstd-list', 'artifact'] as const;
export type Kind = (typeof kinds)[number];

/** A layout with one image of each kind; tells the digest of each. */
export async function writeKinds(folder: string): Promise<Record<Kind, Digest>> {
  const layers = [{ 'etc/shared': 'the same in all' }, { 'etc/own': 'x'.repeat(3000) }];
  const amd64 = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' }, layers });
  const arm64 = await fixtureImage({ platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } });
  const list = fixtureIndex([amd64, arm64]);
  const zstd = zstdImage(amd64);
  const zstdList = blobOf(
    ociIndex,
    json({
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [
        { ...entry(amd64.manifest), platform: amd64.platform },
        { ...entry(arm64.manifest), platform: arm64.platform },
        {
          ...entry(zstd.manifest),
          platform: amd64.platform,
          annotations: { 'io.github.containers.compression.zstd': 'true' },
        },
      ],
    }),
  );
  const artifact = artifactOf('{"what":"a note"}');
  await writeFixtureLayout(folder, { image: amd64, arm64, zstd, artifact }, { list, 'zstd-list': zstdList });
  return {
    image: amd64.manifest.digest,
    list: list.digest,
    'zstd-list': zstdList.digest,
    artifact: artifact.manifest.digest,
  };
}

/** The same image with zstd layers. */
export function zstdImage(image: FixtureImage): FixtureImage {
  const layers = image.layers.map((layer) =>
    blobOf('application/vnd.oci.image.layer.v1.tar+zstd', zstdCompressSync(gunzipSync(layer.bytes))),
  );
  return { ...image, layers, manifest: manifestOf(image.config, layers) };
}

function artifactOf(note: string): FixtureImage {
  const config = blobOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'));
  const layers = [blobOf('text/plain', Buffer.from(note))];
  const more = { artifactType: 'application/vnd.example.note' };
  return { platform: { os: '', architecture: '' }, config, layers, manifest: manifestOf(config, layers, more) };
}

export function manifestOf(config: FixtureBlob, layers: readonly FixtureBlob[], more: object = {}): FixtureBlob {
  const document = {
    schemaVersion: 2,
    mediaType: ociManifest,
    ...more,
    config: entry(config),
    layers: layers.map(entry),
  };
  return blobOf(ociManifest, json(document));
}

const entry = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Copies `from` to `to`, everything of a list unless told; tells the root that is there now. */
export async function copy(
  env: TestEnv,
  from: string,
  to: string,
  select: InstanceSelection = 'all',
  unselected: 'keep' | 'strip' = 'keep',
  tags: readonly string[] = [],
): Promise<RawManifest> {
  const location = locate(to);
  await using source = await openVerifiedSource(locate(from), env);
  await using destination = await location.openDestination(env);
  const plan = await planCopy({ source, destination, location, select, unselected, tags, host: env.host });
  return (await executePlan(env.session, plan, source, destination)).root;
}

/** Digests of everything that `name` leads to, each byte read and checked on the way. */
export async function readAll(env: TestEnv, name: string): Promise<string[]> {
  await using source = await openVerifiedSource(locate(name), env);
  const found = new Set<string>();
  const visit = async (manifest: RawManifest): Promise<void> => {
    found.add(manifest.digest);
    const { blobs, instances } = namedBy(manifest);
    for (const blob of blobs) {
      const hash = createHash('sha256');
      for await (const chunk of await source.openBlob(blob)) hash.update(chunk as Uint8Array);
      found.add(`sha256:${hash.digest('hex')}`);
    }
    for (const { digest } of instances) await visit(await source.getManifest(digest));
  };
  await visit(await source.getManifest());
  return [...found].sort();
}

/** Digests of the plain layers of the image `name`, base first. */
export async function diffIds(env: TestEnv, name: string): Promise<string[]> {
  await using source = await openVerifiedSource(locate(name), env);
  const { decompress } = await import('../../src/compression/decompress.ts');
  const { blobs } = namedBy(await source.getManifest());
  const found: string[] = [];
  for (const blob of blobs.slice(1)) {
    const hash = createHash('sha256');
    for await (const chunk of decompress(await source.openBlob(blob))) hash.update(chunk);
    found.push(`sha256:${hash.digest('hex')}`);
  }
  return found;
}

/** The digest of the config of the image `name`. */
export async function configDigest(env: TestEnv, name: string): Promise<string | undefined> {
  await using source = await openVerifiedSource(locate(name), env);
  return namedBy(await source.getManifest()).blobs[0]?.digest;
}
