/** Which entry of a layout's index.json a name means, and the index with a name moved. Pure. */
import { NotFoundError, UsageError } from '../../foundation/errors.ts';
import { descriptorOf, type RawManifest } from '../../oci/descriptor.ts';
import type { ImageIndex, IndexEntry } from '../../oci/image-index.ts';
import { isIndexType, isManifestType } from '../../oci/media-types.ts';
import { referrerOf } from '../../oci/referrer.ts';

/** The annotation that names an entry of a layout. */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';
/** containerd's and BuildKit's full image name; looked at when no entry has the plain name. */
export const containerdNameAnnotation = 'io.containerd.image.name';

/** How one of the images of a layout is chosen; by nothing where it has only one. */
export interface EntryChoice {
  readonly name?: string;
  /** Position in index.json, from 0. */
  readonly position?: number;
}

export const nameOf = (entry: IndexEntry): string | undefined => entry.annotations?.[refNameAnnotation];

/**
 * The entry that is meant. `where` is the folder or archive, `text` the whole name. Throws NotFoundError IMAGE_NOT_FOUND,
 * UsageError AMBIGUOUS_IMAGE.
 */
export function chooseEntry(index: ImageIndex, choice: EntryChoice, where: string, text: string): IndexEntry {
  const images = index.manifests.filter((entry) => isIndexType(entry.mediaType) || isManifestType(entry.mediaType));
  const named = images.map((entry) => nameOf(entry) ?? entry.annotations?.[containerdNameAnnotation] ?? '(no name)');
  const listed = some(named);
  const holds = named.length === 0 ? 'It is empty.' : `It holds ${listed}.`;
  if (choice.position !== undefined) {
    const entry = index.manifests[choice.position];
    if (entry !== undefined) return entry;
    throw new NotFoundError(`there is no image ${choice.position} in ${where}, which has ${index.manifests.length}`, {
      code: 'IMAGE_NOT_FOUND',
      hint: 'Positions are counted from 0.',
    });
  }
  if (choice.name === undefined) {
    const alone = images.filter((entry) => !isCompanion(entry));
    const [only, second] = alone.length === 1 ? alone : images;
    if (only !== undefined && second === undefined) return only;
    if (only === undefined) throw new NotFoundError(`there is no image in ${text}`, { code: 'IMAGE_NOT_FOUND' });
    throw new UsageError(`there is more than one image in ${text}`, {
      code: 'AMBIGUOUS_IMAGE',
      hint: `Add :NAME (or :@N, counted from 0) to choose one of ${listed}.`,
    });
  }
  const found =
    images.find((entry) => nameOf(entry) === choice.name) ??
    images.find((entry) => entry.annotations?.[containerdNameAnnotation] === choice.name);
  if (found !== undefined) return found;
  throw new NotFoundError(`there is no image named "${choice.name}" in ${where}`, {
    code: 'IMAGE_NOT_FOUND',
    hint: holds,
  });
}

/** As many as somebody would read. */
function some(names: readonly string[]): string {
  const more = names.length - maxListed;
  return more > 0 ? `${names.slice(0, maxListed).join(', ')} and ${more} more` : names.join(', ');
}

const maxListed = 20;

/** What speaks of another entry is not meant by who names none. */
function isCompanion(entry: IndexEntry): boolean {
  const name = nameOf(entry);
  if (name === undefined) return entry.artifactType !== undefined;
  return /^sha(?:256|512)-[0-9a-f]+\.(?:sig|att|sbom)$/.test(name);
}

/** `index` with `root` under `name`: an older holder of the name loses it, but stays. */
export function withRoot(index: ImageIndex, root: RawManifest, name: string | undefined): ImageIndex {
  const before = index.manifests.find((other) => isSame(other, root, name));
  const entry: IndexEntry = {
    ...descriptorOf(root),
    ...annotated(before, name),
  };
  const others = index.manifests
    .filter((other) => !isSame(other, root, name))
    .map((other) => (name !== undefined && nameOf(other) === name ? withoutName(other) : other));
  return { ...index, manifests: [...others, entry] };
}

/** An entry that the new one takes the place of. */
function isSame(entry: IndexEntry, root: RawManifest, name: string | undefined): boolean {
  return entry.digest === root.digest && (nameOf(entry) === name || nameOf(entry) === undefined);
}

/** What others have noted on the entry stays. */
function annotated(before: IndexEntry | undefined, name: string | undefined): Pick<IndexEntry, 'annotations'> {
  const annotations = { ...before?.annotations, ...(name === undefined ? {} : { [refNameAnnotation]: name }) };
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

function withoutName(entry: IndexEntry): IndexEntry {
  const { annotations, ...rest } = entry;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => key !== refNameAnnotation);
  return kept.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(kept) };
}

/** `index` with an entry for a manifest that refers to another one; without a name, for it is found through its subject. */
export function withReferrer(index: ImageIndex, manifest: RawManifest): ImageIndex {
  if (index.manifests.some(({ digest }) => digest === manifest.digest)) return index;
  const artifactType = referrerOf(manifest)?.entry.artifactType;
  const entry = { ...descriptorOf(manifest), ...(artifactType === undefined ? {} : { artifactType }) };
  return { ...index, manifests: [...index.manifests, entry] };
}
