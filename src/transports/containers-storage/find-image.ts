/** Which image of a storage a name means. */
import { NotFoundError, UsageError } from '../../foundation/errors.ts';
import { formatReference, parseReference, type Reference, sameRepository } from '../../oci/reference.ts';
import type { StoragePlace } from './place.ts';
import type { ImageRecord } from './records.ts';
import type { Storage } from './storage.ts';

/** Throws NotFoundError IMAGE_NOT_FOUND, UsageError AMBIGUOUS_IMAGE. `text` is the whole name, for messages. */
export function findImage({ images, spec }: Storage, place: StoragePlace, text: string): ImageRecord {
  const { id, digest, reference, maybeId } = place;
  const found =
    (maybeId === undefined ? undefined : byId(images, maybeId, text)) ??
    (id === undefined ? undefined : byId(images, id, text)) ??
    (digest === undefined ? undefined : images.find((image) => [...image.data.values()].includes(digest))) ??
    (id === undefined && reference !== undefined ? byName(images, reference) : undefined);
  if (found !== undefined) return found;
  throw new NotFoundError(
    `there is no image ${text.slice(text.indexOf(']') + 1)} in the local storage ${spec.graphRoot}`,
    {
      code: 'IMAGE_NOT_FOUND',
      hint: hintFor(images, reference),
    },
  );
}

function byId(images: readonly ImageRecord[], start: string, text: string): ImageRecord | undefined {
  const [found, other] = images.filter((image) => image.id.startsWith(start));
  if (found !== undefined && other !== undefined && found.id !== other.id) {
    throw new UsageError(`more than one image has an ID that begins as in ${text}`, {
      code: 'AMBIGUOUS_IMAGE',
      hint: `Give more digits: ${found.id} or ${other.id}.`,
    });
  }
  return found;
}

function byName(images: readonly ImageRecord[], reference: Reference): ImageRecord | undefined {
  const { digest } = reference;
  if (digest !== undefined) {
    return images.find(
      (image) =>
        [...image.data.values()].includes(digest) &&
        image.names.some((name) => sameRepository(parseReference(name), reference)),
    );
  }
  return namesOf(reference)
    .map((name) => images.find((image) => image.names.includes(name)))
    .find((image) => image !== undefined);
}

/** What was built here with a short name is called `localhost/NAME`. */
function namesOf(reference: Reference): string[] {
  const full = formatReference(reference);
  const short = /^docker\.io\/library\/(.*)$/.exec(full)?.[1];
  return short === undefined ? [full] : [full, `localhost/${short}`];
}

function hintFor(images: readonly ImageRecord[], reference: Reference | undefined): string {
  const last = reference?.repository.split('/').at(-1);
  const alike = images.flatMap(({ names }) => names).filter((name) => last !== undefined && name.includes(last));
  if (alike.length > 0) return `It has ${alike.slice(0, 5).join(', ')}.`;
  return images.length === 0 ? 'It is empty.' : '`podman images` lists what is there.';
}
