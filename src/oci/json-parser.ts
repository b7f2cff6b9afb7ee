/**
 * Reads JSON more strictly than `JSON.parse`: what two readers could take in two ways is an error, because a digest or a
 * signature then vouches for more than one meaning.
 *
 * Source: RFC 8259; RFC 7493 (I-JSON) sections 2.1 (well-formed Unicode) and 2.3 (unique keys).
 */
import { IntegrityError } from '../foundation/errors.ts';
import { ExactNumber, type JsonValue } from './json-value.ts';

/** Objects and arrays inside each other; real documents have fewer than ten. */
const maxDepth = 256;
/** Values of one document, which take far more memory than their text; an index of 30,000 images has fewer. */
const maxValues = 300_000;

/**
 * Parses UTF-8 text; `what` names it in messages. Throws IntegrityError, with the line and column (both from 1, counted in
 * UTF-16 units): MALFORMED_JSON, INVALID_UTF8 (also for escapes of half a surrogate pair), DUPLICATE_KEY, JSON_TOO_DEEP,
 * JSON_TOO_LARGE.
 */
export function parseJson(bytes: Uint8Array, what: string): JsonValue {
  return new Parser(decode(bytes, what), what).document();
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new IntegrityError(`${what} is not valid UTF-8: see the byte at offset ${firstBadByte(bytes)}`, {
      code: 'INVALID_UTF8',
      cause,
    });
  }
}

