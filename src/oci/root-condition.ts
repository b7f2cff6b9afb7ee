/**
 * Compare and swap of a name: what a place names is to change only if it still names what somebody has seen there, so that two
 * who push at the same time do not undo each other's work unawares.
 */
import { ConflictError, UsageError } from '../foundation/errors.ts';
import { type Digest, digestForm, isDigest } from './digest.ts';

/** What a place must name before it is written to: this, or nothing at all. */
export type RootCondition = Digest | 'absent';

/** Throws UsageError INVALID_DIGEST. */
export function parseRootCondition(text: string): RootCondition {
  if (text === 'absent' || isDigest(text)) return text;
  throw new UsageError(`"${text}" is neither a digest nor "absent"`, {
    code: 'INVALID_DIGEST',
    hint: `Give ${digestForm}; or absent, where nothing may be named yet.`,
  });
}

/**
 * Throws ConflictError UNEXPECTED_DIGEST unless `condition` holds where `place` names `current` (undefined: nothing), or that is `wanted`,
 * which it is to name: somebody was faster, or this is another try.
 */
export function requireRoot(
  place: string,
  condition: RootCondition,
  { current, wanted }: { current: Digest | undefined; wanted: Digest | undefined },
): void {
  if (condition === (current ?? 'absent')) return;
  if (current === undefined || current !== wanted) throw unexpectedRoot(place, condition, current);
}

/** ConflictError UNEXPECTED_DIGEST for `place`, which names `current`. */
export function unexpectedRoot(place: string, condition: RootCondition, current: Digest | undefined): ConflictError {
  const wanted = condition === 'absent' ? 'nothing' : condition;
  return new ConflictError(`${place} names ${current ?? 'nothing'}, and not ${wanted} as was expected`, {
    code: 'UNEXPECTED_DIGEST',
    side: 'destination',
    hint:
      current === undefined
        ? 'Somebody else may have removed it, or it is another name that was meant. If it may be made anew, say so with --expect-digest absent.'
        : 'Somebody else may have pushed there. Look at what it names now; if that may be replaced, say so with --expect-digest and its digest.',
  });
}
