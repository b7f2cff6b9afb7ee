/**
 * Writes JSON byte for byte as Go's `encoding/json` does (`json.Marshal`): no white space, `<`, `>`, `&` and the two line
 * separators escaped. A struct of Go is an object whose members are written in the order of its fields; a map of Go has
 * sorted keys.
 */
import { BugError } from '../foundation/errors.ts';
import { ExactNumber, isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';

/** Objects keep the order of their keys, as a struct does. */
export function encodeGoJson(value: JsonValue): string {
  if (typeof value === 'string') return encodeString(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return encodeNumber(value);
  if (value instanceof ExactNumber) return value.text;
  if (isJsonObject(value))
    return encodeMembers(Object.keys(value).map((key) => [key, encodeGoJson(value[key] ?? null)]));
  return encodeArray(value.map(encodeGoJson));
}

/** An object of members whose values are encoded already, in this order; `undefined` leaves a member away. */
export function encodeMembers(members: ReadonlyArray<readonly [key: string, encoded: string | undefined]>): string {
  let out = '';
  for (const [key, encoded] of members) {
    if (encoded === undefined) continue;
    out += `${out === '' ? '' : ','}${encodeString(key)}:${encoded}`;
  }
  return `{${out}}`;
}

export function encodeArray(encoded: readonly string[]): string {
  return `[${encoded.join(',')}]`;
}

/** A map of texts: keys in the order of their UTF-8 bytes. */
export function encodeStringMap(map: Readonly<Record<string, string>>): string {
  const keys = Object.keys(map).sort(compareUtf8);
  return encodeMembers(keys.map((key) => [key, encodeString(map[key] ?? '')]));
}

/** The members of an object, encoded, but for those named in `except`. */
export function encodeUnknown(members: JsonObject | undefined, except: ReadonlySet<string>): Array<[string, string]> {
  if (members === undefined) return [];
  return Object.keys(members)
    .filter((key) => !except.has(key))
    .map((key) => [key, encodeGoJson(members[key] ?? null)]);
}

function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new BugError(`${value} has no form in JSON`);
  return String(value);
}

// what is not between the space and the last UTF-16 unit is a control character
const special = /["\\<>&\u2028\u2029\ud800-\udfff]|[^ -\uffff]/;
const eachSpecial = /["\\<>&\u2028\u2029]|[^ -\uffff]|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g;
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

export function encodeString(text: string): string {
  return special.test(text) ? `"${text.replace(eachSpecial, escapeOne)}"` : `"${text}"`;
}

function escapeOne(found: string): string {
  if (found.length === 2) return found;
  const unit = found.charCodeAt(0);
  // half a surrogate pair is what Go would have read as an invalid byte
  if (unit >= 0xd800 && unit <= 0xdfff) return '\\ufffd';
  return shortEscapes[found] ?? `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Orders texts by their UTF-8 bytes, which is the order of their code points. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return rank(a, at) - rank(b, at);
}

/** The UTF-16 unit at `at`, moved so that surrogates (which stand for the highest code points) come last. */
function rank(text: string, at: number): number {
  if (at >= text.length) return -1;
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
