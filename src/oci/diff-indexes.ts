/**
 * What is different between two indexes, instance by instance. Pure.
 *
 * Instances are matched by what they are for: the platform, normalised, and the compression variant. Where that stands for
 * several, version and features of the system and the type of an artifact tell them apart. Attestations are matched by the
 * image that they speak of (BuildKit, docs/attestations/attestation-storage.md).
 */
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import type { ImageIndex, IndexEntry } from './image-index.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';
import { attestationSubject, isAttestation } from './matcher.ts';
import { isIndexType, isManifestType, zstdAnnotation } from './media-types.ts';
import { isEmptyPlatform, normalizePlatform, type Platform, platformKey } from './platform.ts';
import { textOf } from './same-content.ts';

/** A member that differs; the side that does not have it is absent. */
export interface MemberChange {
  /** Names from the outside in: `['annotations', 'org.example.tier']`. */
  readonly path: readonly string[];
  readonly a?: JsonValue;
  readonly b?: JsonValue;
}

/** What an entry of an index is. */
export type InstanceRole = 'image' | 'index' | 'artifact' | 'attestation';

/** One instance in both indexes, or in the only one that has it. */
export type InstanceDiff = InstanceName &
  (
    | { readonly change: 'added'; readonly b: IndexEntry }
    | { readonly change: 'removed'; readonly a: IndexEntry }
    | {
        readonly change: 'changed' | 'same';
        readonly a: IndexEntry;
        readonly b: IndexEntry;
        readonly changes: readonly MemberChange[];
      }
  );

interface InstanceName {
  readonly role: InstanceRole;
  /** Of an attestation, that of its image. */
  readonly platform?: Platform;
}

export interface IndexDiff {
  /** Of the index itself. */
  readonly index: readonly MemberChange[];
  /** In the order of `a`, then those of `b` alone; attestations behind their image. */
  readonly instances: readonly InstanceDiff[];
  /** Whether what both have stands in another order, which decides who gets what where several fit. */
  readonly reordered: boolean;
}

/** The order of members and annotations is no difference, nor is whether something empty is there. */
export function diffIndexes(a: ImageIndex, b: ImageIndex): IndexDiff {
  const [left, right] = [placed(a), placed(b)];
  const images = pairUp(left.filter(isOther).map(withPlatform), right.filter(isOther).map(withPlatform));
  const attestations = pairUp(
    left.filter(isAttesting).map(withSubject(images, 'a')),
    right.filter(isAttesting).map(withSubject(images, 'b')),
  );
  const below = Map.groupBy(attestations, (pair) => eitherOf(pair).group);
  const instances = images.flatMap((image, at) => {
    const { platform } = eitherOf(image).entry;
    const own = below.get(groupOfPair(at)) ?? [];
    below.delete(groupOfPair(at));
    return [diffOf(image, platform), ...own.map((pair) => diffOf(pair, platform))];
  });
  const orphans = [...below.values()].flat().map((pair) => diffOf(pair, undefined));
  return {
    index: changesBetween(indexMembers(a), indexMembers(b)),
    instances: [...instances, ...orphans],
    reordered: isReordered([...images, ...attestations]),
  };
}

/** Whether anything differs. */
export function isDifferent({ index, instances, reordered }: IndexDiff): boolean {
  return index.length > 0 || reordered || instances.some(({ change }) => change !== 'same');
}

interface Placed {
  readonly entry: IndexEntry;
  /** Position in its index. */
  readonly at: number;
  /** Equal for all that may be each other's counterpart. */
  readonly group: string;
}

type Pair = { readonly a: Placed; readonly b?: Placed } | { readonly a?: undefined; readonly b: Placed };

function placed(index: ImageIndex): Placed[] {
  return index.manifests.map((entry, at) => ({ entry, at, group: '' }));
}

const isAttesting = ({ entry }: Placed): boolean => isAttestation(entry);
const isOther = ({ entry }: Placed): boolean => !isAttestation(entry);

function withPlatform(one: Placed): Placed {
  const { platform, annotations } = one.entry;
  const name = platform === undefined || isEmptyPlatform(platform) ? undefined : normalizePlatform(platform);
  const zstd = annotations?.[zstdAnnotation] === 'true';
  return { ...one, group: JSON.stringify([name?.os, name?.architecture, name?.variant, zstd]) };
}

/** Attestations go by the pair that their image is in, whatever its digests; by its digest where it is in none. */
function withSubject(images: readonly Pair[], side: 'a' | 'b'): (one: Placed) => Placed {
  const groups = new Map<Digest, string>();
  // of the platforms that a manifest stands for, rather one that both sides have
  const bothFirst = [...images.entries()].sort(([, one], [, other]) => Number(hasBoth(other)) - Number(hasBoth(one)));
  for (const [at, { [side]: image }] of bothFirst) {
    if (image !== undefined && !groups.has(image.entry.digest)) groups.set(image.entry.digest, groupOfPair(at));
  }
  return (one) => {
    const subject = attestationSubject(one.entry);
    return { ...one, group: (subject && groups.get(subject)) ?? `of ${subject}` };
  };
}

const hasBoth = ({ a, b }: Pair): boolean => a !== undefined && b !== undefined;

const groupOfPair = (at: number): string => `pair ${at}`;

