/** Random documents, the same for the same seed. */
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { IndexEdit } from '../../src/oci/edits.ts';
import type { ImageIndex, IndexEntry } from '../../src/oci/image-index.ts';
import { ExactNumber, type JsonValue } from '../../src/oci/json.ts';
import type { ImageManifest } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import type { Platform } from '../../src/oci/platform.ts';

export interface Random {
  /** From 0 to `below` - 1. */
  whole(below: number): number;
  pick<T>(values: readonly T[]): T;
  /** `{ [key]: make() }` one time in `of`, else nothing. */
  maybe<K extends string, T>(key: K, of: number, make: () => T): { [P in K]?: T };
}

/** The generator of Park and Miller. */
export function randomFrom(seed: number): Random {
  let state = (seed % 2147483646) + 1;
  const whole = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const pick = <T>(values: readonly T[]): T => {
    const value = values[whole(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };
  const maybe = <K extends string, T>(key: K, of: number, make: () => T): { [P in K]?: T } =>
    whole(of) === 0 ? ({ [key]: make() } as { [P in K]?: T }) : {};
  return { whole, pick, maybe };
}

const scraps = [
  'a',
  'Z',
  '0',
  '10',
  '<',
  '>',
  '&',
  '"',
  '\\',
  '\n',
  '\u0000',
  '\u2028',
  'é',
  '～',
  '😀',
  ' ',
  '/',
  '__proto__',
  '\u007f',
];

export function text(random: Random): string {
  return Array.from({ length: random.whole(5) }, () => random.pick(scraps)).join('');
}

const filled = (random: Random): string => `${random.pick(scraps)}${text(random)}`;

export function json(random: Random, depth = 3): JsonValue {
  switch (random.whole(depth > 0 ? 8 : 6)) {
    case 0:
      return null;
    case 1:
      return random.whole(2) === 0;
    case 2:
      return random.whole(1_000_000) - 500_000;
    case 3:
      return random.whole(1000) / 8;
    case 4:
      return new ExactNumber(random.pick(['12345678901234567890', '1.0', '-0', '1E5', '1e400']));
    case 5:
      return text(random);
    case 6:
      return Array.from({ length: random.whole(4) }, () => json(random, depth - 1));
    default:
      return Object.fromEntries(Array.from({ length: random.whole(4) }, () => [text(random), json(random, depth - 1)]));
  }
}

/** Names that no format has a member for, in any spelling. */
const unknown = (random: Random) =>
  Object.fromEntries(Array.from({ length: 1 + random.whole(3) }, () => [`x-${text(random)}`, json(random)]));

const annotations = (random: Random) =>
  Object.fromEntries(Array.from({ length: 1 + random.whole(3) }, () => [text(random), text(random)]));

const texts = (random: Random): string[] => Array.from({ length: 1 + random.whole(3) }, () => text(random));

function platform(random: Random, isDocker: boolean): Platform {
  return {
    architecture: random.pick(['amd64', 'arm64', 'arm', '']),
    os: random.pick(['linux', 'windows', '']),
    ...random.maybe('os.version', 3, () => filled(random)),
    ...random.maybe('os.features', 3, () => texts(random)),
    ...random.maybe('variant', 3, () => random.pick(['v6', 'v7', 'v8'])),
    ...(isDocker ? random.maybe('features', 3, () => texts(random)) : {}),
    ...random.maybe('unknown', 5, () => unknown(random)),
  };
}

function blob(random: Random, mediaType: string, isDocker: boolean): Descriptor {
  return {
    mediaType,
    digest: digestOf(Buffer.from(text(random)), random.pick(['sha256', 'sha256', 'sha512'])),
    size: random.pick([0, 1, 4096, Number.MAX_SAFE_INTEGER]),
    ...random.maybe('urls', 5, () => texts(random)),
    ...(isDocker
      ? {}
      : {
          ...random.maybe('annotations', 3, () => annotations(random)),
          ...random.maybe('data', 6, () => Buffer.from(filled(random)).toString('base64')),
          ...random.maybe('artifactType', 6, () => filled(random)),
        }),
    ...random.maybe('unknown', 5, () => unknown(random)),
  };
}

export function randomEntry(random: Random, isDocker: boolean): IndexEntry {
  const mediaType = random.pick([mediaTypes.ociManifest, mediaTypes.dockerManifest, mediaTypes.ociIndex]);
  return {
    ...blob(random, mediaType, isDocker),
    ...(isDocker ? { platform: platform(random, true) } : random.maybe('platform', 2, () => platform(random, false))),
  };
}

/** What parsing could have given. */
export function randomIndex(random: Random, isDocker = random.whole(2) === 0): ImageIndex {
  return {
    mediaType: isDocker ? mediaTypes.dockerList : mediaTypes.ociIndex,
    manifests: Array.from({ length: random.whole(6) }, () => randomEntry(random, isDocker)),
    ...(isDocker
      ? {}
      : {
          ...random.maybe('artifactType', 4, () => filled(random)),
          ...random.maybe('subject', 4, () => blob(random, mediaTypes.ociManifest, false)),
          ...random.maybe('annotations', 3, () => annotations(random)),
        }),
    ...random.maybe('unknown', 3, () => unknown(random)),
  };
}

/** An image whose layers both formats know. */
export function randomImage(random: Random, isDocker = random.whole(2) === 0): ImageManifest {
  const layers = isDocker
    ? [mediaTypes.dockerLayerTar, mediaTypes.dockerLayerGzip, mediaTypes.dockerForeignGzip]
    : [mediaTypes.ociLayerTar, mediaTypes.ociLayerGzip, mediaTypes.ociNondistributableGzip];
  return {
    mediaType: isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
    config: blob(random, isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, isDocker),
    layers: Array.from({ length: random.whole(4) }, () => blob(random, random.pick(layers), isDocker)),
    ...(isDocker
      ? {}
      : {
          ...random.maybe('artifactType', 6, () => filled(random)),
          ...random.maybe('subject', 4, () => blob(random, mediaTypes.ociManifest, false)),
          ...random.maybe('annotations', 3, () => annotations(random)),
        }),
    ...random.maybe('unknown', 3, () => unknown(random)),
  };
}

/** An edit that `index` can take. */
export function randomEdit(random: Random, index: ImageIndex): IndexEdit {
  const entry = randomEntry(random, index.mediaType === mediaTypes.dockerList);
  const kind = random.whole(index.manifests.length === 0 ? 3 : 6);
  if (kind < 2) return { op: 'add', entry, keepOthers: kind === 1 };
  if (kind === 2) {
    return {
      op: 'annotate-index',
      ...random.maybe('annotations', 2, () => annotations(random)),
      ...random.maybe('removeAnnotations', 2, () => Object.keys(index.annotations ?? {})),
      ...random.maybe('artifactType', 2, () => text(random)),
      ...random.maybe('subject', 2, () => random.pick([null, blob(random, mediaTypes.ociManifest, false)])),
    };
  }
  const position = random.whole(index.manifests.length);
  const { digest } = random.pick(index.manifests);
  if (kind === 3) return { op: 'remove', digest };
  if (kind === 4) {
    return {
      op: 'annotate-entry',
      digest,
      set: {
        ...random.maybe('annotations', 2, () => annotations(random)),
        ...random.maybe('os', 2, () => text(random)),
        ...random.maybe('architecture', 2, () => text(random)),
        ...random.maybe('variant', 2, () => text(random)),
        ...random.maybe('osFeatures', 2, () => texts(random)),
        ...random.maybe('features', 2, () => texts(random)),
        ...random.maybe('artifactType', 2, () => text(random)),
      },
    };
  }
  return {
    op: 'replace-entries',
    replacements: [{ position, descriptor: entry, zstd: random.whole(2) === 0 }],
    additions: [{ entry: { ...entry, platform: platform(random, false) }, zstd: random.whole(2) === 0 }],
    removals: random.whole(2) === 0 ? [position] : [],
  };
}
