/**
 * Lists of tags and of repositories, page by page.
 *
 * Source: OCI Distribution Specification v1.1, "Listing Tags"; `_catalog` is of the Docker Registry HTTP API V2.
 */
import { type Context, nameUnknown, nextLink, pageSize } from '../context.ts';
import { jsonReply, type RegistryRequest, type Reply } from '../protocol.ts';

export async function listTags(context: Context, request: RegistryRequest, name: string): Promise<Reply> {
  const { storage } = context;
  if (!(await storage.hasRepository(name))) return nameUnknown(name);
  return page(request, await storage.tags(name), (tags) => ({ name, tags }));
}

export async function listRepositories(context: Context, request: RegistryRequest): Promise<Reply> {
  return page(request, await context.storage.repositories(), (repositories) => ({ repositories }));
}

function page(request: RegistryRequest, all: string[], body: (page: string[]) => object): Reply {
  const { query, path } = request;
  const n = pageSize(query);
  if (typeof n === 'object') return n;
  const last = query.get('last');
  const rest = all.sort(lexical).filter((text) => last === null || lexical(text, last) > 0);
  const shown = rest.slice(0, n);
  const end = shown.at(-1);
  const more = end !== undefined && shown.length < rest.length;
  return jsonReply(200, body(shown), more ? nextLink(path, { n: `${n}`, last: end }) : {});
}

/** "Lexical order (i.e. case-insensitive alphanumeric order)"; byte order decides between `a` and `A`. */
function lexical(a: string, b: string): number {
  return compare(a.toLowerCase(), b.toLowerCase()) || compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
