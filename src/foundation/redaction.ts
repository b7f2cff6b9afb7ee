/** Takes secrets out of text before it can reach a message, a log or a trace. */

const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // user info of a URL
  [/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, '$1***@'],
  // Authorization header values
  [/\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{4,}/gi, '$1 ***'],
  // query or form fields that carry secrets
  [
    /\b((?:access_|refresh_|identity_|id_)?token|password|passphrase|secret|signature|sig|_state|X-Amz-[A-Za-z-]+)=[^&\s"']+/gi,
    '$1=***',
  ],
];

/** `text` with user info of URLs, authorization values and secret-looking query fields replaced by `***`. */
export function redact(text: string): string {
  // the path of nearly every request: nothing in it can be a secret
  if (!/[=@\s]/.test(text)) return text;
  return patterns.reduce((out, [pattern, replacement]) => out.replace(pattern, replacement), text);
}
