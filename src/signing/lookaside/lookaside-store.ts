/**
 * Simple signatures beside a registry: files in a folder or on a web server, found through registries.d.
 *
 * Source: containers/image docs/signature-protocols.md; the path is `<base>/<repository>@<algorithm>=<hex>/signature-<N>`, without
 * the registry's host.
 */
import { fileURLToPath } from 'node:url';
import type { Repository } from '../../distribution/registry-client.ts';
import { SheafError, UnsupportedError, UsageError } from '../../foundation/errors.ts';
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import type { SignaturePlaces } from '../../registry-config/registries-d.ts';
import type { ImageSignature } from '../signature.ts';
import { decodeSignatureBlob, encodeSignatureBlob } from '../signature-blob.ts';
import type { TakeMemory } from '../signature-memory.ts';
import {
  type KeptSignatures,
  maxSignatureBytes,
  maxSignatures,
  type SignatureStore,
  withoutKnown,
} from '../signature-store.ts';
import { appendNumbered, expectNumbered, type Numbered, readNumbered, tooMany } from './file-signatures.ts';
import { openExtension } from './registry-extension.ts';

/** Where the registry keeps simple signatures itself, it is used in place of the lookaside, for reading and for writing. */
export function createLookasideStore(
  repository: Repository,
  path: string,
  places: Pick<SignaturePlaces, 'read' | 'write' | 'saidBy'>,
): SignatureStore {
  const read = parseBase(places.read, places.saidBy.read);
  const write = parseBase(places.write, places.saidBy.write);
  return {
    name: 'lookaside',
    keeps: new Set(['simple']),
    async open({ digest }, take) {
      if (await repository.keepsSignatures()) return openExtension(repository, digest, take);
      const found = decodeAll(await readAll(repository, read, path, digest, take), digest);
      return {
        ...found,
        add: (signatures) => append({ read, write, path }, digest, found.signatures, signatures),
        expectWritable: async () => expectNumbered(writtenFile(write, path, digest)),
      };
    },
  };
}

interface Lookaside {
  read: URL;
  write: URL;
  path: string;
}

/**
 * What is read from one place and written to another (a web server and the folder that is published there) stays numbered
 * without a gap: the folder gets what only the web server has, before what is new.
 */
async function append(
  { read, write, path }: Lookaside,
  digest: Digest,
  existing: readonly ImageSignature[],
  signatures: readonly ImageSignature[],
): Promise<number> {
  const fresh = withoutKnown(signatures, existing);
  if (fresh.length === 0) return 0;
  const file = writtenFile(write, path, digest);
  const staged =
    write.href === read.href ? existing : decodeAll(await readNumbered(file, withoutWaiting), digest).signatures;
  const missing = [...withoutKnown(existing, staged), ...withoutKnown(fresh, staged)];
  if (staged.length + missing.length > maxSignatures) throw tooMany(write.href);
  await appendNumbered(file, missing.map(encodeSignatureBlob));
  return fresh.length;
}

/**
 * For what is read in a turn to write: whoever has the memory may wait for such a turn. It is a folder of one's own, and only so
 * many write at once.
 */
const withoutWaiting: TakeMemory = async () => {};

async function readAll(
  repository: Repository,
  base: URL,
  path: string,
  digest: Digest,
  take: TakeMemory,
): Promise<Uint8Array[]> {
  if (base.protocol === 'file:') return readNumbered(numberedFile(base, path, digest), take);
  const blobs: Uint8Array[] = [];
  for (let n = 1; ; n += 1) {
    const blob = await repository.getFile(numberedUrl(base, path, digest, n), maxSignatureBytes);
    if (blob === undefined) return blobs;
    if (n > maxSignatures) throw tooMany(base.href);
    await take(blob.byteLength);
    blobs.push(blob);
  }
}

/** One that cannot be read is told of, and does not hide the others. */
function decodeAll(blobs: readonly Uint8Array[], digest: Digest): Pick<KeptSignatures, 'signatures' | 'problems'> {
  const signatures: ImageSignature[] = [];
  const problems: string[] = [];
  blobs.forEach((blob, at) => {
    try {
      signatures.push(decodeSignatureBlob(blob, `signature-${at + 1} of ${digest}`));
    } catch (thrown) {
      if (!(thrown instanceof SheafError)) throw thrown;
      problems.push(thrown.message);
    }
  });
  return { signatures, problems };
}

function numberedUrl(base: URL, path: string, digest: Digest, n: number): URL {
  const url = new URL(base);
  const folder = `${url.pathname.replace(/\/$/, '')}/${path}@${algorithmOf(digest)}=${encodedOf(digest)}`;
  url.pathname = `${folder}/signature-${n}`;
  return url;
}

/** Throws UnsupportedError LOOKASIDE_READ_ONLY. */
function writtenFile(write: URL, path: string, digest: Digest): Numbered {
  if (write.protocol !== 'file:') throw readOnly(write);
  return numberedFile(write, path, digest);
}

function numberedFile(base: URL, path: string, digest: Digest): Numbered {
  return (n) => fileURLToPath(numberedUrl(base, path, digest, n));
}

/** Throws UsageError BAD_LOOKASIDE. */
function parseBase(text: string, file = 'registries.d'): URL {
  const url = URL.canParse(text) && isWhole(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  if (url?.protocol === 'file:' && fileForm.test(text) && isPath(url)) return url;
  throw new UsageError(`${file} says that signatures are at "${text}", which is no place for them`, {
    code: 'BAD_LOOKASIDE',
    hint: 'Write file:///a/folder, or http:// or https:// with a host, and a percent sign in a name as %25.',
  });
}

/** With an absolute path of this machine; the peers pass over any other host, and would take `file://tmp/x` for `/x`. */
const fileForm = /^file:(?:\/\/(?:localhost)?)?\//i;

/** Whether Go would read it as we do: control characters vanish from a `URL`, broken escapes stay in it. */
function isWhole(text: string): boolean {
  return !/\p{Cc}|%(?![0-9A-Fa-f]{2})/u.test(text);
}

/** What an escape stands for may be no text, a NUL or a slash, by none of which a file can be named. */
function isPath(url: URL): boolean {
  try {
    return !fileURLToPath(url).includes('\0');
  } catch {
    return false;
  }
}

function readOnly(url: URL): UnsupportedError {
  return new UnsupportedError(`signatures cannot be written to ${url.origin}: a web server can only be read`, {
    code: 'LOOKASIDE_READ_ONLY',
    hint: 'Name a folder to write to as "lookaside-staging: file:///..." in registries.d, and publish it there.',
  });
}
