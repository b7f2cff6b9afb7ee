/** Puts small images into a registry over plain HTTP, without any code that a test may be about. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { http } from './http.ts';

export interface SeededContent {
  mediaType: string;
  digest: string;
  size: number;
  bytes: Buffer;
}

export interface SeededImage extends SeededContent {
  config: SeededContent;
  layers: readonly SeededContent[];
}

interface Target {
  url: string;
}

type Json = Record<string, unknown>;

export const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

export function content(mediaType: string, value: string | Buffer | Json, algorithm = 'sha256'): SeededContent {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
  return { mediaType, digest, size: bytes.byteLength, bytes };
}

/** The descriptor of `of`, as it stands in a manifest. */
export function descriptor({ mediaType, digest, size }: SeededContent): {
  mediaType: string;
  digest: string;
  size: number;
} {
  return { mediaType, digest, size };
}

export async function pushBlob(registry: Target, repository: string, blob: SeededContent): Promise<SeededContent> {
  const begun = await http(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  assert.equal(begun.status, 202, begun.text);
  const location = new URL(begun.headers.location ?? '', registry.url);
  location.searchParams.set('digest', blob.digest);
  const done = await http(location.href, {
    method: 'PUT',
    body: blob.bytes,
    headers: { 'content-type': 'application/octet-stream', 'content-length': blob.size },
  });
  assert.equal(done.status, 201, done.text);
  return blob;
}

/** Pushes by tag, or by its digest without one. */
export async function pushManifest(
  registry: Target,
  repository: string,
  manifest: SeededContent,
  tag: string = manifest.digest,
): Promise<SeededContent> {
  const answer = await http(`${registry.url}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT',
    body: manifest.bytes,
    headers: { 'content-type': manifest.mediaType },
  });
  assert.equal(answer.status, 201, answer.text);
  return manifest;
}

export interface SeedOptions {
  tag?: string;
  /** `linux/amd64` unless told. */
  platform?: { os: string; architecture: string; variant?: string };
  /** Contents of the layers; one layer with a text unless told. */
  layers?: readonly (string | Buffer)[];
  /** Digests of the layers without their compression; those of the layers themselves unless told. */
  diffIds?: readonly string[];
  /** More members of the manifest: annotations, subject, artifactType. */
  members?: Json;
}

/** An image as bytes, not pushed. */
export function imageOf(options: SeedOptions = {}): SeededImage {
  const { platform = { os: 'linux', architecture: 'amd64' }, layers = ['layer'], members = {} } = options;
  const layerContents = layers.map((layer) => content(types.layer, layer));
  const diffIds = options.diffIds ?? layerContents.map((layer) => layer.digest);
  const config = content(types.config, { ...platform, rootfs: { type: 'layers', diff_ids: diffIds } });
  const manifest = content(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(config),
    layers: layerContents.map(descriptor),
    ...members,
  });
  return { ...manifest, config, layers: layerContents };
}

/** Pushes an image of one platform with its blobs. */
export async function seedImage(registry: Target, repository: string, options: SeedOptions = {}): Promise<SeededImage> {
  const image = imageOf(options);
  for (const blob of [image.config, ...image.layers]) await pushBlob(registry, repository, blob);
  await pushManifest(registry, repository, image, options.tag);
  return image;
}

/** Pushes an index of `images` that are in the repository already. */
export async function seedIndex(
  registry: Target,
  repository: string,
  images: readonly SeededImage[],
  options: { tag?: string; members?: Json } = {},
): Promise<SeededContent> {
  const manifests = images.map((image) => {
    const { os, architecture, variant } = JSON.parse(image.config.bytes.toString()) as Record<string, string>;
    return { ...descriptor(image), platform: { architecture, os, ...(variant === undefined ? {} : { variant }) } };
  });
  const document = { schemaVersion: 2, mediaType: types.index, manifests, ...options.members };
  return pushManifest(registry, repository, content(types.index, document), options.tag);
}
