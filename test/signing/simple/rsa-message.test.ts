/** Messages that OpenSSL signs for the OpenPGP library: what the library itself says of them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as openpgp from 'openpgp';
import { rsaMessageSigner } from '../../../src/signing/simple/rsa-message.ts';

const born = new Date('2026-01-01T00:00:00Z');
const date = new Date('2026-01-02T03:04:05Z');
const options = { userIDs: { name: 'Alice' }, date: born, format: 'object' } as const;

it('signs messages of any length with an RSA key, itself or a subkey', async () => {
  const { privateKey, publicKey } = await openpgp.generateKey({
    ...options,
    type: 'rsa',
    rsaBits: 2048,
    subkeys: [{ sign: true, type: 'rsa', rsaBits: 2048 }],
  });
  for (const part of [privateKey, ...privateKey.getSubkeys()]) {
    const sign = await rsaMessageSigner(part);
    assert.ok(sign);
    // lengths in one octet, two and five
    for (const size of [10, 300, 9000]) {
      const payload = Buffer.alloc(size, 'a');
      const message: openpgp.Message<Uint8Array> = await openpgp.readMessage({
        binaryMessage: await sign(payload, date),
      });
      const { data, signatures } = await openpgp.verify({
        message,
        verificationKeys: publicKey,
        format: 'binary',
        date,
      });
      assert.deepEqual(Buffer.from(data), payload);
      assert.equal(signatures.length, 1);
      assert.equal(await signatures[0]?.verified, true);
      const [packet] = (await signatures[0]?.signature)?.packets ?? [];
      assert.deepEqual(packet?.created, date);
      assert.equal(Buffer.from(packet?.issuerFingerprint ?? []).toString('hex'), part.getFingerprint());
    }
  }
});

it('leaves other keys, and parts that are not there, to the library', async () => {
  const { privateKey, publicKey } = await openpgp.generateKey({ ...options, type: 'ecc', curve: 'ed25519Legacy' });
  assert.equal(await rsaMessageSigner(privateKey), undefined);
  assert.equal(await rsaMessageSigner(publicKey), undefined);
  const rsa = await openpgp.generateKey({ ...options, type: 'rsa', rsaBits: 2048, passphrase: 'locked' });
  assert.equal(await rsaMessageSigner(rsa.privateKey), undefined);
});
