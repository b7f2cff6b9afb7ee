/**
 * A place beside an image where signatures are kept. Each kind of place is a folder: `lookaside/`, `attachments/`,
 * `referrers/`; they are written and read in the same way.
 */
import type { Descriptor } from '../oci/descriptor.ts';
import type { ImageSignature } from './signature.ts';
import type { TakeMemory } from './signature-memory.ts';

/** As `--signature-store` names them; `dir` for signatures in the folder of a `dir:` image, `storage` for those of a local storage. */
export type SignatureStoreName = 'lookaside' | 'attachment' | 'bundle' | 'dir' | 'storage';

/** What is signed: a manifest or index, by its descriptor. */
export type SignedManifest = Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;

export interface SignatureStore {
  readonly name: SignatureStoreName;
  /** The kinds of signatures that can be kept here. */
  readonly keeps: ReadonlySet<ImageSignature['kind']>;
  /** Told before: how many manifests are about to be signed in one go. */
  expect?(manifests: number): void;
  /**
   * Reads what is kept for `manifest`, which is nothing only where the place says that there is nothing. What it holds of it in
   * memory it takes before.
   *
   * @throws AuthError, RegistryError, StorageError when it cannot be read; IntegrityError when it is more than anybody would
   * keep (TOO_MANY_SIGNATURES, SIGNATURE_TOO_LARGE) or not what it says
   */
  open(manifest: SignedManifest, take: TakeMemory): Promise<KeptSignatures>;
  /**
   * After everything was added: looks whether it is still there, for places that nobody can lock, and adds again what somebody
   * who wrote at the same time has overwritten. Throws ConflictError where that does not end.
   */
  confirm?(): Promise<void>;
}

/** What one store has for one manifest. */
export interface KeptSignatures {
  readonly signatures: readonly ImageSignature[];
  /** What is there but cannot be read, each in a sentence; it counts as no signature. */
  readonly problems: readonly string[];
  /**
   * Keeps these too, after those that are there; one that is there already is not added. Gives the number of those added.
   *
   * @throws as {@link SignatureStore.open}; UnsupportedError where the place can only be read
   */
  add(signatures: readonly ImageSignature[]): Promise<number>;
  /** Throws what {@link add} would throw, as far as that can be told without writing; for places on this machine. */
  expectWritable?(): Promise<void>;
}

/** Signatures of one manifest in one place; more are refused, as nobody could mean it. */
export const maxSignatures = 127;

/** Bytes of one signature, as containers/image limits it. */
export const maxSignatureBytes = 4 << 20;

/** Bytes of all signatures of one manifest in one place, where they say beforehand how large they are. */
export const maxAllSignatureBytes = 64 << 20;

/** Whether two signatures are the same, byte for byte. */
export function sameSignature(a: ImageSignature, b: ImageSignature): boolean {
  if (a.kind === 'simple' && b.kind === 'simple') return sameBytes(a.message, b.message);
  if (a.kind === 'bundle' && b.kind === 'bundle') return sameBytes(a.bundle, b.bundle);
  if (a.kind !== 'attachment' || b.kind !== 'attachment') return false;
  return (
    a.mediaType === b.mediaType && sameBytes(a.payload, b.payload) && sameAnnotations(a.annotations, b.annotations)
  );
}

/** How much of memory it is, without its annotations. */
export function signatureBytes(signature: ImageSignature): number {
  if (signature.kind === 'simple') return signature.message.byteLength;
  return signature.kind === 'bundle' ? signature.bundle.byteLength : signature.payload.byteLength;
}

/** Those of `candidates` that are neither in `known` nor twice. */
export function withoutKnown(
  candidates: readonly ImageSignature[],
  known: readonly ImageSignature[],
): readonly ImageSignature[] {
  return candidates.filter(
    (one, at) => ![...known, ...candidates.slice(0, at)].some((other) => sameSignature(one, other)),
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sameAnnotations(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}
