/**
 * What a bundle signs: an in-toto statement about a manifest, in the encoding that DSSE signs.
 *
 * Source: in-toto Attestation Framework, Statement v1; DSSE v1.0 protocol.md ("Signature Definition"); cosign 3's predicate
 * `https://sigstore.dev/cosign/sign/v1`.
 */
import { algorithmOf, type Digest, encodedOf } from '../../oci/digest.ts';
import { isJsonObject, parseJson } from '../../oci/json.ts';
import { asRejection, rejected } from './rejection.ts';

export const statementMediaType = 'application/vnd.in-toto+json';
export const signPredicate = 'https://sigstore.dev/cosign/sign/v1';
const statementType = 'https://in-toto.io/Statement/v1';

const utf8 = new TextEncoder();

export function encodeStatement(digest: Digest): Uint8Array {
  const subject = [{ digest: { [algorithmOf(digest)]: encodedOf(digest) } }];
  return utf8.encode(JSON.stringify({ _type: statementType, subject, predicateType: signPredicate, predicate: {} }));
}

/**
 * That the statement says of `digest` that it is signed. Anything else that the same key may have said of the image (that it was
 * scanned, how it was built) is no signature. Throws IntegrityError SIGNATURE_REJECTED.
 */
export function checkStatement(payload: Uint8Array, digest: Digest): void {
  let statement: ReturnType<typeof parseJson>;
  try {
    statement = parseJson(payload, 'the statement in the bundle');
  } catch (thrown) {
    throw asRejection(thrown, 'the statement in the bundle cannot be read');
  }
  if (!isJsonObject(statement)) throw rejected('what the bundle signs is no in-toto statement');
  if (statement['predicateType'] !== signPredicate) {
    const said = JSON.stringify(statement['predicateType'] ?? null).slice(0, 120);
    throw rejected(`the bundle is an attestation (${said}) and no signature of the image`);
  }
  if (statement['_type'] !== statementType) {
    throw rejected('what the bundle signs is no in-toto statement of version 1');
  }
  const subjects = statement['subject'];
  const [algorithm, hex] = [algorithmOf(digest), encodedOf(digest)];
  const isSubject =
    Array.isArray(subjects) &&
    subjects.some((subject) => {
      const digests = isJsonObject(subject) ? subject['digest'] : undefined;
      return isJsonObject(digests) && Object.hasOwn(digests, algorithm) && digests[algorithm] === hex;
    });
  if (!isSubject) throw rejected(`Signature for digest ${digest} does not match: the bundle is about something else`);
}

/** The pre-authentication encoding of DSSE. */
export function preAuthEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${utf8.encode(type).byteLength} ${type} ${payload.byteLength} `;
  return Buffer.concat([utf8.encode(head), payload]);
}
