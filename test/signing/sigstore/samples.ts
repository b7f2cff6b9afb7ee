/** What the tests of sigstore signatures sign, and how they look at it. */
import assert from 'node:assert/strict';
import { IntegrityError } from '../../../src/foundation/errors.ts';
import { createSession } from '../../../src/foundation/session.ts';
import type {
  AttachmentSignature,
  BundleSignature,
  ImageSignature,
  SigningClaim,
} from '../../../src/signing/signature.ts';

export const session = createSession();

export const claim: SigningClaim = {
  digest: `sha256:${'ab'.repeat(32)}`,
  identity: 'registry.example/team/app:1.0',
};

export const creator = 'sheaf test';

export function attachmentOf(signatures: readonly ImageSignature[]): AttachmentSignature {
  const found = signatures.find((signature) => signature.kind === 'attachment');
  assert.ok(found, 'there is no attachment');
  return found;
}

export function bundleOf(signatures: readonly ImageSignature[]): BundleSignature {
  const found = signatures.find((signature) => signature.kind === 'bundle');
  assert.ok(found, 'there is no bundle');
  return found;
}

/** With other annotations; `undefined` takes one away. */
export function annotated(
  signature: AttachmentSignature,
  changes: Readonly<Record<string, string | undefined>>,
): AttachmentSignature {
  const annotations = Object.entries({ ...signature.annotations, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...signature, annotations: Object.fromEntries(annotations) };
}

/** The bundle after a change of its text. */
export function edited({ bundle }: BundleSignature, change: (text: string) => string): BundleSignature {
  const before = Buffer.from(bundle).toString();
  const after = change(before);
  assert.notEqual(after, before, 'nothing was changed');
  return { kind: 'bundle', bundle: Buffer.from(after) };
}

export async function rejects(promise: Promise<unknown>, reason: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof IntegrityError, String(error));
    assert.equal(error.code, 'SIGNATURE_REJECTED');
    assert.match(error.message, reason);
    return true;
  });
}
