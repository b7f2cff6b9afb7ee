/** The members of an index that go along, those of nested indexes too, each with its config. */
import type { RawManifest } from '../oci/descriptor.ts';
import { parseIndex } from '../oci/image-index.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { ImageOfList } from '../transports/transport.ts';
import { parsed } from '../transports/verified-source.ts';
import type { CopyRequest } from './copy-request.ts';
import { isDraft } from './draft.ts';
import type { PlannedManifest } from './planned-manifest.ts';
import { type InstanceSelection, selectInstances } from './select-instances.ts';

/** `planned`: everything below `index`, which has been planned. In the order of the indexes. */
export async function imagesOfList(
  request: CopyRequest,
  index: RawManifest,
  planned: readonly PlannedManifest[],
  select: InstanceSelection = request.select,
): Promise<ImageOfList[]> {
  const { source } = request;
  const entries = selectInstances(
    parsed(source, () => parseIndex(index)),
    select,
    request.host,
  );
  const found: ImageOfList[] = [];
  for (const entry of entries) {
    const one = planned.find(({ from }) => from === entry.digest);
    if (one === undefined) continue;
    const { document } = one;
    if (isIndexType(document.mediaType)) {
      found.push(...(await imagesOfList(request, await source.getManifest(entry.digest), planned, 'all')));
    } else if (!isDraft(document)) {
      found.push({ entry, config: parseImageManifest(document).config });
    } else if (document.draft === 'image') {
      found.push({ entry, config: document.manifest.config });
    }
  }
  return found;
}
