/**
 * How lists are called: as podman and buildah show it, so that a name means the same list in scripts that move over.
 */
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts';

/**
 * A name in full: `foo` is `localhost/foo:latest`, `docker.io/foo` is `docker.io/library/foo:latest`.
 * Throws UsageError INVALID_REFERENCE.
 */
export function fullName(text: string): string {
  if (hasRegistry(text)) return format(text);
  // so that an error speaks of what was typed
  parseReference(text);
  return format(`localhost/${text}`);
}

/** The full names that `text` may stand for, best first; none when it cannot be a name at all. */
export function possibleNames(text: string): string[] {
  try {
    return hasRegistry(text) ? [format(text)] : [fullName(text), format(text)];
  } catch {
    return [];
  }
}

const format = (text: string): string => formatReference(withDefaultTag(parseReference(text)));

/** Whether the first part of a name is a registry (distribution/reference, `splitDockerDomain`). */
function hasRegistry(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const first = text.slice(0, slash);
  return first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase();
}

/** The names among `names` that `text` may have been meant to be, nearest first: at most three. */
export function similarNames(text: string, names: readonly string[]): string[] {
  const short = (name: string): string => name.replace(/^localhost\//, '').replace(/:latest$/, '');
  const wanted = short(text);
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  return names
    .map((name) => ({ name, distance: distanceOf(wanted, short(name)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein's distance. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      const replace = (row[j] ?? 0) + (left === right ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
