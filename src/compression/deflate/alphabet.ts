/** The alphabets of deflate: which code a length or a distance has, and how many bits follow it. RFC 1951 section 3.2.5. */

/** The literals, the end of a block and the lengths. */
export const literalCodes = 286;
export const distanceCodes = 30;
export const endOfBlock = 256;
export const firstLengthCode = 257;
export const shortestMatch = 3;
export const longestMatch = 258;
/** Matches start less far back than that. */
export const windowBytes = 1 << 15;

/** Extra bits of the length codes from 257 on. */
export const lengthExtra = Uint8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);
/** Extra bits of the distance codes. */
export const distanceExtra = Uint8Array.from({ length: distanceCodes }, (_, code) => Math.max(0, (code >> 1) - 1));

/** By length - 3: the length code, from 0. */
export const lengthCode = new Uint8Array(256);
/** By length code: its shortest length - 3. */
export const lengthBase = new Uint8Array(lengthExtra.length);
/** By distance code: its shortest distance - 1. */
export const distanceBase = new Uint16Array(distanceCodes);
/** The distance codes by distance - 1 where that is below 256, and behind them those by (distance - 1) / 128. */
const distanceCode = new Uint8Array(512);

let next = 0;
for (let code = 0; code < lengthExtra.length; code += 1) {
  // the longest length has a code of its own, in place of the last one of the code before
  if (code === lengthExtra.length - 1) next = longestMatch - shortestMatch;
  lengthBase[code] = next;
  const end = next + (1 << (lengthExtra[code] ?? 0));
  lengthCode.fill(code, next, end);
  next = end;
}
next = 0;
for (let code = 0; code < distanceCodes; code += 1) {
  const end = next + (1 << (distanceExtra[code] ?? 0));
  distanceBase[code] = next;
  if (next < 256) distanceCode.fill(code, next, end);
  else distanceCode.fill(code, 256 + (next >> 7), 256 + (end >> 7));
  next = end;
}

/** The code of a distance, which is given less 1. */
export function distanceCodeOf(less: number): number {
  return distanceCode[less < 256 ? less : 256 + (less >> 7)] as number;
}
