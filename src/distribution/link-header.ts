/** The next page of a listing (RFC 8288, as OCI Distribution Specification v1.1 "Listing Tags" uses it). */
import { parseUrl } from './hosts.ts';

/**
 * Path and query of the link with `rel="next"`, relative to `current`; `undefined` where there is none. Whatever host
 * the link names, the next page is asked of the registry itself.
 */
export function nextPage(header: string | readonly string[] | undefined, current: URL): string | undefined {
  // several headers are one with commas (RFC 9110, section 5.3)
  const links = [header ?? []].flat().join(',');
  for (const [, target = '', parameters = ''] of links.matchAll(/<([^<>]*)>((?:[^<>"]|"[^"]*")*)/g)) {
    if (!/;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)/i.test(parameters)) continue;
    const url = parseUrl(target, current);
    return url && url.pathname + url.search;
  }
  return undefined;
}
