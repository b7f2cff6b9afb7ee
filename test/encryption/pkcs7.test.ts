import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { pkcs7Unwrapper, pkcs7Wrapper } from '../../src/encryption/pkcs7.ts';
import { der, derObjectIdentifier, derTag, derValue, derValues } from '../../src/foundation/der.ts';
import { fixtureKey, fixturePath, rsaPair } from './support.ts';

describe('DER', () => {
  it('writes and reads lengths of one byte and of several', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 70_000]) {
      const content = Buffer.alloc(size, 7);
      const whole = der(derTag.octetString, content);
      const more = Buffer.concat([whole, der(derTag.integer, Buffer.from([1]))]);
      assert.deepEqual(
        derValues(more).map((value) => value.content.byteLength),
        [size, 1],
      );
      assert.deepEqual(Buffer.from(derValue(whole).content), content);
    }
  });

  it('writes object identifiers', () => {
    const hex = (dotted: string): string => Buffer.from(derObjectIdentifier(dotted)).toString('hex');
    assert.equal(hex('1.2.840.113549.1.7.3'), '06092a864886f70d010703');
    assert.equal(hex('2.16.840.1.101.3.4.1.6'), '060960864801650304010 6'.replaceAll(' ', ''));
  });

  it('reads nothing that is cut off, of unknown length or with a longer tag', () => {
    for (const text of ['', '30', '3002', '300201', '3080', '308401', '30850100000000', '1f0100']) {
      assert.throws(() => derValue(Buffer.from(text, 'hex')), RangeError, text);
    }
  });
});

describe('PKCS #7', () => {
  it('goes there and back, names the certificate, and opens for nobody else', async () => {
    const certificate = new X509Certificate(await readFile(fixturePath('cert.pem')));
    const payload = Buffer.from('{"symkey":"something"}');
    const wrapped = await pkcs7Wrapper([certificate, certificate]).wrap(payload);
    const rsa = await fixtureKey('rsa.pem');
    const open = async (bytes: Uint8Array, ...keys: readonly (typeof rsa)[]): Promise<string | undefined> => {
      const opened = await pkcs7Unwrapper(keys).unwrap(bytes);
      return opened && Buffer.from(opened).toString();
    };
    assert.equal(await open(wrapped, rsaPair().privateKey, rsa), payload.toString());
    assert.equal(await open(wrapped, rsaPair().privateKey), undefined);
    assert.equal(await open(wrapped, await fixtureKey('ec.pem')), undefined);
    assert.equal(await open(wrapped), undefined);
    const serial = Buffer.from(certificate.serialNumber, 'hex');
    assert.ok(Buffer.from(wrapped).includes(serial));
    assert.equal(Buffer.from(wrapped).includes('something'), false);

    const changed = Buffer.from(wrapped);
    changed[changed.byteLength - 1] = (changed.at(-1) ?? 0) ^ 1;
    assert.equal(await open(changed, rsa), undefined);
    for (let length = 0; length < wrapped.byteLength; length += 13) {
      assert.equal(await open(wrapped.subarray(0, length), rsa), undefined, `${length} bytes`);
    }
  });
});
