/**
 * Secrets wrapped as PKCS #7 enveloped data for the owners of certificates with RSA keys, as ocicrypt does it.
 *
 * Source: RFC 5652, section 6 (version 0 with issuer and serial number, the key by RSA with PKCS #1 v1.5 padding). The
 * content is AES-128-GCM with the parameters that go.mozilla.org/pkcs7 writes, which are not quite those of RFC 5084: a
 * sequence in the sequence, and the nonce tagged [4]. Both forms are read.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type X509Certificate,
} from 'node:crypto';
import { type DerValue, der, derObjectIdentifier, derTag, derValue, derValues } from '../foundation/der.ts';
import { BugError } from '../foundation/errors.ts';
import type { KeyUnwrapper, KeyWrapper } from './wrapped-secret.ts';

interface ContentCipher {
  readonly name: 'aes-128-gcm' | 'aes-256-gcm';
  readonly keyBytes: number;
}

const oid = {
  data: derObjectIdentifier('1.2.840.113549.1.7.1'),
  envelopedData: derObjectIdentifier('1.2.840.113549.1.7.3'),
  rsa: derObjectIdentifier('1.2.840.113549.1.1.1'),
  aes128gcm: derObjectIdentifier('2.16.840.1.101.3.4.1.6'),
};

/** The ciphers that are read. */
const ciphers: ReadonlyMap<string, ContentCipher> = new Map([
  [hex(oid.aes128gcm), { name: 'aes-128-gcm', keyBytes: 16 }],
  [hex(derObjectIdentifier('2.16.840.1.101.3.4.1.46')), { name: 'aes-256-gcm', keyBytes: 32 }],
]);

const tagBytes = 16;
const nonceBytes = 12;
const nonceTag = 0x84;
const maxRecipients = 1000;

/** `certificates`: with RSA keys. */
export function pkcs7Wrapper(certificates: readonly X509Certificate[]): KeyWrapper {
  return { kind: 'pkcs7', count: certificates.length, wrap: (secret) => envelop(secret, certificates) };
}

/** `keys`: private keys; those that are not RSA fit nothing. Certificates are not needed: every recipient is tried. */
export function pkcs7Unwrapper(keys: readonly KeyObject[]): KeyUnwrapper {
  const rsa = keys.filter((key) => key.asymmetricKeyType === 'rsa');
  return { kind: 'pkcs7', unwrap: (wrapped) => open(wrapped, rsa) };
}

function envelop(payload: Uint8Array, certificates: readonly X509Certificate[]): Uint8Array {
  const key = randomBytes(16);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const encrypted = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  const parameters = der(derTag.sequence, der(nonceTag, nonce), derInteger(tagBytes));
  const content = der(
    derTag.sequence,
    oid.data,
    der(derTag.sequence, oid.aes128gcm, der(derTag.sequence, parameters)),
    der(derTag.context0, der(derTag.octetString, encrypted)),
  );
  const recipients = certificates.map((certificate) => recipientInfo(key, certificate));
  const enveloped = der(derTag.sequence, derInteger(0), der(derTag.set, ...recipients), content);
  return der(derTag.sequence, oid.envelopedData, der(derTag.context0, enveloped));
}

function recipientInfo(key: Uint8Array, certificate: X509Certificate): Uint8Array {
  const { issuer, serial } = issuerAndSerial(certificate);
  const encrypted = publicEncrypt({ key: certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
  return der(
    derTag.sequence,
    derInteger(0),
    der(derTag.sequence, issuer, serial),
    der(derTag.sequence, oid.rsa),
    der(derTag.octetString, encrypted),
  );
}

/** As they stand in the certificate. Source: RFC 5280, section 4.1. */
function issuerAndSerial(certificate: X509Certificate): { issuer: Uint8Array; serial: Uint8Array } {
  const [toBeSigned] = derValues(derValue(certificate.raw).content);
  const all = toBeSigned === undefined ? [] : derValues(toBeSigned.content);
  // the version is left away in the oldest ones
  const [serial, , issuer] = all[0]?.tag === derTag.context0 ? all.slice(1) : all;
  if (serial === undefined || issuer === undefined) throw new BugError('a certificate has no issuer');
  return { issuer: issuer.whole, serial: serial.whole };
}

function open(wrapped: Uint8Array, keys: readonly KeyObject[]): Uint8Array | undefined {
  if (keys.length === 0) return undefined;
  try {
    const { recipients, content } = parseEnveloped(wrapped);
    for (const encryptedKey of recipients) {
      for (const key of keys) {
        const payload = openContent(content, decryptKey(encryptedKey, key));
        if (payload !== undefined) return payload;
      }
    }
  } catch {
    // malformed
  }
  return undefined;
}

interface EnvelopedContent {
  readonly cipher: ContentCipher;
  readonly nonce: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Throws RangeError. */
function parseEnveloped(bytes: Uint8Array): { recipients: Uint8Array[]; content: EnvelopedContent } {
  const [type, wrapper] = derValues(derValue(bytes).content);
  if (type === undefined || wrapper === undefined || hex(type.whole) !== hex(oid.envelopedData)) throw malformed();
  const [, infos, content] = derValues(derValue(wrapper.content).content);
  if (infos === undefined || content === undefined) throw malformed();
  const recipients = derValues(infos.content)
    .slice(0, maxRecipients)
    .flatMap((info) => {
      const [, , algorithm, key] = derValues(info.content);
      const isRsa = algorithm !== undefined && hex(derValue(algorithm.content).whole) === hex(oid.rsa);
      return isRsa && key?.tag === derTag.octetString ? [key.content] : [];
    });
  const [, algorithm, encrypted] = derValues(content.content);
  if (algorithm === undefined || encrypted === undefined) throw malformed();
  const [name, parameters] = derValues(algorithm.content);
  const cipher = name && ciphers.get(hex(name.whole));
  if (cipher === undefined || parameters === undefined) throw malformed();
  return { recipients, content: { cipher, nonce: nonceOf(parameters), bytes: octets(encrypted) } };
}

/** The outer sequence may come without the bit that says that it has values in it. */
function nonceOf(parameters: DerValue): Uint8Array {
  const values = derValues(parameters.content);
  const [first] = values[0]?.tag === derTag.sequence ? derValues(values[0].content) : values;
  if (first === undefined || (first.tag !== nonceTag && first.tag !== derTag.octetString)) throw malformed();
  return first.content;
}

/** The octets of `[0]`: as they are, or in one octet string or more. */
function octets({ tag, content }: DerValue): Uint8Array {
  if (tag !== derTag.context0) return content;
  return Buffer.concat(derValues(content).map((part) => part.content));
}

/** `undefined`, or anything at all, for what is another's. */
function decryptKey(encrypted: Uint8Array, key: KeyObject): Uint8Array | undefined {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encrypted);
  } catch {
    return undefined;
  }
}

function openContent({ cipher, nonce, bytes }: EnvelopedContent, key: Uint8Array | undefined): Uint8Array | undefined {
  if (key?.byteLength !== cipher.keyBytes) return undefined;
  try {
    const decipher = createDecipheriv(cipher.name, key, nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function derInteger(value: number): Uint8Array {
  return der(derTag.integer, Buffer.from([value]));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function malformed(): RangeError {
  return new RangeError('malformed enveloped data');
}