/** Each of `left` and `right` once. */
function pairUp(left: readonly Placed[], right: readonly Placed[]): Pair[] {
  const [as, bs] = [Map.groupBy(left, groupOf), Map.groupBy(right, groupOf)];
  const groups = new Set([...as.keys(), ...bs.keys()]);
  const pairs = [...groups].flatMap((group) => match(as.get(group) ?? [], bs.get(group) ?? []));
  const behind = (left.at(-1)?.at ?? 0) + 1;
  const place = (pair: Pair): number => (pair.a === undefined ? behind + pair.b.at : pair.a.at);
  return pairs.sort((one, other) => place(one) - place(other));
}

const eitherOf = (pair: Pair): Placed => (pair.a === undefined ? pair.b : pair.a);

const groupOf = ({ group }: Placed): string => group;

type Tell = (one: Placed) => string;

/** What tells the members of a group apart, the surest first. */
const tells: readonly Tell[] = [
  (one) => `${one.entry.digest} ${detailOf(one.entry)}`,
  ({ entry }) => entry.digest,
  ({ entry }) => detailOf(entry),
  ({ entry }) => detailOf({ ...entry, ...withoutRevision(entry) }),
];

/** Where there is but one on each side, they are each other's counterpart whatever else they say. */
function match(left: readonly Placed[], right: readonly Placed[]): Pair[] {
  const pairs: Pair[] = [];
  let [as, bs] = [left, right];
  for (const tell of left.length === 1 && right.length === 1 ? [() => ''] : tells) {
    const waiting = Map.groupBy(bs, tell);
    const taken = new Set<Placed>();
    as = as.filter((a) => {
      const b = waiting.get(tell(a))?.shift();
      if (b === undefined) return true;
      taken.add(b);
      pairs.push({ a, b });
      return false;
    });
    bs = bs.filter((b) => !taken.has(b));
  }
  return [...pairs, ...as.map((a) => ({ a })), ...bs.map((b) => ({ b }))];
}

function detailOf({ platform, artifactType = '' }: IndexEntry): string {
  return `${platformKey(platform)} ${artifactType}`;
}

/** The last part of the version of Windows grows with each month's updates: `10.0.17763.6293`. */
function withoutRevision({ platform }: IndexEntry): { platform?: Platform } {
  const version = platform?.['os.version'];
  return platform && version ? { platform: { ...platform, 'os.version': version.replace(/\.[^.]*$/, '') } } : {};
}

function isReordered(pairs: readonly Pair[]): boolean {
  const both = pairs.flatMap(({ a, b }) => (a === undefined || b === undefined ? [] : [{ a: a.at, b: b.at }]));
  const places = both.sort((one, other) => one.a - other.a).map(({ b }) => b);
  return places.some((place, at) => place < (places[at - 1] ?? 0));
}

function diffOf(pair: Pair, platform: Platform | undefined): InstanceDiff {
  const name = {
    role: roleOf(eitherOf(pair).entry),
    ...(platform === undefined || isEmptyPlatform(platform) ? {} : { platform }),
  };
  if (pair.a === undefined) return { ...name, change: 'added', b: pair.b.entry };
  const { entry: a } = pair.a;
  if (pair.b === undefined) return { ...name, change: 'removed', a };
  const { entry: b } = pair.b;
  const changes = changesBetween(entryMembers(a), entryMembers(b));
  return { ...name, change: changes.length === 0 ? 'same' : 'changed', a, b, changes };
}

function roleOf(entry: IndexEntry): InstanceRole {
  if (isAttestation(entry)) return 'attestation';
  if (isIndexType(entry.mediaType)) return 'index';
  return entry.artifactType === undefined && isManifestType(entry.mediaType) ? 'image' : 'artifact';
}

/** Objects whose members are told one by one even where the other side has none. */
const alwaysOpen: ReadonlySet<string> = new Set(['annotations', 'platform']);
const nothing: JsonObject = {};

function changesBetween(a: JsonObject, b: JsonObject, path: readonly string[] = []): MemberChange[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => {
    const [one, other] = [memberOf(a, key), memberOf(b, key)];
    const inside = [...path, key];
    const [left, right] = alwaysOpen.has(key) ? [one ?? nothing, other ?? nothing] : [one, other];
    if (isJsonObject(left) && isJsonObject(right)) return changesBetween(left, right, inside);
    if (textOf(one) === textOf(other)) return [];
    return [{ path: inside, ...(one === undefined ? {} : { a: one }), ...(other === undefined ? {} : { b: other }) }];
  });
}

/** What a document calls its members is its own affair: `__proto__`, `constructor`. */
function memberOf(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** As they stand in a document: unknown members beside the known ones. */
function indexMembers({ manifests: _manifests, subject, unknown, ...known }: ImageIndex): JsonObject {
  return { ...known, ...(subject === undefined ? {} : { subject: entryMembers(subject) }), ...unknown };
}

function entryMembers({ platform, unknown, ...known }: Descriptor): JsonObject {
  return { ...known, ...(platform === undefined ? {} : { platform: platformMembers(platform) }), ...unknown };
}

function platformMembers({ unknown, ...known }: Platform): JsonObject {
  return { ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== '')), ...unknown };
}
