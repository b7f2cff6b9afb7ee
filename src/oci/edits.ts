/**
 * Changes of an index, as data. What they do is what containers/common's `manifests.List` and containers/image's
 * `EditInstances` do, but entries are found by position where a digest may stand twice.
 */
import { BugError, NotFoundError, UnsupportedError } from '../foundation/errors.ts';
import type { Annotations, Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { ImageIndex, IndexEntry } from './image-index.ts';
import { allOf, byDigest, byPlatform, isAttestation, type Matcher } from './matcher.ts';
import { mediaTypes, zstdAnnotation } from './media-types.ts';
import { isEmptyPlatform, type Platform, type PlatformSpec, platformKey } from './platform.ts';

/** New values for members of an entry; what is left away stays, what is empty goes. Annotations are merged. */
export interface EntryChanges {
  readonly annotations?: Annotations;
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
  /** CPU features; only a Docker list can say them. */
  readonly features?: readonly string[];
  readonly artifactType?: string;
}

/** A new manifest in the place of the one at `position` (counted before any of the edit's changes). */
export interface EntryReplacement {
  readonly position: number;
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  /** Merged into those that are there. */
  readonly annotations?: Annotations;
  /** `annotations` take the place of those that are there. */
  readonly replaceAnnotations?: boolean;
  /** Its layers are zstd: says so in an annotation. */
  readonly zstd?: boolean;
}

export type IndexEdit =
  /** Appends, after removing every entry of that digest; with `keepOthers` those for other platforms stay. */
  | { readonly op: 'add'; readonly entry: IndexEntry; readonly keepOthers?: boolean }
  /** Changes the first entry of that digest (and platform, where one is named). */
  | {
      readonly op: 'annotate-entry';
      readonly digest: Digest;
      readonly platform?: PlatformSpec;
      readonly set: EntryChanges;
      readonly removeAnnotations?: readonly string[];
    }
  /** An empty artifact type and the subject `null` take away what is there. */
  | {
      readonly op: 'annotate-index';
      readonly annotations?: Annotations;
      readonly removeAnnotations?: readonly string[];
      readonly artifactType?: string;
      readonly subject?: Descriptor | null;
    }
  /** Removes every entry of that digest (and platform, where one is named). */
  | { readonly op: 'remove'; readonly digest: Digest; readonly platform?: PlatformSpec }
  /**
   * What a copy does to a list. Where an entry came, zstd entries of an OCI index go behind all others (in their order), so that
   * old clients, which take the first match, get gzip; and also where an entry that became zstd would hide one from them.
   */
  | {
      readonly op: 'replace-entries';
      readonly replacements?: readonly EntryReplacement[];
      readonly additions?: ReadonlyArray<{ readonly entry: IndexEntry; readonly zstd?: boolean }>;
      /** Positions, counted before any of the edit's changes. */
      readonly removals?: readonly number[];
    };

/**
 * `index` after all `edits`, one after the other; nothing given is changed. Throws NotFoundError INSTANCE_NOT_FOUND, and
 * UnsupportedError PLATFORM_REQUIRED for an addition without platform to a Docker list.
 */
export function applyEdits(index: ImageIndex, edits: readonly IndexEdit[]): ImageIndex {
  return edits.reduce(applyEdit, index);
}

function applyEdit(index: ImageIndex, edit: IndexEdit): ImageIndex {
  switch (edit.op) {
    case 'add':
      return add(index, edit.entry, edit.keepOthers ?? false);
    case 'annotate-entry':
      return annotateEntry(index, edit);
    case 'annotate-index':
      return annotateIndex(index, edit);
    case 'remove':
      return remove(index, edit);
    case 'replace-entries':
      return replaceEntries(index, edit);
  }
}

type EditOf<Op extends IndexEdit['op']> = Extract<IndexEdit, { op: Op }>;

function add(index: ImageIndex, entry: IndexEntry, keepOthers: boolean): ImageIndex {
  const { platform, ...rest } = entry;
  const added: IndexEntry = platform === undefined || isEmptyPlatform(platform) ? rest : entry;
  const stays = (other: IndexEntry): boolean =>
    other.digest !== added.digest || (keepOthers && !claimsSamePlatform(other.platform, added.platform));
  return { ...index, manifests: [...index.manifests.filter(stays), added] };
}

/** Field by field, without normalising: what a person gave as two entries stays two. */
function claimsSamePlatform(a: Platform | undefined, b: Platform | undefined): boolean {
  return platformText(a) === platformText(b);
}

function platformText(platform: Platform = { architecture: '', os: '' }): string {
  const {
    architecture,
    os,
    variant = '',
    'os.version': version = '',
    'os.features': osFeatures = [],
    features = [],
  } = platform;
  return JSON.stringify([architecture, os, variant, version, osFeatures, features]);
}

function annotateEntry(index: ImageIndex, edit: EditOf<'annotate-entry'>): ImageIndex {
  const at = index.manifests.findIndex(matcherOf(edit));
  const entry = index.manifests[at];
  if (entry === undefined) {
    const kind = index.mediaType === mediaTypes.dockerList ? 'Docker' : 'OCI';
    throw notFound(index, `no ${kind} manifest matching digest "${edit.digest}" was found in list`, edit.platform);
  }
  return { ...index, manifests: index.manifests.with(at, changeEntry(entry, edit.set, edit.removeAnnotations)) };
}

function changeEntry(entry: IndexEntry, set: EntryChanges, removeAnnotations: readonly string[] = []): IndexEntry {
  const { annotations, artifactType, platform, ...rest } = entry;
  const newAnnotations = mergeAnnotations(annotations, set.annotations, removeAnnotations);
  const newType = set.artifactType ?? artifactType;
  const newPlatform = changePlatform(platform, set);
  return {
    ...rest,
    ...(newAnnotations === undefined ? {} : { annotations: newAnnotations }),
    ...(newPlatform === undefined ? {} : { platform: newPlatform }),
    ...(newType ? { artifactType: newType } : {}),
  };
}

/** A platform comes into being with its first value and goes with its last. */
function changePlatform(platform: Platform | undefined, set: EntryChanges): Platform | undefined {
  const { os, architecture, variant, osVersion, osFeatures, features } = set;
  if ([os, architecture, variant, osVersion, osFeatures, features].every((value) => value === undefined))
    return platform;
  const before: Platform = platform ?? { architecture: '', os: '' };
  const text = { 'os.version': osVersion ?? before['os.version'], variant: variant ?? before.variant };
  const lists = { 'os.features': osFeatures ?? before['os.features'], features: features ?? before.features };
  const changed: Platform = {
    architecture: architecture ?? before.architecture,
    os: os ?? before.os,
    ...(text['os.version'] ? { 'os.version': text['os.version'] } : {}),
    ...(lists['os.features']?.length ? { 'os.features': [...lists['os.features']] } : {}),
    ...(text.variant ? { variant: text.variant } : {}),
    ...(lists.features?.length ? { features: [...lists.features] } : {}),
    ...(before.unknown === undefined ? {} : { unknown: before.unknown }),
  };
  return isEmptyPlatform(changed) ? undefined : changed;
}

function annotateIndex(index: ImageIndex, edit: EditOf<'annotate-index'>): ImageIndex {
  const { annotations, artifactType, subject, ...rest } = index;
  const newAnnotations = mergeAnnotations(annotations, edit.annotations, edit.removeAnnotations);
  const newType = edit.artifactType ?? artifactType;
  const newSubject = edit.subject === undefined ? subject : edit.subject;
  return {
    ...rest,
    ...(newType ? { artifactType: newType } : {}),
    ...(newSubject ? { subject: newSubject } : {}),
    ...(newAnnotations === undefined ? {} : { annotations: newAnnotations }),
  };
}

/** What is removed goes first, so that a key that is both removed and set is set. */
function mergeAnnotations(
  before: Annotations | undefined,
  set: Annotations | undefined,
  remove: readonly string[] = [],
): Annotations | undefined {
  if (set === undefined && remove.length === 0) return before;
  const kept = Object.entries(before ?? {}).filter(([key]) => !remove.includes(key));
  const merged = Object.fromEntries([...kept, ...Object.entries(set ?? {})]);
  return Object.keys(merged).length === 0 ? undefined : merged;
}

function remove(index: ImageIndex, edit: EditOf<'remove'>): ImageIndex {
  const matches = matcherOf(edit);
  const manifests = index.manifests.filter((entry) => !matches(entry));
  if (manifests.length === index.manifests.length) {
    throw notFound(index, `no instance matching digest "${edit.digest}" found in manifest list`, edit.platform);
  }
  return { ...index, manifests };
}

function matcherOf({ digest, platform }: { digest: Digest; platform?: PlatformSpec }): Matcher {
  return platform === undefined ? byDigest(digest) : allOf(byDigest(digest), byPlatform(platform));
}

function replaceEntries(index: ImageIndex, edit: EditOf<'replace-entries'>): ImageIndex {
  const { replacements = [], additions = [], removals = [] } = edit;
  for (const position of [...removals, ...replacements.map((one) => one.position)]) {
    if (index.manifests[position] === undefined) throw new BugError(`the index has no entry at position ${position}`);
  }
  const isOci = index.mediaType === mediaTypes.ociIndex;
  const byPosition = new Map(replacements.map((one) => [one.position, one]));
  const gone = new Set(removals);
  const kept = index.manifests.flatMap((entry, at) => {
    if (gone.has(at)) return [];
    const replacement = byPosition.get(at);
    return [replacement === undefined ? entry : replaceEntry(entry, replacement, isOci)];
  });
  const added = additions.map(({ entry, zstd = false }) => {
    if (!isOci && entry.platform === undefined) {
      throw new UnsupportedError(
        `${entry.digest} has no platform, and a Docker manifest list takes nothing without one`,
        {
          code: 'PLATFORM_REQUIRED',
        },
      );
    }
    return isOci && zstd ? withZstd(entry) : entry;
  });
  const manifests = [...kept, ...added];
  const sorts = isOci && (added.length > 0 || (replacements.some((one) => one.zstd) && hidesGzip(manifests)));
  return { ...index, manifests: sorts ? gzipFirst(manifests) : manifests };
}

function replaceEntry(entry: IndexEntry, replacement: EntryReplacement, isOci: boolean): IndexEntry {
  const { mediaType, digest, size } = replacement.descriptor;
  // embedded content is that of the manifest that was there
  const { data, ...other } = entry;
  const moved: IndexEntry = { ...(digest === entry.digest ? entry : other), mediaType, digest, size };
  if (!isOci) return moved;
  const { annotations: before, ...rest } = moved;
  const annotations = mergeAnnotations(replacement.replaceAnnotations ? undefined : before, replacement.annotations);
  const changed: IndexEntry = annotations === undefined ? rest : { ...moved, annotations };
  return replacement.zstd ? withZstd(changed) : changed;
}

function withZstd(entry: IndexEntry): IndexEntry {
  return { ...entry, annotations: { ...entry.annotations, [zstdAnnotation]: 'true' } };
}

const isZstd = (entry: IndexEntry): boolean => entry.annotations?.[zstdAnnotation] === 'true';

/** Whether somebody who takes the first entry of a platform gets zstd although there is gzip. */
function hidesGzip(entries: readonly IndexEntry[]): boolean {
  const zstd = new Set<string>();
  return entries.some((entry) => {
    if (entry.platform === undefined || entry.artifactType !== undefined || isAttestation(entry)) return false;
    const key = platformKey(entry.platform);
    if (!isZstd(entry)) return zstd.has(key);
    zstd.add(key);
    return false;
  });
}

function gzipFirst(entries: readonly IndexEntry[]): IndexEntry[] {
  return [...entries.filter((entry) => !isZstd(entry)), ...entries.filter(isZstd)];
}

function notFound(index: ImageIndex, message: string, platform: PlatformSpec | undefined): NotFoundError {
  const count = index.manifests.length;
  return new NotFoundError(platform === undefined ? message : `${message} (with that platform)`, {
    code: 'INSTANCE_NOT_FOUND',
    hint: count === 0 ? 'The list is empty.' : `The list has ${count} ${count === 1 ? 'instance' : 'instances'}.`,
  });
}
