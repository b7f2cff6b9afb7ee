/**
 * What refers to a manifest (OCI Distribution Specification v1.1, "Listing Referrers", "Unavailable Referrers API").
 */
import { IntegrityError, NotFoundError, RegistryError } from '../foundation/errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, encodedOf } from '../oci/digest.ts';
import { parseIndex } from '../oci/image-index.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../oci/manifest.ts';
import { mediaTypes, normalizeMediaType } from '../oci/media-types.ts';
import { headerOf } from './exchange.ts';
import { nextPage } from './link-header.ts';
import type { Repository } from './registry-client.ts';
import { named, type RepositoryContext } from './repository-context.ts';

/** How registries without this API answer; 406 is Artifactory's. */
const absent = [404, 405, 406, 501];

interface Page {
  manifests: readonly Descriptor[];
  filtered: boolean;
  next: string | undefined;
}

export function createReferrers(
  context: RepositoryContext,
  getManifest: Repository['getManifest'],
): Pick<Repository, 'referrers'> {
  const { http, grants, path } = context;

  /** Whether it is known that the registry has no such API, and the first question about that. */
  let known = false;
  let asking: Promise<void> | undefined;

  async function page(target: string, what: string): Promise<Page | 'unsupported'> {
    const call = { method: 'GET', target, grant: grants.read, what, headers: { accept: mediaTypes.ociIndex } } as const;
    return http.send({ ...call, accept: absent }, async (answer) => {
      const type = normalizeMediaType(headerOf(answer, 'content-type') ?? '');
      if (answer.status >= 400 || type !== mediaTypes.ociIndex) {
        await http.discard(answer);
        // that this manifest is unknown is said in JSON: of another one there may be more to say
        known ||= answer.status >= 400 && !type.endsWith('json');
        return 'unsupported';
      }
      const tooLarge = (): RegistryError => bad(what, 'a page is larger than 4 MiB');
      const bytes = await http.read(answer, what, MAX_MANIFEST_BYTES, tooLarge);
      const { manifests } = parseIndex(rawManifest(bytes, mediaTypes.ociIndex));
      const applied = headerOf(answer, 'oci-filters-applied') ?? '';
      return {
        manifests,
        filtered: applied.split(',').some((filter) => filter.trim() === 'artifactType'),
        next: nextPage(answer.headers['link'], answer.url),
      };
    });
  }

  /** The list that clients keep under a tag where the registry keeps none. */
  async function fallback(digest: Digest): Promise<readonly Descriptor[]> {
    const tag = `${algorithmOf(digest).slice(0, 32)}-${encodedOf(digest).slice(0, 64)}`;
    try {
      const manifest = await getManifest(tag);
      // cosign gives every instance that it copies a tag of this form
      if (manifest.digest === digest) return [];
      if (manifest.mediaType === mediaTypes.ociIndex) return parseIndex(manifest).manifests;
      throw new IntegrityError(`${named(context, tag)} should list what refers to ${digest}, but is no OCI index`, {
        code: 'BAD_REFERRERS_TAG',
        hint: 'Some other image was given that tag; look at it with sheaf manifest inspect.',
      });
    } catch (thrown) {
      if (thrown instanceof NotFoundError) return [];
      throw thrown;
    }
  }

  /** Whoever comes second waits for what the first is told: a registry without the API need be asked for it once only. */
  async function firstPage(target: string, what: string): Promise<Page | 'unsupported'> {
    const before = asking;
    if (before === undefined) {
      const first = page(target, what);
      asking = first.then(
        () => {},
        () => {},
      );
      return first;
    }
    await before;
    return known ? 'unsupported' : page(target, what);
  }

  return {
    async referrers(digest, { artifactType, hasTags } = {}) {
      const what = `list what refers to ${named(context, digest)}`;
      const query = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`;
      const matches = (entry: Descriptor): boolean => artifactType === undefined || entry.artifactType === artifactType;
      const found: Descriptor[] = [];
      const asked = new Set<string>();
      let target: string | undefined = `${path}/referrers/${digest}${query}`;
      while (target !== undefined) {
        if (asked.has(target)) throw bad(what, 'its pages go round in a circle');
        asked.add(target);
        const result: Page | 'unsupported' = await (asked.size === 1 ? firstPage(target, what) : page(target, what));
        if (result === 'unsupported') {
          // in the middle of a listing it would be a hole
          if (asked.size > 1) throw bad(what, 'a later page is not there');
          if ((await hasTags?.()) === false) return [];
          return (await fallback(digest)).filter(matches);
        }
        found.push(...(result.filtered ? result.manifests : result.manifests.filter(matches)));
        target = result.next;
      }
      return found;
    },
  };
}

function bad(what: string, why: string): RegistryError {
  return new RegistryError(`cannot ${what}: ${why}`, {
    code: 'BAD_LISTING',
    hint: 'The registry does not work as it should; ask the people who run it.',
  });
}
