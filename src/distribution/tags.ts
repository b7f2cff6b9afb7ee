/** The list of tags (OCI Distribution Specification v1.1, "Listing Tags"). */
import { CancelledError, NotFoundError, RegistryError } from '../foundation/errors.ts';
import { isJsonObject, parseJson } from '../oci/json.ts';
import type { Call } from './http.ts';
import { nextPage } from './link-header.ts';
import type { Repository } from './registry-client.ts';
import { type RepositoryContext, refuseHtml } from './repository-context.ts';
import { TryFailure } from './try-failure.ts';

/** Registries that do not know pages answer with everything at once. */
const maxPageBytes = 32 * 1024 * 1024;

export function createTags(context: RepositoryContext): Pick<Repository, 'tags' | 'isUnknown'> {
  const { http, grants, path, label } = context;
  const what = `list the tags of ${label}`;
  const bad = (why: string): RegistryError =>
    new RegistryError(`cannot ${what}: ${why}`, {
      code: 'BAD_LISTING',
      hint: 'The registry does not work as it should; ask the people who run it.',
    });
  return {
    async *tags(options = {}) {
      const asked = new Set<string>();
      let target: string | undefined =
        `${path}/tags/list${options.pageSize === undefined ? '' : `?n=${options.pageSize}`}`;
      while (target !== undefined) {
        if (asked.has(target)) throw bad('its pages go round in a circle');
        asked.add(target);
        const page: { tags: string[]; next: string | undefined } = await http.send(
          { method: 'GET', target, grant: grants.read, what, headers: { accept: 'application/json' }, hideable: true },
          async (answer) => {
            const bytes = await http.read(answer, what, maxPageBytes, () => bad('a page is larger than 32 MiB'));
            refuseHtml(answer, bytes, what);
            const document = parseJson(bytes, `the list of tags of ${label}`);
            const tags = isJsonObject(document) ? (document['tags'] ?? []) : undefined;
            if (!Array.isArray(tags)) throw bad('the answer is not a list of tags');
            return {
              tags: tags.filter((tag): tag is string => typeof tag === 'string'),
              next: nextPage(answer.headers['link'], answer.url),
            };
          },
        );
        yield* page.tags;
        target = page.next;
      }
    },
    async isUnknown() {
      const call: Call = { method: 'GET', target: `${path}/tags/list?n=1`, grant: grants.read, what };
      try {
        await http.discard(await http.attempt(call));
        return false;
      } catch (thrown) {
        if (thrown instanceof CancelledError) throw thrown;
        // it would only have saved questions: whatever else is wrong, the next request meets it too
        const failure = thrown instanceof TryFailure ? thrown.options.toError(1) : thrown;
        return failure instanceof NotFoundError && failure.code === 'NAME_UNKNOWN';
      }
    },
  };
}
