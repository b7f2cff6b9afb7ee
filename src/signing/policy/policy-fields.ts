/** Pieces of the parser of policies. What they throw is told with the path of the file by who calls them. */
import { IntegrityError } from '../../foundation/errors.ts';
import { isJsonObject, type JsonValue } from '../../oci/json.ts';
import type { JsonObject } from '../../oci/json-value.ts';
import type { KeySource } from './policy.ts';

export function problem(why: string): IntegrityError {
  return new IntegrityError(why, { code: 'POLICY_INVALID' });
}

/** An object that has these members at most. */
export function exactFields(value: JsonValue | undefined, known: readonly string[], what: string): JsonObject {
  if (!isJsonObject(value)) throw problem(`${what} is no object`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) throw problem(`${what} has the unknown key "${unknown}"`);
  return value;
}

export function textOf(object: JsonObject, key: string, what: string): string | undefined {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw problem(`${what}.${key} is no text`);
}

export function requiredText(object: JsonObject, key: string, what: string): string {
  const text = textOf(object, key, what);
  if (text === undefined || text === '') throw problem(`${what}.${key} is missing`);
  return text;
}

/** The one member that is there; throws where there are several. */
export function choose<K extends string>(members: Readonly<Record<K, unknown>>, what: string): K | undefined {
  const given = (Object.keys(members) as K[]).filter((key) => members[key] !== undefined);
  if (given.length > 1) throw problem(`${what}: only one of ${given.join(', ')} may be given`);
  return given[0];
}

/** Names of the members that hold a file, files, bytes in base64, several of them. */
interface SourceNames {
  readonly path: string;
  readonly paths?: string;
  readonly data: string;
  readonly datas?: string;
}

/** Never empty; `undefined` where none of the members is there. */
export function sourcesOf(object: JsonObject, names: SourceNames, what: string): readonly KeySource[] | undefined {
  const all = Object.values(names) as string[];
  const which = choose(Object.fromEntries(all.map((name) => [name, object[name]])), what);
  if (which === undefined) return undefined;
  if (which === names.path) return [{ path: requiredText(object, which, what) }];
  if (which === names.data) return [{ data: bytes(object[which], `${what}.${which}`) }];
  const values = object[which];
  if (!Array.isArray(values) || values.length === 0) throw problem(`${what}.${which} must be a list of at least one`);
  return values.map((value: JsonValue): KeySource => {
    if (which === names.datas) return { data: bytes(value, `${what}.${which}`) };
    if (typeof value !== 'string' || value === '') throw problem(`${what}.${which} has an entry that is no path`);
    return { path: value };
  });
}

export function sourceOf(object: JsonObject, names: SourceNames, what: string): KeySource | undefined {
  return sourcesOf(object, names, what)?.[0];
}

/** Line breaks, and no other white space, may stand anywhere in it, as in whatever Go decodes. */
function bytes(value: JsonValue | undefined, what: string): Uint8Array {
  const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  const base64 = typeof value === 'string' ? value.replaceAll(/[\r\n]/g, '') : '';
  if (base64 === '' || !form.test(base64)) throw problem(`${what} is not base64`);
  return Buffer.from(base64, 'base64');
}
