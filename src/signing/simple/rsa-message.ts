/**
 * Messages signed with an RSA key, whose number the OpenPGP library would unpack, check and convert again for each of them: here
 * OpenSSL gets the key once, and signs beside everything else.
 *
 * Source: RFC 9580 sections 5.2.3 and 5.2.4 (signature packet of version 4), 5.4 (one-pass signature), 5.9 (literal data), 10.3
 * (signed message); RFC 8017 A.1.2 (RSAPrivateKey).
 */
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { AnySecretKeyPacket, Key, Subkey } from 'openpgp';
import { openpgp } from './openpgp.ts';

/** Signs `payload` at `date`; gives a binary OpenPGP message. */
export type MessageSigner = (payload: Uint8Array, date: Date) => Promise<Uint8Array>;

/** RFC 9580, section 9.5: SHA-512, which the library takes as well. */
const sha512 = 10;
/** RFC 9580, section 9.1. */
const rsa = 1;
const binaryDocument = 0;
const packetTags = { signature: 2, onePass: 4, literal: 11 } as const;
const subpacketTypes = { created: 2, issuer: 16, issuerFingerprint: 33 } as const;

const signInThread = promisify<string, Uint8Array, KeyObject, Buffer>(sign);

/** For an unlocked RSA key of version 4; `undefined` for every other one. */
export async function rsaMessageSigner({ keyPacket }: Key | Subkey): Promise<MessageSigner | undefined> {
  const { enums, SecretKeyPacket, SecretSubkeyPacket } = await openpgp();
  if (!(keyPacket instanceof SecretKeyPacket || keyPacket instanceof SecretSubkeyPacket)) return undefined;
  const isRsa = [enums.publicKey.rsaEncryptSign, enums.publicKey.rsaSign].some((one) => one === keyPacket.algorithm);
  if (!isRsa || keyPacket.version !== 4) return undefined;
  const key = opensslKey(keyPacket);
  if (key === undefined) return undefined;
  const id = Buffer.from(keyPacket.getKeyID().toHex(), 'hex');
  const fingerprint = Buffer.from(keyPacket.getFingerprint(), 'hex');
  return async (payload, date) => {
    const created = uint32(Math.trunc(date.getTime() / 1000));
    const hashed = Buffer.concat([
      subpacket(subpacketTypes.created, created),
      subpacket(subpacketTypes.issuerFingerprint, Buffer.from([4]), fingerprint),
    ]);
    const unhashed = subpacket(subpacketTypes.issuer, id);
    const head = Buffer.concat([Buffer.from([4, binaryDocument, rsa, sha512]), uint16(hashed.byteLength), hashed]);
    const signed = Buffer.concat([payload, head, Buffer.from([4, 0xff]), uint32(head.byteLength)]);
    const signature = await signInThread('sha512', signed, key);
    const begin = createHash('sha512').update(signed).digest().subarray(0, 2);
    return Buffer.concat([
      packet(packetTags.onePass, Buffer.from([3, binaryDocument, sha512, rsa]), id, Buffer.from([1])),
      packet(packetTags.literal, Buffer.from('b\0'), created, payload),
      packet(packetTags.signature, head, uint16(unhashed.byteLength), unhashed, begin, multiprecision(signature)),
    ]);
  };
}

/** `undefined` where the library keeps the numbers otherwise than it did, or OpenSSL does not want them. */
function opensslKey({ publicParams, privateParams }: AnySecretKeyPacket): KeyObject | undefined {
  const numbers: Readonly<Record<string, unknown>> = { ...publicParams, ...privateParams };
  // "u" is the inverse of p modulo q, where PKCS#1 has that of its second prime modulo the first
  const parts = ['n', 'e', 'd', 'q', 'p', 'u'].map((name) => numbers[name]);
  if (!parts.every((part) => part instanceof Uint8Array)) return undefined;
  const [n, e, d, q, p, u] = parts;
  if (d === undefined || q === undefined || p === undefined) return undefined;
  const exponents = [q, p].map((prime) => fromBigInt(toBigInt(d) % (toBigInt(prime) - 1n)));
  const all = [new Uint8Array(1), n, e, d, q, p, ...exponents, u].map((number) =>
    derInteger(number ?? new Uint8Array()),
  );
  const der = derValue(0x30, Buffer.concat(all));
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs1' });
  } catch {
    return undefined;
  } finally {
    for (const secret of [...exponents, ...all, der]) secret.fill(0);
  }
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
}

function fromBigInt(number: bigint): Buffer {
  const hex = number.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

/** An unsigned number, which a zero before it keeps from being a negative one. */
function derInteger(number: Uint8Array): Buffer {
  const digits = withoutZeros(number);
  return derValue(0x02, (digits[0] ?? 0x80) < 0x80 ? digits : Buffer.concat([Buffer.alloc(1), digits]));
}

function derValue(tag: number, content: Uint8Array): Buffer {
  const size = content.byteLength;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function withoutZeros(number: Uint8Array): Uint8Array {
  const first = number.findIndex((octet) => octet !== 0);
  return first < 0 ? new Uint8Array() : number.subarray(first);
}

function multiprecision(number: Uint8Array): Buffer {
  const digits = withoutZeros(number);
  const bits = digits.byteLength * 8 - Math.clz32(digits[0] ?? 0) + 24;
  return Buffer.concat([uint16(bits), digits]);
}

/** In the format of today, with a length of as many octets as it takes. */
function packet(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const size = content.byteLength;
  const length =
    size < 192
      ? Buffer.from([size])
      : size < 8384
        ? Buffer.from([((size - 192) >> 8) + 192, (size - 192) & 0xff])
        : Buffer.concat([Buffer.from([0xff]), uint32(size)]);
  return Buffer.concat([Buffer.from([0xc0 | tag]), length, content]);
}

function subpacket(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([content.byteLength + 1, type]), content]);
}

function uint16(number: number): Buffer {
  return Buffer.from([number >> 8, number & 0xff]);
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
