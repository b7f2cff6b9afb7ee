/** What `--additional-tag` means: a tag, or (as with skopeo) a name with a tag. */
import { UsageError } from '../foundation/errors.ts';
import { formatReference, parseReference, type Reference, sameRepository } from '../oci/reference.ts';

/** `reference` is the location's own, where it has one. Throws UsageError INVALID_REFERENCE, INVALID_DESTINATION. */
export function taggedAs(reference: Reference | undefined, text: string, where: string): Reference {
  if (/[:/]/.test(text)) {
    const named = parseReference(text);
    if (named.tag !== undefined && named.digest === undefined) return named;
    throw new UsageError(`"${text}" has no tag to give to the image in ${where}`, {
      code: 'INVALID_DESTINATION',
      hint: 'Write TAG or NAME:TAG.',
    });
  }
  if (reference === undefined) {
    throw new UsageError(`the image in ${where} has no name that could have the tag ${text}`, {
      code: 'INVALID_DESTINATION',
      hint: 'Write docker-archive:FILE:NAME:TAG, or NAME:TAG in place of the tag.',
    });
  }
  return parseReference(`${reference.registry}/${reference.repository}:${text}`);
}

/** The tag alone, for places that hold one repository. Throws as {@link taggedAs}. */
export function tagWithin(reference: Reference, text: string): string {
  const where = formatReference(reference);
  const named = taggedAs(reference, text, where);
  if (sameRepository(named, reference) && named.tag !== undefined) return named.tag;
  throw new UsageError(`${text} is no tag of ${reference.registry}/${reference.repository}`, {
    code: 'INVALID_DESTINATION',
    hint: 'Give a tag alone, and copy to the other repository by itself: blobs are mounted there.',
  });
}
