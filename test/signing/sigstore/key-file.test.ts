import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { AuthError, UnsupportedError, UsageError } from '../../../src/foundation/errors.ts';
import { encodeKeyFile, readKeyFile, seal, unseal, wipe } from '../../../src/signing/sigstore/key-file.ts';
import {
  encodePublicKey,
  generateKeys,
  keyAlgorithms,
  parseLogKey,
  parsePublicKey,
  parsePublicKeys,
  signBytes,
  verifyBytes,
} from '../../../src/signing/sigstore/keys.ts';
import { encodePem } from '../../../src/signing/sigstore/pem.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const passphrase = bytes('supersecret');

/** Made by go-securesystemslib. */
const vectors = [
  '{"kdf":{"name":"scrypt","params":{"N":32768,"r":8,"p":1},"salt":"WO3mVvyTwJ9vwT5/Tk5OW5WPIBUofMjcpEfrLnfY4uA="},"cipher":{"name":"nacl/secretbox","nonce":"tCy7HcTFr4uxv4Nrg/DWmncuZ148U1MX"},"ciphertext":"08n43p5G5yviPEZpO7tPPF4aZQkWiWjkv4taFdhDBA0tamKH4nw="}',
  '{"kdf":{"name":"scrypt","params":{"N":65536,"r":8,"p":1},"salt":"FhzPOt9/bJG4PTq6lQ6ecG6GzaOuOy/ynG5+yRiFlNs="},"cipher":{"name":"nacl/secretbox","nonce":"aw1ng1jHaDz/tQ7V2gR9O2+IGQ8xJEuE"},"ciphertext":"HycvuLZL4sYH0BrYTh4E/H20VtAW6u5zL5Pr+IBjYLYnCPzDkq8="}',
  '{"kdf":{"name":"scrypt","params":{"N":131072,"r":8,"p":1},"salt":"m38E3kouJTtiheLQN22NQ8DTito5hrjpUIskqcd375k="},"cipher":{"name":"nacl/secretbox","nonce":"Y6PM13yA+o44pE/W1ZBwczeGnTV/m9Zc"},"ciphertext":"6H8sqj1K6B6yDjtH5AQ6lbFigg/C2yDDJc4rYJ79w9aVPImFIPI="}',
];

describe('sealed documents', () => {
  for (const vector of vectors) {
    it(`opens what Go sealed with ${/"N":(\d+)/.exec(vector)?.[0]}`, async () => {
      assert.equal(Buffer.from(await unseal(bytes(vector), passphrase)).toString(), '"cmVhbGx5aW1wb3J0YW50"');
    });
  }

  it('is not opened by another passphrase, nor after a change of a byte', async () => {
    const [vector = ''] = vectors;
    const wrong = { code: 'PASSPHRASE_WRONG', message: /encrypted: decryption failed/ };
    await assert.rejects(unseal(bytes(vector), bytes('Supersecret')), wrong);
    await assert.rejects(unseal(bytes(vector.replace('08n43p5G', '08n43p5H')), passphrase), wrong);
  });

  it('refuses parameters that would cost the reader memory and time, before it spends them', async () => {
    const [, vector = ''] = vectors;
    for (const [what, by] of [
      ['"N":65536', '"N":1048576'],
      ['"N":65536', '"N":16384'],
      ['"r":8', '"r":16'],
      ['"p":1', '"p":2'],
      ['"N":65536', '"N":"65536"'],
    ] as const) {
      await assert.rejects(unseal(bytes(vector.replace(what, by)), passphrase), {
        code: 'BAD_KEY_FILE',
        message: /unsupported scrypt parameters/,
      });
    }
  });

  it('refuses documents that two readers could take in two ways, or that are cut', async () => {
    const [vector = ''] = vectors;
    for (const bad of [
      vector.replace('"cipher":', '"cipher":{},"cipher":'),
      vector.replace('nacl/secretbox', 'aes'),
      vector.replace('"name":"scrypt"', '"name":"argon2"'),
      vector.replace(/"nonce":"[^"]*"/, '"nonce":"AAAA"'),
      vector.replace(/"ciphertext":"[^"]*"/, '"ciphertext":"AAAA"'),
      vector.replace(/"salt":"[^"]*"/, '"salt":""'),
      '[]',
      '',
    ]) {
      await assert.rejects(unseal(bytes(bad), passphrase), { code: 'BAD_KEY_FILE' }, bad);
    }
  });

  it('opens what it sealed, with another salt every time', async () => {
    const [one, two] = await Promise.all([seal(bytes('x'), passphrase), seal(bytes('x'), passphrase)]);
    assert.notDeepEqual(one, two);
    assert.equal(Buffer.from(await unseal(one, passphrase)).toString(), 'x');
    assert.match(Buffer.from(one).toString(), /"N":65536,"r":8,"p":1/);
  });
});

