/** Manifests (OCI Distribution Specification v1.1, "Pulling manifests", "Pushing Manifests", "Deleting Manifests"). */
import { IntegrityError, NotFoundError, SheafError, UnsupportedError } from '../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import { algorithmOf, type Digest, digestOf, isDigest } from '../oci/digest.ts';
import { MAX_MANIFEST_BYTES, rawManifest } from '../oci/manifest.ts';
import { isIndexType, isManifestType, isSchema1, mediaTypes, normalizeMediaType } from '../oci/media-types.ts';
import { type RootCondition, unexpectedRoot } from '../oci/root-condition.ts';
import { type Answer, headerOf } from './exchange.ts';
import type { Call } from './http.ts';
import type { Repository } from './registry-client.ts';
import { contentDigest, contentLength, named, type RepositoryContext, refuseHtml } from './repository-context.ts';
import { TryFailure } from './try-failure.ts';

/** Schema 1 is asked for too, so that what is left of it gets its own message and is not just "not found". */
const accept = [
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.dockerSchema1Signed,
  mediaTypes.dockerSchema1,
].join(', ');

type Manifests = Pick<Repository, 'getManifest' | 'headManifest' | 'putManifest' | 'deleteManifest'>;

export function createManifests(context: RepositoryContext): Manifests {
  const { http, grants } = context;
  const call = (method: Call['method'], verb: string, reference: string): Call => ({
    method,
    target: `${context.path}/manifests/${encodeURIComponent(reference).replaceAll('%3A', ':')}`,
    grant: grants.read,
    what: `${verb} the manifest ${named(context, reference)}`,
    headers: { accept },
  });

  async function getManifest(reference: string, options: { maxBytes?: number } = {}): Promise<RawManifest> {
    const request = { ...call('GET', 'read', reference), hideable: true };
    const maxBytes = options.maxBytes ?? MAX_MANIFEST_BYTES;
    return http.send(request, async (answer) => {
      const bytes = await http.read(answer, request.what, maxBytes, () => tooLarge(context, reference, maxBytes));
      refuseHtml(answer, bytes, request.what);
      return checked(context, reference, answer, bytes);
    });
  }

  async function headManifest(reference: string): Promise<Descriptor | undefined> {
    const request = { ...call('HEAD', 'look for', reference), accept: [404, 405, 501] };
    const found = await http.send(request, async (answer) => {
      await http.discard(answer);
      if (answer.status === 404) return 'absent';
      if (answer.status >= 400) return 'unclear';
      return descriptorFrom(context, reference, answer) ?? 'unclear';
    });
    if (found === 'absent') return undefined;
    if (found !== 'unclear') return found;
    try {
      const { bytes, mediaType, digest } = await getManifest(reference);
      return { mediaType, digest, size: bytes.byteLength };
    } catch (thrown) {
      if (thrown instanceof NotFoundError) return undefined;
      throw thrown;
    }
  }

  return {
    getManifest,
    headManifest,
    async putManifest(reference, manifest, onlyIf) {
      const request: Call = {
        ...call('PUT', 'write', reference),
        grant: grants.write,
        headers: { 'content-type': manifest.mediaType, ...(onlyIf && precondition(onlyIf)) },
        body: manifest.bytes,
        ...(onlyIf && { accept: [412] }),
      };
      const { refused, taken, subject } = await http.send(request, async (answer) => {
        await http.discard(answer);
        if (answer.status === 412) return { refused: true };
        const subjectText = headerOf(answer, 'oci-subject');
        return { taken: contentDigest(answer), subject: isDigest(subjectText) ? subjectText : undefined };
      });
      const here = named(context, reference);
      if (refused === true && onlyIf !== undefined) {
        const there = await headManifest(reference);
        // a try before this one may have done it, and its answer was lost
        if (there?.digest !== manifest.digest) throw unexpectedRoot(here, onlyIf, there?.digest);
      } else if (taken !== undefined) {
        const ours = digestOf(manifest.bytes, algorithmOf(taken));
        if (ours !== taken) throw changed(here, ours, taken);
      } else if (!isDigest(reference)) {
        // a registry that does not tell what it took is asked
        const there = await headManifest(reference);
        if (there === undefined || there.digest !== digestOf(manifest.bytes, algorithmOf(there.digest))) {
          throw changed(here, manifest.digest, there?.digest ?? 'nothing');
        }
      }
      return subject === undefined ? {} : { subject };
    },
    async deleteManifest(reference) {
      const request = { ...call('DELETE', 'delete', reference), grant: grants.remove, headers: {} };
      const budget = http.budget(request.what);
      for (let perhapsDone = false; ; ) {
        try {
          await http.discard(await http.attempt(request));
          return;
        } catch (thrown) {
          const status = thrown instanceof TryFailure ? thrown.options.status : undefined;
          if (perhapsDone && status === 404) return;
          // a connection that was cut may have been cut after the deed
          perhapsDone ||= thrown instanceof TryFailure && status === undefined;
          await budget.spend(thrown);
        }
      }
    },
  };
}

