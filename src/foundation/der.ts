/** As much of DER as certificates and enveloped data need. Source: ITU-T X.690, sections 8.1, 8.19 and 10.1. */

/** One value. Only tags below 31 and lengths below 2^32, which is all there is here. */
export interface DerValue {
  /** The whole identifier octet: class, form and number. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** With its tag and length. */
  readonly whole: Uint8Array;
}

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  /** `[0]`, with values in it. */
  context0: 0xa0,
} as const;

/** The values that stand one after the other in `bytes`. Throws RangeError where they are malformed. */
export function derValues(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const value = derValue(bytes.subarray(at));
    values.push(value);
    at += value.whole.byteLength;
  }
  return values;
}

/** The first value in `bytes`. Throws RangeError where it is malformed. */
export function derValue(bytes: Uint8Array): DerValue {
  const [tag, short] = bytes;
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('malformed DER');
  let [start, length] = [2, short];
  if (short >= 0x80) {
    const count = short & 0x7f;
    const long = bytes.subarray(2, 2 + count);
    // 0x80 would be a length that is not told: BER
    if (count === 0 || count > 4 || long.byteLength < count) throw new RangeError('malformed DER');
    start += count;
    length = long.reduce((sum, byte) => sum * 256 + byte, 0);
  }
  const end = start + length;
  if (end > bytes.byteLength) throw new RangeError('malformed DER');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(0, end) };
}

export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const long: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) long.unshift(rest % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | long.length, ...long];
  return Buffer.concat([Buffer.from(head), ...parts]);
}

/** `1.2.840…` as a value. */
export function derObjectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let more = arc >>> 7; more > 0; more >>>= 7) septets.unshift((more & 0x7f) | 0x80);
    return septets;
  });
  return der(derTag.objectIdentifier, Buffer.from(bytes));
}

/** The content of an object identifier as `1.2.840…`. Throws RangeError where one of its numbers is beyond 2^53. */
export function objectIdentifierText(content: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const octet of content) {
    number = number * 128 + (octet & 0x7f);
    if (number > Number.MAX_SAFE_INTEGER / 128) throw new RangeError('malformed DER');
    if (octet >= 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.trunc(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}