describe('key files', () => {
  it('come back from both types of PEM, and the passphrase stays the caller’s', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const type of ['cosign', 'sigstore'] as const) {
      const own = bytes('secret');
      const file = await encodeKeyFile(privateKey, own, type);
      assert.match(
        Buffer.from(file).toString(),
        new RegExp(`^-----BEGIN ENCRYPTED ${type.toUpperCase()} PRIVATE KEY-----\n`),
      );
      assert.ok((await readKeyFile(file, own)).equals(privateKey));
      assert.equal(own.toString(), 'secret');
    }
  });

  it('may have an empty passphrase, but not none', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const file = await encodeKeyFile(privateKey, bytes(''), 'sigstore');
    assert.ok((await readKeyFile(file, bytes(''))).equals(privateKey));
    await assert.rejects(readKeyFile(file, undefined), (error) => {
      assert.ok(error instanceof AuthError);
      assert.match(error.message, /private key passphrase not provided/);
      return true;
    });
  });

  it('are also taken in the forms of openssl', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const type of ['pkcs8', 'sec1'] as const) {
      const plain = bytes(privateKey.export({ type, format: 'pem' }).toString());
      assert.ok((await readKeyFile(plain, undefined)).equals(privateKey));
      const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' };
      const locked = bytes(privateKey.export({ type, format: 'pem', ...cipher }).toString());
      assert.ok((await readKeyFile(locked, bytes('secret'))).equals(privateKey));
      await assert.rejects(readKeyFile(locked, bytes('other')), { code: 'PASSPHRASE_WRONG' });
      await assert.rejects(readKeyFile(locked, undefined), { code: 'PASSPHRASE_MISSING' });
    }
  });

  it('are opened by a line with a carriage return behind it, whether that is a part of the passphrase or not', async () => {
    const { privateKey } = await generateKeys('p256');
    for (const made of ['pass', 'pass\r']) {
      const file = await encodeKeyFile(privateKey, bytes(made), 'cosign');
      assert.ok((await readKeyFile(file, bytes('pass\r'))).equals(privateKey), JSON.stringify(made));
    }
    const file = await encodeKeyFile(privateKey, bytes('pass\r'), 'cosign');
    await assert.rejects(readKeyFile(file, bytes('pass')), { code: 'PASSPHRASE_WRONG' });
    await assert.rejects(readKeyFile(file, bytes('other\r')), { code: 'PASSPHRASE_WRONG' });
  });

  it('may begin with the parameters of their curve, as openssl ecparam writes them', async () => {
    const { privateKey } = await generateKeys('p256');
    const parameters = encodePem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex'));
    const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    assert.ok((await readKeyFile(bytes(parameters + sec1), undefined)).equals(privateKey));
    await assert.rejects(readKeyFile(bytes(parameters), undefined), { message: /invalid pem block/ });
  });

  it('are refused when they hold something else', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await assert.rejects(readKeyFile(bytes(encodePublicKey(publicKey)), passphrase), {
      message: /unsupported pem type: PUBLIC KEY/,
    });
    await assert.rejects(readKeyFile(bytes('nonsense'), passphrase), { message: /invalid pem block/ });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    await assert.rejects(readKeyFile(await encodeKeyFile(weak, passphrase, 'cosign'), passphrase), UnsupportedError);
    const other = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
    await assert.rejects(readKeyFile(await encodeKeyFile(other, passphrase, 'cosign'), passphrase), UnsupportedError);
    const sealed = bytes(encodePem('ENCRYPTED COSIGN PRIVATE KEY', await seal(bytes('no key'), passphrase)));
    await assert.rejects(readKeyFile(sealed, passphrase), { code: 'BAD_KEY_FILE' });
  });

  it('wipe what was secret', () => {
    const secret = bytes('secret');
    wipe(secret);
    assert.deepEqual([...secret], [0, 0, 0, 0, 0, 0]);
  });
});

