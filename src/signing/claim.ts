/**
 * The claim of a signature as bytes: "this manifest is what this name means". Both families of signatures sign the same JSON,
 * with another word in `critical.type`.
 *
 * Source: containers/image docs/containers-signature.5.md ("JSON data format"); cosign specs/SIGNATURE_SPEC.md ("Simple Signing").
 */
import { IntegrityError } from '../foundation/errors.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { ExactNumber, isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import type { SigningClaim } from './signature.ts';

/** `simple`: inside an OpenPGP message; `sigstore`: the payload of an attachment. */
export type ClaimFamily = 'simple' | 'sigstore';

const types: Readonly<Record<ClaimFamily, string>> = {
  simple: 'atomic container signature',
  sigstore: 'cosign container image signature',
};

/** What a claim may say beside what is critical: nobody is to trust it. */
export interface ClaimRemarks {
  /** Program and version. */
  readonly creator: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** What a payload claims, and what it remarks. Worth nothing before the signature over its bytes is verified. */
export interface ParsedClaim {
  readonly digest: Digest;
  /** As it stands in the payload: cosign writes repositories without tag or digest. */
  readonly identity: string;
  readonly creator?: string;
  readonly timestamp?: number;
  /** All of `optional`, for readers that look for annotations; empty where it is null. */
  readonly optional: Readonly<Record<string, JsonValue>>;
}

/** Compact JSON with its keys in the order of their bytes, which is what the peers write. */
export function encodeClaim(family: ClaimFamily, claim: SigningClaim, remarks: ClaimRemarks): Uint8Array {
  const payload = {
    critical: {
      identity: { 'docker-reference': claim.identity },
      image: { 'docker-manifest-digest': claim.digest },
      type: types[family],
    },
    optional: { creator: remarks.creator, timestamp: Math.trunc(remarks.timestamp) },
  };
  return new TextEncoder().encode(JSON.stringify(payload));
}

/**
 * As strict as containers/image: exactly the members that the format has, each once; `optional` may have others, and may be
 * null in the sigstore family alone.
 *
 * @throws IntegrityError BAD_CLAIM
 */
export function parseClaim(family: ClaimFamily, payload: Uint8Array): ParsedClaim {
  const document = exactly(parsedJson(payload), ['critical', 'optional'], 'the payload');
  const critical = exactly(document['critical'], ['type', 'image', 'identity'], 'critical');
  if (critical['type'] !== types[family]) {
    throw bad(`critical.type is ${JSON.stringify(critical['type'])}, not "${types[family]}"`);
  }
  const image = exactly(critical['image'], ['docker-manifest-digest'], 'critical.image');
  const digest = image['docker-manifest-digest'];
  if (typeof digest !== 'string' || !isDigest(digest)) throw bad('critical.image.docker-manifest-digest is no digest');
  const identity = exactly(critical['identity'], ['docker-reference'], 'critical.identity')['docker-reference'];
  if (typeof identity !== 'string') throw bad('critical.identity.docker-reference is no text');
  return { digest, identity, ...parsedRemarks(family, document['optional']) };
}

function parsedRemarks(
  family: ClaimFamily,
  value: JsonValue | undefined,
): Pick<ParsedClaim, 'creator' | 'timestamp' | 'optional'> {
  if (value === null && family === 'sigstore') return { optional: {} };
  if (!isJsonObject(value)) throw bad('optional is no object');
  const creator = Object.hasOwn(value, 'creator') ? value['creator'] : undefined;
  if (creator !== undefined && typeof creator !== 'string') throw bad('optional.creator is no text');
  const timestamp = Object.hasOwn(value, 'timestamp') ? integer(value['timestamp']) : undefined;
  return {
    ...(creator === undefined ? {} : { creator }),
    ...(timestamp === undefined ? {} : { timestamp }),
    optional: value,
  };
}

function integer(value: JsonValue | undefined): number {
  const number = value instanceof ExactNumber ? Number(value.text) : value;
  if (typeof number !== 'number' || !Number.isInteger(number) || Math.abs(number) >= 2 ** 63) {
    throw bad('optional.timestamp is not an integer');
  }
  return number;
}

function exactly(value: JsonValue | undefined, keys: readonly string[], what: string): Record<string, JsonValue> {
  if (!isJsonObject(value)) throw bad(`${what} is no object`);
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw bad(`${what} has the unknown member ${JSON.stringify(key.slice(0, 60))}`);
  }
  for (const key of keys) if (!Object.hasOwn(value, key)) throw bad(`${what} has no member "${key}"`);
  return value;
}

function parsedJson(payload: Uint8Array): JsonValue {
  try {
    return parseJson(payload, 'the payload of the signature');
  } catch (thrown) {
    throw bad(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}

function bad(why: string, cause?: unknown): IntegrityError {
  return new IntegrityError(`the signature claims nothing that can be understood: ${why}`, {
    code: 'BAD_CLAIM',
    hint: 'Sign the image again with a tool that writes the format right.',
    ...(cause === undefined ? {} : { cause }),
  });
}
