/** An image or index with everything below it, as data for a picture: instances, their blobs, attestations, referrers. */
import { asError, IntegrityError } from '../foundation/errors.ts';
import type { Annotations, Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { type IndexEntry, parseIndex } from '../oci/image-index.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { attestationSubject, isAttestation } from '../oci/matcher.ts';
import { isIndexType } from '../oci/media-types.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource, parsed, type VerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

/** What a node of the tree is to a person. */
export type TreeRole =
  | 'index'
  | 'image'
  | 'artifact'
  | 'attestation'
  | 'config'
  | 'layer'
  | 'referrer'
  | 'signature'
  | 'missing';

export interface TreeNode {
  readonly role: TreeRole;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of this document or blob itself. */
  readonly size: number;
  readonly platform?: string;
  readonly artifactType?: string;
  readonly annotations?: Annotations;
  /** Why it could not be read, for `missing`. */
  readonly problem?: string;
  readonly children: readonly TreeNode[];
}

type ReferrerRole = Extract<TreeRole, 'attestation' | 'referrer' | 'signature'>;

const signatureTypes = /sigstore|cosign|notary|pgp/i;

/**
 * Throws what reading the root throws, and IntegrityError TREE_TOO_LARGE; an instance that cannot be read becomes a node with the
 * role `missing`.
 */
export async function describeTree(env: Env, location: ImageLocation): Promise<TreeNode> {
  await using source = await openVerifiedSource(location, env);
  const root = await source.getManifest();
  const tree = await describe({ source, known: new Map() }, root, {}, new Set());
  if (thingsIn(tree) <= maxThings) return tree;
  throw new IntegrityError(
    `${location.format()} names more than ${maxThings} things, counted wherever they are named`,
    {
      code: 'TREE_TOO_LARGE',
      hint: 'Its indexes name one another again and again: see it document by document, without --tree.',
    },
  );
}

/** Things in one picture: a few small indexes that name one another can make any number of them. */
const maxThings = 300_000;
/** Indexes that are nested deeper than this are not drawn, as they are not copied. */
const maxDepth = 8;

interface Drawing {
  readonly source: VerifiedSource;
  /** What was drawn once is the same wherever else it is named. */
  readonly known: Map<string, Promise<TreeNode>>;
}

async function describe(
  drawing: Drawing,
  raw: RawManifest,
  entry: Partial<IndexEntry>,
  path: ReadonlySet<Digest>,
): Promise<TreeNode> {
  const key = `${raw.mediaType} ${raw.digest}`;
  const drawn = drawing.known.get(key) ?? draw(drawing, raw, path);
  drawing.known.set(key, drawn);
  const { role, ...node } = await drawn;
  const isOfImage = role !== 'index' && isAttestation(entry as Descriptor);
  return { role: isOfImage ? 'attestation' : role, ...factsOf(entry), ...node };
}

/** A manifest as it is by itself, whoever names it. */
async function draw(drawing: Drawing, raw: RawManifest, path: ReadonlySet<Digest>): Promise<TreeNode> {
  const { source } = drawing;
  const facts = { digest: raw.digest, mediaType: raw.mediaType, size: raw.bytes.byteLength };
  const below = new Set([...path, raw.digest]);
  const referrers = await referrersOf(source, raw.digest);
  if (!isIndexType(raw.mediaType)) {
    const { config, layers, artifactType } = parsed(source, () => parseImageManifest(raw));
    const children = [blobNode('config', config), ...layers.map((layer) => blobNode('layer', layer)), ...referrers];
    return artifactType === undefined
      ? { role: 'image', ...facts, children }
      : { role: 'artifact', ...facts, artifactType, children };
  }
  if (path.size > maxDepth) throw new IntegrityError(`it is nested more than ${maxDepth} deep`);
  const index = parsed(source, () => parseIndex(raw));
  const nodes = await Promise.all(
    index.manifests.map(async (child): Promise<TreeNode> => {
      if (below.has(child.digest)) return missingNode(child, 'it contains itself');
      try {
        const manifest = await source.getManifest(child.digest);
        return await describe(drawing, { ...manifest, mediaType: child.mediaType }, child, below);
      } catch (thrown) {
        return missingNode(child, asError(thrown).message);
      }
    }),
  );
  return {
    role: 'index',
    ...facts,
    ...(index.annotations === undefined ? {} : { annotations: index.annotations }),
    ...(index.artifactType === undefined ? {} : { artifactType: index.artifactType }),
    children: [...underTheirSubjects(index.manifests, nodes), ...referrers],
  };
}

/** `node` and all below it, each as often as it is drawn. */
function thingsIn(node: TreeNode, counted = new Map<readonly TreeNode[], number>()): number {
  const { children } = node;
  const known = counted.get(children);
  if (known !== undefined) return known;
  const things = children.reduce((sum, child) => sum + thingsIn(child, counted), 1);
  counted.set(children, things);
  return things;
}

/** Attestations hang below the image that they speak of; one whose image is not there stays where it is. */
function underTheirSubjects(entries: readonly IndexEntry[], nodes: readonly TreeNode[]): TreeNode[] {
  const extra = new Map<Digest, TreeNode[]>();
  const top: TreeNode[] = [];
  const present = new Set(entries.filter((entry) => !isAttestation(entry)).map((entry) => entry.digest));
  entries.forEach((entry, at) => {
    const node = nodes[at];
    if (node === undefined) return;
    const subject = isAttestation(entry) ? attestationSubject(entry) : undefined;
    if (subject !== undefined && present.has(subject)) extra.set(subject, [...(extra.get(subject) ?? []), node]);
    else top.push(node);
  });
  return top.map((node) => ({ ...node, children: [...node.children, ...(extra.get(node.digest) ?? [])] }));
}

function factsOf(entry: Partial<IndexEntry>) {
  return {
    ...(entry.platform === undefined ? {} : { platform: formatPlatform(entry.platform) }),
    ...(entry.annotations === undefined ? {} : { annotations: entry.annotations }),
    ...(entry.artifactType === undefined ? {} : { artifactType: entry.artifactType }),
  };
}

function blobNode(role: 'config' | 'layer', blob: Descriptor): TreeNode {
  return {
    role,
    digest: blob.digest,
    mediaType: blob.mediaType,
    size: blob.size,
    ...(blob.annotations === undefined ? {} : { annotations: blob.annotations }),
    children: [],
  };
}

function missingNode(entry: IndexEntry, problem: string): TreeNode {
  return {
    role: 'missing',
    ...factsOf(entry),
    digest: entry.digest,
    mediaType: entry.mediaType,
    size: entry.size,
    problem,
    children: [],
  };
}

/**
 * What stands beside a manifest and speaks of it, as the source tells it. A local list is drawn from what it holds: what speaks of
 * its instances is where they came from, and nobody there is asked.
 */
async function referrersOf(source: VerifiedSource, digest: Digest): Promise<TreeNode[]> {
  if (source.location.transport === 'store') return [];
  const companions = await source.companions(digest);
  return companions.map(({ descriptor, tag }) => referrerNode(roleOf(descriptor, tag), descriptor));
}

/** Tags are those of cosign; a referrer says by its type what it is. */
function roleOf({ artifactType = '' }: Descriptor, tag: string | undefined): ReferrerRole {
  if (tag?.endsWith('.att')) return 'attestation';
  return tag?.endsWith('.sig') || signatureTypes.test(artifactType) ? 'signature' : 'referrer';
}

function referrerNode(role: ReferrerRole, one: Descriptor): TreeNode {
  return { role, ...factsOf(one), digest: one.digest, mediaType: one.mediaType, size: one.size, children: [] };
}
