/** Words for what a conversion cannot carry over. Shared by the conversions of indexes and of manifests. */
import type { FieldSet } from './document-fields.ts';
import type { UnknownMembers } from './json-value.ts';

/** Takes note of things that have no place in the other format. */
export type Lose = (...things: readonly string[]) => void;

/** Notes go to `losses`, as `holder: no place in a Docker manifest for the annotation "x"`. */
export function loseInto(losses: string[], holder: () => string, format: string): Lose {
  return (...things) => {
    for (const what of things) losses.push(`${holder()}: no place in ${format} for ${what}`);
  };
}

/** `the annotation "a"`, `the annotations "a", "b"`. */
export function named(noun: string, names: readonly string[]): string {
  return `the ${noun}${names.length === 1 ? '' : 's'} ${names.map((name) => JSON.stringify(name)).join(', ')}`;
}

/** Without the members that would come to stand where the other format has a member of its own of that name. */
export function keepUnknown(
  unknown: UnknownMembers | undefined,
  known: FieldSet,
  lose: Lose,
): { unknown?: UnknownMembers } {
  if (unknown === undefined) return {};
  const clashing = Object.keys(unknown).filter((name) => known.has(name));
  if (clashing.length === 0) return { unknown };
  lose(`${named('member', clashing)} of the other format`);
  const kept = Object.entries(unknown).filter(([name]) => !known.has(name));
  return kept.length === 0 ? {} : { unknown: Object.fromEntries(kept) };
}

/** The keys of an object that may be missing; none where it is. */
export function keysOf(members: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(members ?? {});
}
