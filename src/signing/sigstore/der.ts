/**
 * Just enough of DER to look into certificates.
 *
 * Source: ITU-T X.690 sections 8 and 10.
 */
import { rejected } from './rejection.ts';

export interface DerValue {
  /** The whole identifier octet: class, form and number below 31. */
  readonly tag: number;
  readonly content: Uint8Array;
}

export const derTags = {
  boolean: 0x01,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
} as const;

/** The values that stand one behind the other in `bytes`. Throws IntegrityError SIGNATURE_REJECTED. */
export function readDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const { value, end } = readOne(bytes, at);
    values.push(value);
    at = end;
  }
  return values;
}

/** The values in the only value of `bytes`, which is to be of this tag. */
export function readConstructed(bytes: Uint8Array, tag: number): DerValue[] {
  const [value, ...more] = readDer(bytes);
  if (value === undefined || more.length > 0 || value.tag !== tag) throw malformed();
  return readDer(value.content);
}

function readOne(bytes: Uint8Array, start: number): { value: DerValue; end: number } {
  const tag = bytes[start] ?? 0;
  const first = bytes[start + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 4) throw malformed();
  let length = octets === 0 ? first : 0;
  for (const octet of bytes.subarray(start + 2, start + 2 + octets)) length = length * 256 + octet;
  const from = start + 2 + octets;
  const end = from + length;
  if (end > bytes.byteLength) throw malformed();
  return { value: { tag, content: bytes.subarray(from, end) }, end };
}

/** `1.3.6.1.4.1.57264.1.1` */
export function oidText(content: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const octet of content) {
    number = number * 128 + (octet & 0x7f);
    if (number > Number.MAX_SAFE_INTEGER / 128) throw malformed();
    if (octet >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.trunc(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

function malformed(): Error {
  return rejected('a certificate is malformed');
}
