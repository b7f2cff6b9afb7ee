/** Signatures as files: the form that skopeo writes and reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttachmentSignature } from '../../src/signing/signature.ts';
import { decodeSignatureBlob, encodeSignatureBlob } from '../../src/signing/signature-blob.ts';

const signature: AttachmentSignature = {
  kind: 'attachment',
  mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
  payload: Buffer.from('{}'),
  annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
};

test('a sigstore signature has the members of skopeo 1.22, in its order', () => {
  const blob = encodeSignatureBlob(signature);
  assert.equal(
    Buffer.from(blob).toString(),
    '\0sigstore-json\n{"mimeType":"application/vnd.dev.cosign.simplesigning.v1+json","payload":"e30=",' +
      '"annotations":{"dev.cosignproject.cosign/signature":"AAAA"}}',
  );
  assert.deepEqual(decodeSignatureBlob(blob, 'signature-1'), signature);
});

test('what sheaf wrote before is still read', () => {
  const earlier = Buffer.from(encodeSignatureBlob(signature)).toString().replace('mimeType', 'mediaType');
  assert.deepEqual(decodeSignatureBlob(Buffer.from(earlier), 'signature-1'), signature);
});
