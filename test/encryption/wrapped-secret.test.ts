import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { jweUnwrapper, jweWrapper } from '../../src/encryption/jwe.ts';
import { addRecipients, decryptLayer, encryptLayer } from '../../src/encryption/layer-encryption.ts';
import { pgpUnwrapper } from '../../src/encryption/pgp.ts';
import { pkcs7Unwrapper } from '../../src/encryption/pkcs7.ts';
import { type KeyUnwrapper, openSecret } from '../../src/encryption/wrapped-secret.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { ecPair, fixtureKey, fixturePath, foreignLayer, plainDigest, rsaPair } from './support.ts';

const prefix = 'org.opencontainers.image.enc.';
const opts = `${prefix}pubopts`;

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const out: Uint8Array[] = [];
  for await (const piece of bytes) out.push(piece);
  return Buffer.concat(out);
}

const encryption = (keys: readonly KeyUnwrapper[]) => ({ recipients: [], layers: [], keys });
const withAnnotations = (layer: Descriptor, change: Record<string, string | undefined>): Descriptor => {
  const all = Object.entries({ ...layer.annotations, ...change });
  const annotations = Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return { ...layer, annotations };
};
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

describe('a layer that skopeo encrypted', () => {
  it('is opened by each of its recipients, whatever the kind of their keys', async () => {
    const { layer, bytes } = await foreignLayer();
    const [rsa, ec, bob] = [
      await fixtureKey('rsa.pem'),
      await fixtureKey('ec.pem'),
      await readFile(fixturePath('bob.asc')),
    ];
    for (const key of [
      jweUnwrapper([rsa]),
      jweUnwrapper([ec]),
      pkcs7Unwrapper([rsa]),
      await pgpUnwrapper(bob, undefined, 'bob'),
    ]) {
      const plain = await collect(await decryptLayer(async () => once(bytes), layer, encryption([key])));
      assert.equal(digestOf(plain), plainDigest);
    }
  });

  it('opens for nobody else', async () => {
    const { layer } = await foreignLayer();
    const [rsa, ec] = [rsaPair().privateKey, ecPair().privateKey];
    await assert.rejects(openSecret(layer, [jweUnwrapper([rsa, ec]), pkcs7Unwrapper([rsa, ec])]), {
      code: 'NO_KEY_FITS',
    });
    await assert.rejects(openSecret(layer, []), {
      code: 'NO_KEY_FITS',
      kind: 'auth',
      message: /jwe and pgp and pkcs7|jwe/,
    });
  });

  it('is refused where its annotations are missing, malformed or of another kind', async () => {
    const { layer } = await foreignLayer();
    const keys = [jweUnwrapper([await fixtureKey('ec.pem')])];
    const jwe = `${prefix}keys.jwe`;
    const without = { [`${prefix}keys.pgp`]: undefined, [`${prefix}keys.pkcs7`]: undefined };
    const cipher = 'AES_256_CTR_HMAC_SHA256';
    for (const [change, code] of [
      [{ ...without, [jwe]: undefined }, 'BAD_ENCRYPTED_LAYER'],
      [{ [opts]: undefined }, 'BAD_ENCRYPTED_LAYER'],
      [{ [opts]: '%' }, 'BAD_ENCRYPTED_LAYER'],
      [{ [opts]: base64([]) }, 'BAD_ENCRYPTED_LAYER'],
      [{ [opts]: base64({ cipher }) }, 'BAD_ENCRYPTED_LAYER'],
      [{ [opts]: base64({ cipher: 'ROT13', hmac: 'AAAA' }) }, 'CIPHER_NOT_SUPPORTED'],
      [{ [jwe]: '%%%%' }, 'BAD_ENCRYPTED_LAYER'],
      [{ ...without, [jwe]: undefined, [`${prefix}keys.provider.x`]: 'AAAA' }, 'KEY_KIND_NOT_SUPPORTED'],
    ] as const) {
      await assert.rejects(openSecret(withAnnotations(layer, change), keys), { code }, JSON.stringify(change));
    }
  });

  it('has its HMAC in older images among the options of the cipher', async () => {
    const { layer, bytes } = await foreignLayer();
    const { cipher, hmac } = JSON.parse(Buffer.from(layer.annotations?.[opts] ?? '', 'base64').toString());
    const older = withAnnotations(layer, { [opts]: base64({ cipher, cipheroptions: { hmac } }) });
    const keys = encryption([jweUnwrapper([await fixtureKey('rsa.pem')])]);
    assert.equal(digestOf(await collect(await decryptLayer(async () => once(bytes), older, keys))), plainDigest);
  });

  it('does not tell what is wrong with a secret by showing it', async () => {
    const { layer } = await foreignLayer();
    const pair = ecPair();
    const wrapped = await jweWrapper([pair.publicKey]).wrap(Buffer.from('{"symkey":"hunter2", broken'));
    const broken = withAnnotations(layer, { [`${prefix}keys.jwe`]: Buffer.from(wrapped).toString('base64') });
    await assert.rejects(openSecret(broken, [jweUnwrapper([pair.privateKey])]), (thrown: Error & { code: string }) => {
      assert.equal(thrown.code, 'BAD_ENCRYPTED_LAYER');
      assert.doesNotMatch(`${thrown.stack} ${JSON.stringify(thrown)} ${thrown.cause}`, /hunter2/);
      return true;
    });
  });

  it('is opened by further recipients once these were added, and by those before', async () => {
    const { layer, bytes } = await foreignLayer();
    const added = ecPair('P-384');
    const keys = [jweUnwrapper([await fixtureKey('rsa.pem')])];
    const annotations = await addRecipients(layer, { recipients: [jweWrapper([added.publicKey])], layers: [], keys });
    assert.deepEqual(Object.keys(annotations), [`${prefix}keys.jwe`]);
    const more = withAnnotations(layer, annotations);
    for (const key of [added.privateKey, await fixtureKey('ec.pem'), await fixtureKey('rsa.pem')]) {
      const plain = await decryptLayer(async () => once(bytes), more, encryption([jweUnwrapper([key])]));
      assert.equal(digestOf(await collect(plain)), plainDigest);
    }
  });
});

describe('a layer encrypted here', () => {
  it('comes back, and its secret names the digest of what was encrypted', async () => {
    const pair = rsaPair();
    const plain = Buffer.from('plain bytes');
    for (const digest of [undefined, digestOf(plain)]) {
      const recipients = [jweWrapper([pair.publicKey])];
      const { bytes, finish } = encryptLayer(once(plain), { recipients, layers: [], keys: [] }, digest);
      const encrypted = await collect(bytes);
      assert.notDeepEqual(encrypted, plain);
      const layer: Descriptor = {
        mediaType: 'x+encrypted',
        digest: digestOf(encrypted),
        size: encrypted.byteLength,
        annotations: await finish(),
      };
      const keys = [jweUnwrapper([pair.privateKey])];
      assert.deepEqual(await collect(await decryptLayer(async () => once(encrypted), layer, encryption(keys))), plain);
      const secret = JSON.parse(Buffer.from((await openSecret(layer, keys)).bytes).toString());
      assert.equal(secret.digest, digestOf(plain));
      assert.deepEqual(Object.keys(secret), ['symkey', 'digest', 'cipheroptions', 'previouslayersdigest']);
    }
  });
});
