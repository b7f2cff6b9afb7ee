/** `WWW-Authenticate` (RFC 9110, section 11.6.1). */

export interface Challenge {
  /** In lower case: `basic`, `bearer`, ... */
  scheme: string;
  /** Names in lower case. */
  parameters: Readonly<Record<string, string>>;
}

/** What is read of such headers at most; no honest registry needs a tenth of it. */
const maxLength = 16 * 1024;

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*`, 'y');
const scheme = new RegExp(`\\s*(${token})(?:\\s+|\\s*(?=,|$))`, 'y');
const separators = /[\s,]*/y;
const credentials68 = /[A-Za-z0-9._~+/-]+=*\s*(?=,|$)/y;

/**
 * The challenges of one answer, in its order. One header may hold several, and there may be several headers. Parts that
 * make no sense are left out, and so is everything beyond 16 KiB.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const challenges: Challenge[] = [];
  let budget = maxLength;
  for (const value of header === undefined ? [] : typeof header === 'string' ? [header] : header) {
    if (value.length > budget) break;
    budget -= value.length;
    parseInto(challenges, value);
  }
  return challenges;
}

function parseInto(challenges: Challenge[], text: string): void {
  let at = 0;
  let current: { scheme: string; parameters: Record<string, string> } | undefined;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    // elements are apart by commas, of which there may be too many
    match(separators);
    if (at >= text.length) return;
    const pair = current === undefined ? null : match(parameter);
    if (pair !== null && current !== undefined) {
      const [, name = '', quoted, plain = ''] = pair;
      // the first one counts: a repeated parameter is not a way to smuggle in another realm
      const key = name.toLowerCase();
      if (!Object.hasOwn(current.parameters, key)) current.parameters[key] = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    } else {
      const name = match(scheme)?.[1];
      if (name === undefined) return;
      current = { scheme: name.toLowerCase(), parameters: {} };
      challenges.push(current);
      if (!isParameter(text, at)) match(credentials68);
    }
  }
}

function isParameter(text: string, at: number): boolean {
  parameter.lastIndex = at;
  return parameter.test(text);
}
