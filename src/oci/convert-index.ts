/**
 * From one format of index to the other, with every loss named.
 *
 * Source: containers/common `manifests.List` (which format, what is lost), OCI Image Specification v1.1, image-index.md.
 */
import type { Descriptor } from './descriptor.ts';
import { type FieldSet, fields } from './document-fields.ts';
import type { ImageIndex, IndexEntry } from './image-index.ts';
import { keepUnknown, keysOf, type Lose, loseInto, named } from './losses.ts';
import { isAttestation } from './matcher.ts';
import { type IndexType, mediaTypes } from './media-types.ts';
import { formatPlatform, isEmptyPlatform, type Platform } from './platform.ts';

/**
 * The format that the peers choose when nobody asks for one: OCI if something is there that only OCI can say, else Docker if
 * something is there that only Docker can say (`features`), else OCI unless the index is empty.
 */
export function preferredIndexType(index: ImageIndex): IndexType {
  const needsOci =
    Boolean(index.artifactType) ||
    index.subject !== undefined ||
    keysOf(index.annotations).length > 0 ||
    index.manifests.some(
      (entry) => Boolean(entry.artifactType) || keysOf(entry.annotations).length > 0 || Boolean(entry.data),
    );
  if (needsOci) return mediaTypes.ociIndex;
  if (index.manifests.some((entry) => entry.platform?.features?.length)) return mediaTypes.dockerList;
  return index.manifests.length === 0 ? mediaTypes.dockerList : mediaTypes.ociIndex;
}

export interface ConvertedIndex {
  readonly index: ImageIndex;
  /** One sentence for each thing that the format has no place for. */
  readonly losses: string[];
}

/**
 * `index` as a document of type `to`, which may be its own type: an index that was edited may hold what its type cannot say.
 * The entries stay as they are, but for members that have no place; their number and order never change.
 */
export function convertIndex(index: ImageIndex, to: IndexType): ConvertedIndex {
  const losses: string[] = [];
  const format = to === mediaTypes.dockerList ? dockerFormat : ociFormat;
  const { unknown, artifactType, subject, annotations } = index;
  const lose = loseInto(losses, () => 'the index', format.name);
  const ociOnly = { artifactType, subject, annotations };
  if (format === dockerFormat) lose(...namesOf(ociOnly));
  const keptUnknown = keepUnknown(unknown, format.index, lose);
  const manifests = index.manifests.map((entry) =>
    convertEntry(
      entry,
      format,
      loseInto(losses, () => labelOf(entry), format.name),
    ),
  );
  const converted: ImageIndex = {
    mediaType: to,
    manifests,
    ...(format === dockerFormat ? {} : defined(ociOnly)),
    ...keptUnknown,
  };
  return { index: converted, losses };
}

interface Format {
  readonly name: string;
  readonly index: FieldSet;
  readonly descriptor: FieldSet;
  readonly platform: FieldSet;
}

const ociFormat: Format = {
  name: 'an OCI image index',
  index: fields.ociIndex,
  descriptor: fields.ociDescriptor,
  platform: fields.ociPlatform,
};
const dockerFormat: Format = {
  name: 'a Docker manifest list',
  index: fields.dockerList,
  descriptor: fields.dockerEntry,
  platform: fields.dockerPlatform,
};

function convertEntry(entry: IndexEntry, format: Format, lose: Lose): IndexEntry {
  const { annotations, data, artifactType, platform, unknown, ...common } = entry;
  const isDocker = format === dockerFormat;
  const ociOnly = { annotations, data, artifactType };
  if (isDocker) {
    lose(...namesOf(ociOnly));
    if (isAttestation(entry)) lose('its meaning as an attestation');
  }
  const keptPlatform = convertPlatform(platform, format, lose);
  return {
    ...common,
    ...(isDocker ? {} : defined(ociOnly)),
    ...(keptPlatform === undefined ? {} : { platform: keptPlatform }),
    ...keepUnknown(unknown, format.descriptor, lose),
  };
}

/** A Docker list always has a platform, an OCI index none where nothing is known. */
function convertPlatform(platform: Platform | undefined, format: Format, lose: Lose): Platform | undefined {
  if (format === dockerFormat && platform === undefined) return { architecture: '', os: '' };
  if (platform === undefined) return undefined;
  const { features, unknown, ...common } = platform;
  if (format === ociFormat && features?.length) lose(named('platform feature', features));
  const converted: Platform = {
    ...common,
    ...(format === dockerFormat && features !== undefined ? { features } : {}),
    ...keepUnknown(unknown, format.platform, lose),
  };
  return format === ociFormat && isEmptyPlatform(converted) ? undefined : converted;
}

interface OciOnly {
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly subject?: Descriptor | undefined;
  readonly data?: string | undefined;
}

function namesOf({ artifactType, annotations, subject, data }: OciOnly): string[] {
  return [
    ...(artifactType ? [`the artifact type "${artifactType}"`] : []),
    ...(subject === undefined ? [] : [`the subject ${subject.digest}`]),
    ...(keysOf(annotations).length > 0 ? [named('annotation', keysOf(annotations))] : []),
    ...(data ? ['the embedded content'] : []),
  ];
}

function defined(
  members: OciOnly,
): Partial<Pick<ImageIndex & IndexEntry, 'artifactType' | 'annotations' | 'subject' | 'data'>> {
  const { artifactType, annotations, subject, data } = members;
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(data === undefined ? {} : { data }),
  };
}

function labelOf(entry: IndexEntry): string {
  const { platform, digest } = entry;
  return platform === undefined || isEmptyPlatform(platform) ? digest : `${formatPlatform(platform)} ${digest}`;
}
