/** What a list may not be called: what would not mean that list where it is used. */
import { UsageError } from '../foundation/errors.ts';
import { redactName } from '../foundation/redaction.ts';
import { isDigest } from '../oci/digest.ts';
import { isReference } from '../oci/reference.ts';
import { transportOf } from '../transports/image-names.ts';

/** Throws UsageError INVALID_REFERENCE for what names an image in another place, or the ID of a list. */
export function checkNewListName(name: string): void {
  const transport = transportOf(name);
  // what has "://" is no name in any place, and is refused as such; `docker:27` is a name wherever it is used
  if (transport !== undefined && transport !== 'docker' && !name.startsWith(`${transport}://`)) {
    const local = `localhost/${name}`;
    throw refused(
      `${redactName(name)}": that names an image of the transport ${transport}:`,
      isReference(local) ? `Choose another name, or write ${local}.` : usualHint,
    );
  }
  if (isDigest(name)) throw refused(`${name}": that is a digest`, usualHint);
}

const usualHint = 'Give a name, as app:1.0 or quay.io/me/app:1.0.';

function refused(why: string, hint: string): UsageError {
  return new UsageError(`a list cannot be called "${why}`, { code: 'INVALID_REFERENCE', hint });
}
