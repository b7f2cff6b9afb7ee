import assert from 'node:assert/strict';
import { it } from 'node:test';
import { signaturesAlong } from '../../src/operations/carried-signatures.ts';
import { planSignatures } from '../../src/signing/sign-manifests.ts';
import type { ImageSignature } from '../../src/signing/signature.ts';
import type { SignatureStore } from '../../src/signing/signature-store.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { session } from './support.ts';

it('a plan asks nobody who a signer is, whatever is there or is brought along', async () => {
  const digest = `sha256:${'ab'.repeat(32)}` as const;
  const signature: ImageSignature = { kind: 'attachment', mediaType: '', payload: new Uint8Array(), annotations: {} };
  const never = async (): Promise<never> => assert.fail('asked');
  const signer: ImageSigner = {
    makes: ['attachment'],
    isAskedFor: true,
    describe: () => 'identity',
    sign: never,
    isMine: never,
  };
  const store: SignatureStore = {
    name: 'attachment',
    keeps: new Set(['attachment']),
    open: async () => ({ signatures: [signature], problems: [], add: never }),
  };
  const manifests = [{ digest, mediaType: '', size: 0 }];
  const carried = new Map([[digest, signaturesAlong([signature])]]);
  const request = { manifests, identity: 'a.org/b:1', signers: [signer], stores: [store], carried };
  assert.deepEqual(await planSignatures(session, request), {
    added: 1,
    kept: 0,
    manifests: [{ digest, added: 1, kept: 0 }],
  });
});

it('a plan fails where a signature that is missing could not be written, and only there', async () => {
  const digest = `sha256:${'ab'.repeat(32)}` as const;
  const signature: ImageSignature = { kind: 'simple', message: new Uint8Array() };
  const signer: ImageSigner = {
    makes: ['simple'],
    describe: () => 'key',
    sign: async () => assert.fail('signed'),
    isMine: async () => true,
  };
  const planWith = async (signatures: readonly ImageSignature[], carried?: readonly ImageSignature[]) => {
    const expectWritable = async (): Promise<never> => Promise.reject(new Error('read-only'));
    const content = { signatures, problems: [], add: async () => assert.fail('written'), expectWritable };
    const store: SignatureStore = { name: 'lookaside', keeps: new Set(['simple']), open: async () => content };
    const manifests = [{ digest, mediaType: '', size: 0 }];
    const brought = carried && { carried: new Map([[digest, signaturesAlong(carried)]]), signers: [] };
    return planSignatures(session, {
      manifests,
      identity: 'a.org/b:1',
      signers: [signer],
      stores: [store],
      ...brought,
    });
  };
  assert.equal((await planWith([signature])).kept, 1);
  await assert.rejects(planWith([]), /read-only/);
  assert.deepEqual((await planWith([signature], [signature])).added, 0);
  await assert.rejects(planWith([], [signature]), /read-only/);
  assert.equal((await planWith([], [])).added, 0);
});
