/**
 * Simple signatures that the registry keeps itself, as OpenShift's does.
 *
 * Source: containers/image docs/signature-protocols.md ("X-Registry-Supports-Signatures", "signature extension API").
 */
import { randomBytes } from 'node:crypto';
import type { Repository } from '../../distribution/registry-client.ts';
import { IntegrityError } from '../../foundation/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { isJsonObject, type JsonValue, parseJson } from '../../oci/json.ts';
import type { SimpleSignature } from '../signature.ts';
import type { TakeMemory } from '../signature-memory.ts';
import { type KeptSignatures, maxSignatures, withoutKnown } from '../signature-store.ts';
import { tooMany } from './file-signatures.ts';

const schemaVersion = 2;
const type = 'atomic';

export async function openExtension(repository: Repository, digest: Digest, take: TakeMemory): Promise<KeptSignatures> {
  const what = `the signatures that ${repository.host} keeps of ${digest}`;
  const document = await repository.getSignatures(digest);
  await take(document.byteLength);
  const signatures = parse(parseJson(document, what), what);
  if (signatures.length > maxSignatures) throw tooMany(repository.host);
  return {
    signatures,
    problems: [],
    async add(more) {
      const fresh = withoutKnown(more, signatures);
      for (const signature of fresh) {
        if (signature.kind !== 'simple') continue;
        const name = `${digest}@${randomBytes(16).toString('hex')}`;
        const content = Buffer.from(signature.message).toString('base64');
        await repository.putSignature(digest, Buffer.from(JSON.stringify({ schemaVersion, name, type, content })));
      }
      return fresh.length;
    },
  };
}

/** Entries of another version or type are not for us. */
function parse(document: JsonValue, what: string): SimpleSignature[] {
  const entries = isJsonObject(document) ? document['signatures'] : undefined;
  if (entries === null) return [];
  if (!Array.isArray(entries)) throw malformed(what);
  return entries.flatMap((entry: JsonValue): SimpleSignature[] => {
    if (!isJsonObject(entry)) throw malformed(what);
    if (entry['schemaVersion'] !== schemaVersion || entry['type'] !== type) return [];
    if (typeof entry['content'] !== 'string') throw malformed(what);
    return [{ kind: 'simple', message: Buffer.from(entry['content'], 'base64') }];
  });
}

function malformed(what: string): IntegrityError {
  return new IntegrityError(`${what} are not in the form of the signature extension`, {
    code: 'BAD_SIGNATURE',
    hint: 'The registry does not work as it should; ask the people who run it.',
  });
}
