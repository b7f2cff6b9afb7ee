/** Ways to pick entries of an index, and the attestations among them. */
import type { Descriptor } from './descriptor.ts';
import { type Digest, isDigest } from './digest.ts';
import type { ImageIndex, IndexEntry } from './image-index.ts';
import { mediaTypes } from './media-types.ts';
import { type PlatformSpec, samePlatform } from './platform.ts';

/** Picks descriptors. */
export type Matcher = (descriptor: Descriptor) => boolean;

export function byDigest(digest: Digest): Matcher {
  return (descriptor) => descriptor.digest === digest;
}

/** Same system, architecture and variant (normalised); version and features of the system only where `spec` names them. */
export function byPlatform(spec: PlatformSpec): Matcher {
  return ({ platform }) =>
    platform !== undefined &&
    samePlatform(platform, spec) &&
    (spec.osVersion === undefined || platform['os.version'] === spec.osVersion) &&
    (spec.osFeatures ?? []).every((feature) => platform['os.features']?.includes(feature));
}

/** Has the annotation, with this value if one is given. */
export function byAnnotation(key: string, value?: string): Matcher {
  return ({ annotations = {} }) =>
    Object.hasOwn(annotations, key) && (value === undefined || annotations[key] === value);
}

/** All of none is everything. */
export function allOf(...matchers: readonly Matcher[]): Matcher {
  return (descriptor) => matchers.every((matches) => matches(descriptor));
}

/** Any of none is nothing. */
export function anyOf(...matchers: readonly Matcher[]): Matcher {
  return (descriptor) => matchers.some((matches) => matches(descriptor));
}

/** BuildKit's annotations of an attestation entry. Source: BuildKit, docs/attestations/attestation-storage.md. */
const referenceType = 'vnd.docker.reference.type';
export const referenceDigestAnnotation = 'vnd.docker.reference.digest';

/** Whether an entry of an index is no image but an attestation of one. */
export function isAttestation(descriptor: Descriptor): boolean {
  return (
    descriptor.annotations?.[referenceType] === 'attestation-manifest' ||
    descriptor.artifactType === mediaTypes.dockerAttestation
  );
}

/** The image that an attestation entry speaks of. */
export function attestationSubject(descriptor: Descriptor): Digest | undefined {
  const subject = isAttestation(descriptor) ? descriptor.annotations?.[referenceDigestAnnotation] : undefined;
  return isDigest(subject) ? subject : undefined;
}

/** `chosen` and the attestations of the index whose subjects are chosen, in the order of the index. */
export function withAttestations(index: ImageIndex, chosen: readonly IndexEntry[]): IndexEntry[] {
  const entries = new Set(chosen);
  const digests = new Set(chosen.map((entry) => entry.digest));
  return index.manifests.filter((entry) => {
    if (entries.has(entry)) return true;
    const subject = attestationSubject(entry);
    return subject !== undefined && digests.has(subject);
  });
}
