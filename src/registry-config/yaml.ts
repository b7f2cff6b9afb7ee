/**
 * The YAML parser. It is CommonJS, of which an `import()` in the build has no named exports; this module has, and is what is
 * imported when it is needed.
 */
import { parseAllDocuments } from 'yaml';

export { parse as parseYaml } from 'yaml';

/**
 * The first document of a text, with merge keys (`<<`), as Go's parser gives it: what stands behind it is not looked at. `null` for an
 * empty one. Throws what the parser throws.
 */
export function parseFirstYaml(text: string): unknown {
  const [first] = parseAllDocuments(text, { merge: true });
  if (first === undefined) return null;
  const [error] = first.errors;
  if (error !== undefined) throw error;
  return first.toJS();
}
