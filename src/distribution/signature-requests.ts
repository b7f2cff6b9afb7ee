/**
 * What else clients ask of a registry for signatures: the extension by which it keeps simple signatures itself, and files on
 * web servers beside it.
 *
 * Source: containers/image docs/signature-protocols.md ("X-Registry-Supports-Signatures"), openshift's registry.
 */
import { IntegrityError } from '../foundation/errors.ts';
import { headerOf } from './exchange.ts';
import type { Http } from './http.ts';
import type { Repository } from './registry-client.ts';
import { named, type RepositoryContext, refuseHtml } from './repository-context.ts';

/** As containers/image limits it. */
const maxBytes = 4 << 20;

/** Asked once a registry and run. */
const answers = new WeakMap<Http, Promise<boolean>>();

type SignatureRequests = Pick<Repository, 'keepsSignatures' | 'getSignatures' | 'putSignature' | 'getFile'>;

export function createSignatureRequests(context: RepositoryContext): SignatureRequests {
  const { http, grants, name } = context;

  const ask = (): Promise<boolean> =>
    http.send(
      { method: 'GET', target: '/v2/', grant: grants.read, what: `look at ${http.host}`, accept: [403, 404] },
      async (answer) => {
        await http.discard(answer);
        return answer.status < 400 && headerOf(answer, 'x-registry-supports-signatures') === '1';
      },
    );

  return {
    keepsSignatures() {
      const answer = answers.get(http) ?? ask();
      answers.set(http, answer);
      // what failed is asked again
      answer.catch(() => answers.delete(http));
      return answer;
    },
    getSignatures(digest) {
      const what = `read the signatures of ${named(context, digest)}`;
      const target = `/extensions/v2/${name}/signatures/${digest}`;
      return http.send({ method: 'GET', target, grant: grants.read, what }, async (answer) => {
        const bytes = await http.read(answer, what, maxBytes, () => tooLarge(what));
        refuseHtml(answer, bytes, what);
        return bytes;
      });
    },
    putSignature(digest, document) {
      const what = `write a signature of ${named(context, digest)}`;
      const target = `/extensions/v2/${name}/signatures/${digest}`;
      const headers = { 'content-type': 'application/json' };
      const call = { method: 'PUT', target, grant: grants.write, what, headers, body: document } as const;
      return http.send(call, (answer) => http.discard(answer));
    },
    getFile(url, limit) {
      const what = `read ${url.origin}${url.pathname}`;
      const call = { method: 'GET', target: url, grant: { repository: '', scopes: [] }, what, accept: [404] } as const;
      return http.send(call, async (answer) => {
        if (answer.status !== 404) return http.read(answer, what, limit, () => tooLarge(what));
        await http.discard(answer);
        return undefined;
      });
    },
  };
}

function tooLarge(what: string): IntegrityError {
  return new IntegrityError(`cannot ${what}: the answer is larger than 4 MiB`, {
    code: 'SIGNATURE_TOO_LARGE',
    hint: 'No signatures of an image are that large; check where they are kept.',
  });
}
