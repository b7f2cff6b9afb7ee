/** `Range` of a download and `Content-Range` of an upload chunk. */

/** Both ends are inside. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a `Range` header asks of a representation of `size` bytes (RFC 9110, section 14). `whole` where there is no such
 * header, where its unit or syntax is unknown, and for several ranges at once: all of these may be answered with
 * everything.
 */
export function requestedRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return 'whole';
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return 'whole';
  if (first === '') {
    const length = Number(last);
    if (length === 0) return 'unsatisfiable';
    return size === 0 ? 'whole' : { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || end < start ? 'unsatisfiable' : { start, end };
}

/**
 * The place of a chunk in an upload: `0-1023`, no unit (OCI Distribution Specification v1.1, "Pushing a blob in chunks").
 * Undefined when malformed. `bytes 0-1023/*`, which clients written after HTTP send, is understood as well.
 */
export function chunkRange(header: string): ByteRange | undefined {
  const match = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim());
  if (match === null) return undefined;
  const range = { start: Number(match[1]), end: Number(match[2]) };
  return Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && range.start <= range.end
    ? range
    : undefined;
}
