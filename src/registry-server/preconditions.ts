/** Conditional requests on manifests (RFC 9110, section 13), which make compare-and-swap on a tag possible. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Digest } from '../oci/digest.ts';

export function etagOf(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether `If-Match` and `If-None-Match` allow a change of what is now `current` (undefined: nothing is there). */
export function changeAllowed(headers: IncomingHttpHeaders, current: Digest | undefined): boolean {
  const wanted = headers['if-match'];
  if (wanted !== undefined && !matches(wanted, current)) return false;
  const unwanted = headers['if-none-match'];
  return unwanted === undefined || !matches(unwanted, current);
}

/** Whether the client says that it has `current` already. */
export function isUnmodified(headers: IncomingHttpHeaders, current: Digest): boolean {
  const known = headers['if-none-match'];
  return known !== undefined && matches(known, current);
}

function matches(header: string, current: Digest | undefined): boolean {
  if (current === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etagOf(current));
}