describe('keys', () => {
  for (const algorithm of keyAlgorithms.filter((name) => !/rsa-[34]/.test(name))) {
    it(`sign over SHA-256 with ${algorithm}, and verify also over the hash of the curve, as cosign signs`, async () => {
      const { privateKey, publicKey } = await generateKeys(algorithm);
      const other = await generateKeys(algorithm);
      const hash = algorithm === 'p384' ? 'sha384' : algorithm === 'p521' ? 'sha512' : 'sha256';
      const ofCurve = sign(algorithm === 'ed25519' ? null : hash, bytes('data'), privateKey);
      const own = signBytes(privateKey, bytes('data'));
      assert.ok(verify(algorithm === 'ed25519' ? null : 'sha256', bytes('data'), publicKey, own));
      for (const signature of [own, ofCurve]) {
        assert.ok(verifyBytes(publicKey, bytes('data'), signature));
        assert.ok(!verifyBytes(publicKey, bytes('date'), signature));
        assert.ok(!verifyBytes(other.publicKey, bytes('data'), signature));
        assert.ok(!verifyBytes(publicKey, bytes('data'), signature.subarray(1)));
      }
    });
  }

  it('take ECDSA signatures in DER alone', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const flat = Buffer.from(signBytes(privateKey, bytes('x')));
    assert.equal(flat[0], 0x30);
    assert.ok(!verifyBytes(publicKey, bytes('x'), Buffer.alloc(64, 1)));
  });

  it('read public keys from PEM, several and certificates included', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = encodePublicKey(privateKey);
    assert.equal(pem, publicKey.export({ type: 'spki', format: 'pem' }));
    assert.equal(parsePublicKeys(bytes(pem + pem)).length, 2);
    assert.ok(parsePublicKeys(bytes(pem))[0]?.equals(createPublicKey(pem)));
    for (const bad of [
      '',
      'x',
      pem.replace('BEGIN PUBLIC', 'BEGIN OTHER').replace('END PUBLIC', 'END OTHER'),
      pem.slice(0, 90),
    ]) {
      assert.throws(() => parsePublicKeys(bytes(bad)), UsageError);
    }
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    assert.ok(createPrivateKey(secret));
    assert.throws(() => parsePublicKeys(bytes(secret)), /unknown Public key PEM file type: PRIVATE KEY/);
  });

  it('are read for policies as Go reads them: the first block that is whole, and no certificate', () => {
    const [key, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    assert.ok(key && other);
    const [pem, second] = [encodePublicKey(key.publicKey), encodePublicKey(other.publicKey)];
    const begin = '-----BEGIN PUBLIC KEY-----\n';
    const certificate = encodePem('CERTIFICATE', bytes('x'));
    const taken = [
      pem,
      pem + second,
      `words\n${pem}words`,
      pem.replaceAll('\n', '\r\n'),
      pem.replaceAll('\n', ' \t\n'),
      pem.replace(begin, `${begin}X-Header: a\n\n`),
      pem.replace(begin, `${begin}X-Header: a\n`),
      second.replaceAll(/^(?=.)/gm, ' ') + pem,
      second.replace(/-----END.*\n$/, '') + pem,
      second.replace('MFk', '*Fk') + pem,
      pem + second.replace('MFk', '*Fk'),
      pem + certificate,
    ];
    for (const text of taken) assert.ok(parsePublicKey(bytes(text)).equals(key.publicKey), text);
    const refused = [
      pem.replaceAll(/^/gm, ' '),
      `\ufeff${pem}`,
      `words ${pem}`,
      pem.replace('\n-----END', '-----END'),
      pem.replaceAll('\n', '\r'),
      pem.replace(/-----\n$/, '----- x\n'),
      pem.toLowerCase(),
      begin + pem.slice(pem.indexOf('-----END')),
      '\n-----END PUBLIC KEY-----\n'.repeat(10),
    ];
    for (const text of refused) assert.throws(() => parsePublicKey(bytes(text)), UsageError, text);
    assert.throws(() => parsePublicKey(bytes(certificate + pem)), /PEM file type: CERTIFICATE/);
    assert.ok(parseLogKey(bytes(pem)));
    const rsa = encodePublicKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey);
    assert.throws(() => parseLogKey(bytes(rsa)), /not using ECDSA/);
  });
});
