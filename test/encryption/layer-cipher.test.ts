import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { decryptBytes, encryptBytes, type LayerSecret, newLayerSecret } from '../../src/encryption/layer-cipher.ts';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function encrypted(plain: Uint8Array, secret: LayerSecret, size = 7): Promise<[Buffer, Buffer]> {
  let hmac: Uint8Array | undefined;
  const out: Uint8Array[] = [];
  for await (const piece of encryptBytes(pieces(plain, size), secret, (told) => {
    hmac = told;
  })) {
    assert.equal(hmac, undefined, 'the HMAC is not known before the last piece');
    out.push(piece);
  }
  assert.ok(hmac);
  return [Buffer.concat(out), Buffer.from(hmac)];
}

/** What came out before it ended or failed, and how it failed. */
async function decrypted(
  bytes: Uint8Array,
  secret: LayerSecret,
  hmac: Uint8Array,
  size = 7,
): Promise<[Buffer, { code?: string } | undefined]> {
  const out: Uint8Array[] = [];
  try {
    for await (const piece of decryptBytes(pieces(bytes, size), secret, hmac, 'the layer')) out.push(piece);
  } catch (thrown) {
    return [Buffer.concat(out), thrown as { code?: string }];
  }
  return [Buffer.concat(out), undefined];
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** NIST SP 800-38A, F.5.5 and F.5.6: CTR-AES256. */
const nist = {
  secret: {
    key: hex('603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4'),
    nonce: hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'),
  },
  plain: hex(
    '6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51 30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710',
  ),
  cipher: hex(
    '601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5 2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6',
  ),
};

describe('the cipher of layers', () => {
  it('is AES-256-CTR with the HMAC-SHA256 of what is encrypted, however it is cut', async () => {
    const hmac = createHmac('sha256', nist.secret.key).update(nist.cipher).digest();
    for (const size of [1, 7, 16, 1000]) {
      assert.deepEqual(await encrypted(nist.plain, nist.secret, size), [nist.cipher, hmac]);
      assert.deepEqual(await decrypted(nist.cipher, nist.secret, hmac, size), [nist.plain, undefined]);
    }
  });

  it('takes a layer without a byte', async () => {
    const secret = newLayerSecret();
    const [bytes, hmac] = await encrypted(Buffer.alloc(0), secret);
    assert.equal(bytes.byteLength, 0);
    assert.deepEqual(await decrypted(bytes, secret, hmac), [Buffer.alloc(0), undefined]);
    assert.equal((await decrypted(bytes, secret, Buffer.alloc(32)))[1]?.code, 'HMAC_MISMATCH');
  });

  it('never hands out the end of what was changed, cut off, lengthened, or has another HMAC or key', async () => {
    const secret = newLayerSecret();
    const plain = Buffer.from('a layer that is longer than one piece');
    const [bytes, hmac] = await encrypted(plain, secret);
    const changed = Buffer.from(bytes);
    changed[3] = (changed[3] ?? 0) ^ 1;
    const other = { key: newLayerSecret().key, nonce: secret.nonce };
    for (const [what, given, key, expected] of [
      ['changed', changed, secret, hmac],
      ['cut off', bytes.subarray(0, -1), secret, hmac],
      ['lengthened', Buffer.concat([bytes, Buffer.alloc(1)]), secret, hmac],
      ['another HMAC', bytes, secret, Buffer.alloc(32)],
      ['a short HMAC', bytes, secret, hmac.subarray(0, 16)],
      ['no HMAC', bytes, secret, Buffer.alloc(0)],
      ['another key', bytes, other, hmac],
    ] as const) {
      const [out, thrown] = await decrypted(given, key, expected);
      assert.equal(thrown?.code, 'HMAC_MISMATCH', what);
      assert.ok(out.byteLength < given.byteLength, what);
    }
  });

  it('has a fresh key and nonce for each layer', () => {
    const [one, other] = [newLayerSecret(), newLayerSecret()];
    assert.notDeepEqual(one.key, other.key);
    assert.notDeepEqual(one.nonce, other.nonce);
  });
});
