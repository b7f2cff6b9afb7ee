/**
 * The members of a JSON object as text, compacted but not read: numbers keep their digits, members of members their order.
 * That is what Go's `json.RawMessage` does on its way through `json.Marshal`.
 */
import { IntegrityError } from '../../foundation/errors.ts';
import { isJsonObject, parseJson } from '../../oci/json.ts';

/** What Go escapes in texts. */
const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs;

/** `what` names the document. Throws IntegrityError MALFORMED_CONFIG where it is no object, and as `parseJson` does. */
export function rawMembers(bytes: Uint8Array, what: string): ReadonlyMap<string, string> {
  if (!isJsonObject(parseJson(bytes, what))) {
    throw new IntegrityError(`${what} is no JSON object`, { code: 'MALFORMED_CONFIG' });
  }
  const members = new Map<string, string>();
  let depth = 0;
  let key: string | undefined;
  let value = '';
  for (const [found] of new TextDecoder().decode(bytes).matchAll(token)) {
    if (found === '}' || found === ']') depth -= 1;
    const endsMember = (found === ',' && depth === 1) || (found === '}' && depth === 0);
    if (endsMember) {
      if (key !== undefined) members.set(key, value);
      key = undefined;
      value = '';
    } else if (depth === 1 && key === undefined && found.startsWith('"')) {
      key = JSON.parse(found) as string;
    } else if (depth > 0 && !(depth === 1 && found === ':' && value === '')) {
      value += found.startsWith('"') ? found.replace(/[<>&\u2028\u2029]/g, (char) => escapes[char] ?? char) : found;
    }
    if (found === '{' || found === '[') depth += 1;
  }
  return members;
}
