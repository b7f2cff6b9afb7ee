/** Whether a repository is there at all: where it is not, nothing is in it, and nobody need ask for each manifest. */

import { CancelledError, NotFoundError, SheafError } from '../foundation/errors.ts';
import type { Digest } from '../oci/digest.ts';
import type { SignatureRepository } from './signature-repository.ts';

export interface Absence {
  /**
   * Asked of the registry once. Only the answer that there is no such repository counts: a list of tags may leave out tags of
   * signatures, as some registries do, and one that cannot be had says nothing.
   */
  isAbsent(of: Digest): Promise<boolean>;
  /** Tells that something was put there beside this manifest, of which the answer knew nothing. */
  wrote(of: Digest): void;
  /**
   * Whether nobody else has begun to sign there since: asked anew, once for all who come before the answer. Where that cannot be
   * told, the answer is no.
   */
  isAlone(): Promise<boolean>;
  /** Tells of a tag that is about to be ours. */
  tagged(tag: string): void;
}

/** Tags beside a manifest: attachments, and indexes of referrers. */
const besideManifest = /^[a-z0-9+._-]+-[0-9a-f]{64,128}(?:\.[a-z]+)?$/;
/** Tags that are looked at; a repository that was not there a moment ago has no more. */
const [pageSize, maxTags] = [1_000, 5_000];

export function createAbsence(repository: SignatureRepository): Absence {
  let answer: Promise<boolean> | undefined;
  const written = new Set<Digest>();
  const own = new Set<string>();
  let asking: Promise<boolean> | undefined;
  return {
    async isAbsent(of) {
      if (written.has(of)) return false;
      answer ??= ask(repository);
      return answer;
    },
    wrote(of) {
      written.add(of);
    },
    isAlone() {
      asking ??= hasNoStrangers(repository, own).finally(() => {
        asking = undefined;
      });
      return asking;
    },
    tagged(tag) {
      own.add(tag);
    },
  };
}

async function hasNoStrangers(repository: SignatureRepository, own: ReadonlySet<string>): Promise<boolean> {
  let seen = 0;
  try {
    for await (const tag of repository.tags({ pageSize })) {
      seen += 1;
      if (seen > maxTags || (besideManifest.test(tag) && !own.has(tag))) return false;
    }
    return true;
  } catch (thrown) {
    if (thrown instanceof CancelledError || !(thrown instanceof SheafError)) throw thrown;
    return thrown instanceof NotFoundError && thrown.code === 'NAME_UNKNOWN';
  }
}

async function ask(repository: SignatureRepository): Promise<boolean> {
  try {
    await repository.tags({ pageSize: 1 })[Symbol.asyncIterator]().next();
    return false;
  } catch (thrown) {
    // whoever reads meets the same failure, or gets an answer
    if (thrown instanceof SheafError) return thrown instanceof NotFoundError && thrown.code === 'NAME_UNKNOWN';
    throw thrown;
  }
}