function firstBadByte(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.byteLength + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (startsWell(bytes.subarray(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function startsWell(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const code = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  backslash: 0x5c,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

const numberForm = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordForm = /[^\s,:"[\]{}]{1,20}/y;
const words: ReadonlyMap<string, JsonValue> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class Parser {
  readonly #text: string;
  readonly #what: string;
  #at = 0;
  #depth = 0;
  #values = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('there is more after the end of the document');
    return value;
  }

  #value(): JsonValue {
    this.#values += 1;
    if (this.#values > maxValues) throw this.#error(`it has more than ${maxValues} values`, 'JSON_TOO_LARGE');
    this.#space();
    switch (this.#text.charCodeAt(this.#at)) {
      case code.quote:
        return this.#string();
      case code.openObject:
        return this.#object();
      case code.openArray:
        return this.#array();
      default:
        return this.#scalar();
    }
  }

  #space(): void {
    for (; ; this.#at += 1) {
      const next = this.#text.charCodeAt(this.#at);
      if (next !== 0x20 && next !== 0x0a && next !== 0x0d && next !== 0x09) return;
    }
  }

  /** Steps over `wanted` if it comes next. */
  #take(wanted: number): boolean {
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== wanted) return false;
    this.#at += 1;
    return true;
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) {
      throw this.#error(`it is nested more than ${maxDepth} levels deep`, 'JSON_TOO_DEEP');
    }
    this.#at += 1;
  }

  #object(): JsonValue {
    this.#enter();
    const object: Record<string, JsonValue> = {};
    if (!this.#take(code.closeObject)) {
      do {
        this.#space();
        const start = this.#at;
        if (this.#text.charCodeAt(start) !== code.quote) throw this.#unexpected('a key in double quotes');
        const key = this.#string();
        if (Object.hasOwn(object, key)) {
          this.#at = start;
          throw this.#error(`the key ${JSON.stringify(shorten(key))} stands twice in one object`, 'DUPLICATE_KEY');
        }
        if (!this.#take(code.colon)) throw this.#unexpected('":"');
        const value = this.#value();
        // an assignment would set the prototype
        if (key === '__proto__') {
          Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
        } else object[key] = value;
      } while (this.#take(code.comma));
      if (!this.#take(code.closeObject)) throw this.#unexpected('"," or "}"');
    }
    this.#depth -= 1;
    return object;
  }

  #array(): JsonValue {
    this.#enter();
    const array: JsonValue[] = [];
    if (!this.#take(code.closeArray)) {
      do array.push(this.#value());
      while (this.#take(code.comma));
      if (!this.#take(code.closeArray)) throw this.#unexpected('"," or "]"');
    }
    this.#depth -= 1;
    return array;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    for (; ; at += 1) {
      const next = text.charCodeAt(at);
      if (next === code.quote) break;
      if (next === code.backslash) return this.#escapedString(start, at);
      if (!(next >= 0x20)) throw this.#badCharacter(at);
    }
    this.#at = at + 1;
    return text.slice(start, at);
  }

  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text;
    let [out, from, at] = ['', start, firstEscape];
    let halves = false;
    for (;;) {
      const next = text.charCodeAt(at);
      if (next === code.quote) break;
      if (next !== code.backslash) {
        if (!(next >= 0x20)) throw this.#badCharacter(at);
        at += 1;
        continue;
      }
      out += text.slice(from, at);
      const letter = text.charAt(at + 1);
      if (letter === 'u') {
        const hex = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#badEscape(at);
        const unit = Number.parseInt(hex, 16);
        halves ||= unit >= 0xd800 && unit <= 0xdfff;
        out += String.fromCharCode(unit);
        at += 6;
      } else {
        const meant = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
        if (meant === undefined) throw this.#badEscape(at);
        out += meant;
        at += 2;
      }
      from = at;
    }
    out += text.slice(from, at);
    if (halves && !out.isWellFormed()) {
      this.#at = start - 1;
      throw this.#error('a string has one half of a surrogate pair, which is no character', 'INVALID_UTF8');
    }
    this.#at = at + 1;
    return out;
  }

  #scalar(): JsonValue {
    numberForm.lastIndex = this.#at;
    const number = numberForm.exec(this.#text)?.[0];
    if (number !== undefined) {
      const next = this.#text.charCodeAt(this.#at + number.length);
      // digits that follow a whole number mean a leading zero; letters and points an unfinished one
      if ((next >= 0x30 && next <= 0x39) || next === 0x2e || next === 0x65 || next === 0x45)
        throw this.#unexpected('a number');
      this.#at += number.length;
      const value = Number(number);
      return String(value) === number ? value : new ExactNumber(number);
    }
    wordForm.lastIndex = this.#at;
    const word = wordForm.exec(this.#text)?.[0] ?? '';
    const value = words.get(word);
    if (value === undefined) throw this.#unexpected('a value');
    this.#at += word.length;
    return value;
  }

  #badCharacter(at: number): IntegrityError {
    if (at >= this.#text.length) return this.#truncated('a string');
    this.#at = at;
    return this.#error('a string has a control character that is not escaped');
  }

  #badEscape(at: number): IntegrityError {
    if (/^\\(?:u[0-9a-fA-F]{0,3})?$/.test(this.#text.slice(at, at + 6)) && at + 6 > this.#text.length) {
      return this.#truncated('a string');
    }
    this.#at = at;
    return this.#error(`a string has the unknown escape ${JSON.stringify(this.#text.slice(at, at + 2))}`);
  }

  #truncated(inside: string): IntegrityError {
    this.#at = this.#text.length;
    return this.#error(`it ends inside ${inside}: it is cut off`);
  }

  #unexpected(wanted: string): IntegrityError {
    if (this.#at >= this.#text.length) {
      if (this.#text.trim() === '') return this.#error('it is empty');
      return this.#error(`it ends where ${wanted} should come: it is cut off`);
    }
    if (this.#text.trimStart().startsWith('<')) return this.#error('it looks like HTML or XML');
    if (this.#text.charCodeAt(this.#at) === 0xfeff) {
      return this.#error('it begins with a byte order mark, which JSON does not have');
    }
    const found = JSON.stringify(String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0));
    return this.#error(`expected ${wanted}, found ${found}`);
  }

  #error(problem: string, errorCode = 'MALFORMED_JSON'): IntegrityError {
    const before = this.#text.slice(0, this.#at);
    const line = before.split('\n').length;
    const column = this.#at - before.lastIndexOf('\n');
    return new IntegrityError(`${this.#what} is not valid JSON: ${problem} (line ${line}, column ${column})`, {
      code: errorCode,
    });
  }
}

function shorten(key: string): string {
  return key.length <= 80 ? key : `${key.slice(0, 77)}...`;
}
