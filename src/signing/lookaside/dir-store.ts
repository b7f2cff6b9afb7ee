/**
 * Signatures in the folder of a `dir:` image: `signature-1`, ... of what the folder names, `<hex>.signature-1`, ... of an
 * instance.
 *
 * Source: containers/image directory/ ("signaturePath").
 */
import { join } from 'node:path';
import { SheafError } from '../../foundation/errors.ts';
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import type { ImageSignature } from '../signature.ts';
import { decodeSignatureBlob, encodeSignatureBlob } from '../signature-blob.ts';
import { maxSignatures, type SignatureStore, withoutKnown } from '../signature-store.ts';
import { appendNumbered, expectNumbered, readNumbered, tooMany } from './file-signatures.ts';

/** `root`: the digest of the folder's `manifest.json`. */
export function createDirStore(folder: string, root: Digest): SignatureStore {
  return {
    name: 'dir',
    keeps: new Set(['simple', 'attachment']),
    async open({ digest }, take) {
      const hex = algorithmOf(digest) === 'sha256' ? encodedOf(digest) : digest.replace(':', '-');
      const prefix = digest === root ? '' : `${hex}.`;
      const path = (n: number): string => join(folder, `${prefix}signature-${n}`);
      const signatures: ImageSignature[] = [];
      const problems: string[] = [];
      const blobs = await readNumbered(path, take);
      blobs.forEach((blob, at) => {
        try {
          signatures.push(decodeSignatureBlob(blob, path(at + 1)));
        } catch (thrown) {
          if (!(thrown instanceof SheafError)) throw thrown;
          problems.push(thrown.message);
        }
      });
      return {
        signatures,
        problems,
        async add(more) {
          const fresh = withoutKnown(more, signatures);
          if (blobs.length + fresh.length > maxSignatures) throw tooMany(folder);
          await appendNumbered(path, fresh.map(encodeSignatureBlob));
          return fresh.length;
        },
        expectWritable: () => expectNumbered(path),
      };
    },
  };
}
