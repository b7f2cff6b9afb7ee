/** The shape of parsed JSON. */

/**
 * A parsed JSON value. Objects are plain objects whose own keys are data (`__proto__` included: go through `Object.keys` and
 * `Object.hasOwn`). Keys keep their order, except that JavaScript puts keys that are array indexes (`"0"`, `"12"`) first.
 */
export type JsonValue = null | boolean | number | string | ExactNumber | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Members of an object that sheaf has no field for, in their order. */
export type UnknownMembers = JsonObject;

/**
 * A number whose text would change on the way through a JavaScript number (`12345678901234567890`, `1.0`, `1e400`): the text
 * is kept. `JSON.stringify` writes it as it was, too.
 */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    return rawJson(this.text);
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

// ECMAScript "JSON.parse source text access": in Node 22 and later, not yet in the types
const rawJson: (text: string) => unknown =
  'rawJSON' in JSON && typeof JSON.rawJSON === 'function' ? (JSON.rawJSON as (text: string) => unknown) : Number;
