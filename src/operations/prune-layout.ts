/** Collects the garbage of an image layout: blobs that nothing in it leads to. */
import { UsageError } from '../foundation/errors.ts';
import type { Session } from '../foundation/session.ts';
import { parseFolderPlace } from '../transports/oci/location.ts';
import { type PrunedLayout, type PruneRequest, pruneLayout } from '../transports/oci/prune.ts';

export type { PrunedLayout } from '../transports/oci/prune.ts';

/** `layout`: `oci:FOLDER`. Throws UsageError NOT_A_WHOLE_LAYOUT, and what {@link pruneLayout} throws. */
export async function pruneLayoutAt(
  session: Session,
  layout: string,
  options: Omit<PruneRequest, 'folder'>,
): Promise<PrunedLayout & { readonly folder: string }> {
  const place = layout.startsWith('oci:') ? parseFolderPlace(layout.slice('oci:'.length)) : undefined;
  const { path: folder, ...rest } = place ?? { path: '' };
  if (folder === '' || Object.keys(rest).length > 0) {
    throw new UsageError(`"${layout}" is not the name of a whole image layout`, {
      code: 'NOT_A_WHOLE_LAYOUT',
      hint: 'Write oci:FOLDER: garbage is collected in layouts as a whole, and never in folders of blobs that several share.',
    });
  }
  return { folder, ...(await pruneLayout(session, { folder, ...options })) };
}
