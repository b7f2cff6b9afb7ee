/** Takes secrets out of text before it can reach a message, a log or a trace. */

/** A secret, what stands in its place, and what no text lacks that has one. */
const patterns: ReadonlyArray<readonly [RegExp, string, RegExp]> = [
  // user info of a URL; what stands before a digest is the name of an image. A scheme without a limit would be looked for to the
  // end of a long word from each of its letters
  [/([a-z][a-z0-9+.-]{0,30}:\/\/)[^/\s]*@(?!sha(?:256|512):)/gi, '$1***@', /@/],
  // Authorization header values
  [/\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{4,}/gi, '$1 ***', /\s/],
  // query or form fields that carry secrets
  [
    /\b((?:access_|refresh_|identity_|id_)?token|password|passphrase|secret|signature|sig|_state|X-Amz-[A-Za-z-]+)=[^&\s"']+/gi,
    '$1=***',
    /=/,
  ],
];

/** Transports before the name of an image, which may have user info in front. */
const beforeName = /^(?:(?:docker|docker-daemon|containers-storage):)?(?:\/\/)?/;
/** Names of other things, in which "@" is a letter like others. */
const otherName = /^(?:oci|oci-archive|dir|docker-archive|store|pgp):/;
/** A secret alone before a host and a path: there is no such name, for what follows a name's "@" has no slash in it. */
const tokenForm = /^[^/:@[]+(?=@[^/@]+\/)(?=@(?:[^/@.:]*[.:]|localhost\/))/;
const hostAndPort = /^[^/:]+:[0-9]{1,5}\//;

/** `text` with user info, authorization values and secret-looking query fields replaced by `***`. */
export function redact(text: string): string {
  // only at the beginning of a word: "quay.io/app:1@" is no user info
  const named = text.includes('@') ? text.replace(/(?<![^\s"'`])[^\s"'`/]+/g, redactUserInfo) : text;
  // paths of requests are long, and there are many
  return patterns.reduce(
    (out, [secret, inPlace, mark]) => (mark.test(out) ? out.replace(secret, inPlace) : out),
    named,
  );
}

/** {@link redact} for text that is a name and nothing else, in which a password may have any letter. */
export function redactName(name: string): string {
  return redact(redactUserInfo(name));
}

/** Whether `name` begins with `user:password@`, or with `token@` and a host; the "@" of a digest is none of that. */
export function hasUserInfo(name: string): boolean {
  return userInfoOf(name) !== undefined;
}

function redactUserInfo(name: string): string {
  const found = userInfoOf(name);
  return found === undefined ? name : `${name.slice(0, found.start)}***${name.slice(found.end)}`;
}

function userInfoOf(name: string): { start: number; end: number } | undefined {
  if (!name.includes('@') || otherName.test(name)) return undefined;
  const start = beforeName.exec(name)?.[0].length ?? 0;
  const token = tokenForm.exec(name.slice(start))?.[0];
  if (token !== undefined) return { start, end: start + token.length };
  const end = lastAt(name);
  const said = name.slice(start, end);
  const user = said.split(':', 1)[0] ?? '';
  // "[" begins an IPv6 address
  const isUser = /^[^/[]+$/.test(user) && user !== said && !hostAndPort.test(said);
  return end > start && isUser ? { start, end } : undefined;
}

/** The last "@" that no digest follows; -1 where there is none. */
function lastAt(name: string): number {
  let at = name.lastIndexOf('@');
  while (at > 0 && /^sha(?:256|512):/.test(name.slice(at + 1, at + 8))) at = name.lastIndexOf('@', at - 1);
  return at;
}
