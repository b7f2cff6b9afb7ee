/** Takes secrets out of text before it can reach a message, a log or a trace. */

/** A secret, what stands in its place, and what no text lacks that has one. */
const patterns: ReadonlyArray<readonly [RegExp, string, RegExp]> = [
  // user info of a URL
  [/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, '$1***@', /@/],
  // Authorization header values
  [/\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{4,}/gi, '$1 ***', /\s/],
  // query or form fields that carry secrets
  [
    /\b((?:access_|refresh_|identity_|id_)?token|password|passphrase|secret|signature|sig|_state|X-Amz-[A-Za-z-]+)=[^&\s"']+/gi,
    '$1=***',
    /=/,
  ],
];

/** `text` with user info of URLs, authorization values and secret-looking query fields replaced by `***`. */
export function redact(text: string): string {
  // paths of requests are long, and there are many
  return patterns.reduce((out, [secret, inPlace, mark]) => (mark.test(out) ? out.replace(secret, inPlace) : out), text);
}
