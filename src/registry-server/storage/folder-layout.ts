/**
 * Where things stand in the folder of a registry:
 *
 *     registry.json                                        says what this folder is
 *     server.pid                                           process that serves it
 *     blobs/<algorithm>/<hex>                              content of blobs and manifests, whole or absent
 *     repositories/<name>/_blobs/<algorithm>/<hex>         empty: the repository has that blob
 *     repositories/<name>/_manifests/<algorithm>/<hex>     media type of a manifest that the repository has
 *     repositories/<name>/_referrers/<algorithm>/<hex>/<algorithm>-<hex>   empty: the second refers to the first
 *     repositories/<name>/_tags/<tag>                      digest
 *     uploads/<id>/repository, uploads/<id>/data           uploads under way
 *     scratch/                                             files that are not finished yet
 *
 * No component of a repository name can begin with an underscore, so repositories nest without a clash.
 */
import { join } from 'node:path';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../oci/digest.ts';

export interface FolderLayout {
  readonly root: string;
  readonly marker: string;
  readonly claim: string;
  readonly scratch: string;
  readonly uploads: string;
  readonly repositories: string;
  upload(id: string): string;
  content(digest: Digest): string;
  repository(name: string): string;
  blob(name: string, digest: Digest): string;
  manifest(name: string, digest: Digest): string;
  referrers(name: string, subject: Digest): string;
  tags(name: string): string;
}

export function folderLayout(root: string): FolderLayout {
  const repositories = join(root, 'repositories');
  const repository = (name: string): string => join(repositories, ...name.split('/'));
  return {
    root,
    marker: join(root, 'registry.json'),
    claim: join(root, 'server.pid'),
    scratch: join(root, 'scratch'),
    uploads: join(root, 'uploads'),
    repositories,
    upload: (id) => join(root, 'uploads', id),
    content: (digest) => join(root, 'blobs', algorithmOf(digest), encodedOf(digest)),
    repository,
    blob: (name, digest) => join(repository(name), '_blobs', algorithmOf(digest), encodedOf(digest)),
    manifest: (name, digest) => join(repository(name), '_manifests', algorithmOf(digest), encodedOf(digest)),
    referrers: (name, subject) => join(repository(name), '_referrers', algorithmOf(subject), encodedOf(subject)),
    tags: (name) => join(repository(name), '_tags'),
  };
}

/** `sha256:<hex>` as one file name. */
export function digestToFileName(digest: Digest): string {
  return digest.replace(':', '-');
}

export function digestFromFileName(name: string): Digest | undefined {
  const digest = name.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}

/**
 * Tags tell upper from lower case, some file systems do not: a tag with upper-case letters is written in lower case,
 * followed by `+` and the places of those letters as a hexadecimal bit set.
 */
export function tagToFileName(tag: string): string {
  const lower = tag.toLowerCase();
  if (lower === tag) return tag;
  let places = 0n;
  for (let i = 0; i < tag.length; i += 1) if (tag[i] !== lower[i]) places |= 1n << BigInt(i);
  return `${lower}+${places.toString(16)}`;
}

export function tagFromFileName(name: string): string {
  const [lower = '', places] = name.split('+');
  if (places === undefined) return lower;
  const set = BigInt(`0x${places}`);
  return [...lower].map((c, i) => ((set >> BigInt(i)) & 1n ? c.toUpperCase() : c)).join('');
}