/** An entity tag of a manifest is its digest in quotes, where a registry has them. */
function precondition(onlyIf: RootCondition): Record<string, string> {
  return onlyIf === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${onlyIf}"` };
}

function checked(context: RepositoryContext, reference: string, answer: Answer, bytes: Uint8Array): RawManifest {
  const here = named(context, reference);
  const stated = contentDigest(answer);
  for (const wanted of [isDigest(reference) ? reference : undefined, stated]) {
    if (wanted === undefined) continue;
    const actual = digestOf(bytes, algorithmOf(wanted));
    if (actual !== wanted) throw mismatch(here, wanted, actual);
  }
  try {
    const manifest = rawManifest(bytes, headerOf(answer, 'content-type'));
    return isDigest(reference) ? { ...manifest, digest: reference } : manifest;
  } catch (thrown) {
    throw located(thrown, here);
  }
}

/** The same error, with the place in its message. */
function located(thrown: unknown, here: string): unknown {
  if (!(thrown instanceof SheafError)) return thrown;
  const message = `the manifest ${here} cannot be used: ${thrown.message}`;
  const hint = thrown.hint ?? 'Whoever made it must mend it: push it again with a tool that writes it right.';
  const options = { code: thrown.code, cause: thrown, hint };
  if (thrown instanceof IntegrityError) return new IntegrityError(message, options);
  if (thrown instanceof UnsupportedError) return new UnsupportedError(message, options);
  return thrown;
}

/** What a HEAD tells, if it tells all. */
function descriptorFrom(context: RepositoryContext, reference: string, answer: Answer): Descriptor | undefined {
  const mediaType = normalizeMediaType(headerOf(answer, 'content-type') ?? '');
  const size = contentLength(answer);
  const stated = contentDigest(answer);
  const digest: Digest | undefined = isDigest(reference) ? reference : stated;
  if (
    isDigest(reference) &&
    stated !== undefined &&
    algorithmOf(stated) === algorithmOf(reference) &&
    stated !== reference
  ) {
    throw mismatch(named(context, reference), reference, stated);
  }
  if (size === undefined || digest === undefined) return undefined;
  if (!isManifestType(mediaType) && !isIndexType(mediaType) && !isSchema1(mediaType)) return undefined;
  return { mediaType, digest, size };
}

function tooLarge(context: RepositoryContext, reference: string, maxBytes: number): IntegrityError {
  const limit = maxBytes % 1048576 === 0 ? `${maxBytes / 1048576} MiB` : `${maxBytes} bytes`;
  return new IntegrityError(`the manifest ${named(context, reference)} is larger than ${limit}`, {
    code: 'MANIFEST_TOO_LARGE',
    hint: 'No registry and no tool takes manifests of that size; check the name.',
  });
}

function mismatch(here: string, wanted: Digest, actual: Digest): IntegrityError {
  return new IntegrityError(
    `the registry gave other bytes for the manifest ${here}: they have the digest ${actual}, not ${wanted}`,
    {
      code: 'DIGEST_MISMATCH',
      hint: 'The registry, or something on the way to it, is damaged or lies; try again, or use another place.',
    },
  );
}

function changed(here: string, ours: Digest, theirs: string): IntegrityError {
  return new IntegrityError(`the registry changed the manifest ${here}: it was given ${ours} and holds ${theirs}`, {
    code: 'MANIFEST_CHANGED',
    hint: 'Perhaps somebody else pushed there at the same time; if not, this registry alters what it is given.',
  });
}
