/**
 * Changes single members of a JSON document in its text, so that everything else keeps its bytes: order, unknown fields,
 * numbers beyond 2^53, indentation. Auth files are shared with other programs; what we do not understand is not ours to rewrite.
 */

interface Member {
  name: string;
  /** Offset of the opening quote of the name. */
  start: number;
  valueStart: number;
  /** Offset behind the value. */
  end: number;
}

/** `text` with the member at `path` set to `value`; missing objects on the way are made. `text` must be valid JSON with an object on top. */
export function setJsonMember(text: string, path: readonly string[], value: unknown): string {
  const [name, ...rest] = path;
  if (name === undefined) return text;
  return setIn(text, skipSpace(text, 0), name, rest, value, 1, indentOf(text));
}

/** `text` without the member at `path`, doubled ones too, or unchanged if there is none. */
export function removeJsonMember(text: string, path: readonly string[]): string {
  return removeIn(text, skipSpace(text, 0), path);
}

/** Names and values of the object on top in their order, doubled ones too. `text` must be valid JSON with an object on top. */
export function jsonMembers(text: string): Array<[name: string, value: unknown]> {
  return membersOf(text, skipSpace(text, 0)).map(({ name, valueStart, end }) => [
    name,
    JSON.parse(text.slice(valueStart, end)),
  ]);
}

function removeIn(text: string, at: number, [name, ...rest]: readonly string[]): string {
  if (rest.length === 0) return removeNamed(text, at, name);
  // the last one first, so that the offsets of the others stay as they are
  return membersOf(text, at).reduceRight(
    (out, member) =>
      member.name === name && text[member.valueStart] === '{' ? removeIn(out, member.valueStart, rest) : out,
    text,
  );
}

function removeNamed(text: string, at: number, name: string | undefined): string {
  let out = text;
  for (;;) {
    const members = membersOf(out, at);
    const which = members.findIndex((member) => member.name === name);
    const member = members[which];
    if (member === undefined) return out;
    const previous = members[which - 1];
    const next = members[which + 1];
    if (previous !== undefined) out = out.slice(0, previous.end) + out.slice(member.end);
    else if (next !== undefined) out = out.slice(0, member.start) + out.slice(next.start);
    else out = `${out.slice(0, at)}{}${out.slice(out.indexOf('}', member.end) + 1)}`;
  }
}

function setIn(
  text: string,
  at: number,
  name: string,
  rest: readonly string[],
  value: unknown,
  depth: number,
  indent: string,
): string {
  const member = lastNamed(text, at, name);
  const [next, ...further] = rest;
  if (member !== undefined && next !== undefined && text[member.valueStart] === '{') {
    return setIn(text, member.valueStart, next, further, value, depth + 1, indent);
  }
  const whole = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const written = render(whole, depth, indent);
  if (member !== undefined) return text.slice(0, member.valueStart) + written + text.slice(member.end);
  const last = membersOf(text, at).at(-1);
  const own = `${lineBreak(depth, indent)}${JSON.stringify(name)}:${indent === '' ? '' : ' '}${written}`;
  if (last !== undefined) return `${text.slice(0, last.end)},${own}${text.slice(last.end)}`;
  const close = text.indexOf('}', at);
  return `${text.slice(0, at + 1)}${own}${lineBreak(depth - 1, indent)}${text.slice(close)}`;
}

/** The indentation of the document: what stands before its first member, or nothing when it is written on one line. */
function indentOf(text: string): string {
  const first = /^\s*\{(\s*)/.exec(text)?.[1] ?? '';
  if (/^\s*\{\s*\}\s*$/.test(text)) return '\t';
  return first.includes('\n') ? (first.split('\n').at(-1) ?? '') : '';
}

function lineBreak(depth: number, indent: string): string {
  return indent === '' ? '' : `\n${indent.repeat(depth)}`;
}

function render(value: unknown, depth: number, indent: string): string {
  const json = JSON.stringify(value, null, indent);
  return indent === '' ? json : json.replaceAll('\n', lineBreak(depth, indent));
}

/** Of several members with one name the last is the one that readers see. */
function lastNamed(text: string, at: number, name: string): Member | undefined {
  return membersOf(text, at).findLast((member) => member.name === name);
}

/** The members of the object whose brace stands at `at`. */
function membersOf(text: string, at: number): Member[] {
  const members: Member[] = [];
  let here = skipSpace(text, at + 1);
  while (text[here] === '"') {
    const nameEnd = skipString(text, here);
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, valueStart);
    members.push({ name: String(JSON.parse(text.slice(here, nameEnd))), start: here, valueStart, end });
    here = skipSpace(text, end);
    if (text[here] === ',') here = skipSpace(text, here + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  return at;
}

/** Offset behind the string that opens at `from`. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipValue(text: string, from: number): number {
  if (text[from] === '"') return skipString(text, from);
  if (text[from] !== '{' && text[from] !== '[') {
    let at = from;
    while (at < text.length && !/[\s,\]}]/.test(text.charAt(at))) at += 1;
    return at;
  }
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '"') at = skipString(text, at) - 1;
    else if (sign === '{' || sign === '[') depth += 1;
    else if (sign === '}' || sign === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
