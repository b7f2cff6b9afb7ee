/** Whether a repository is there at all: where it is not, nothing is in it, and nobody need ask for each manifest. */

import { NotFoundError, SheafError } from '../foundation/errors.ts';
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
}

export function createAbsence(repository: SignatureRepository): Absence {
  let answer: Promise<boolean> | undefined;
  const written = new Set<Digest>();
  return {
    async isAbsent(of) {
      if (written.has(of)) return false;
      answer ??= ask(repository);
      return answer;
    },
    wrote(of) {
      written.add(of);
    },
  };
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
