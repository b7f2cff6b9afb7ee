/**
 * Repositories that their registry does not know yet: nothing is there, so that nobody need ask for every blob and manifest
 * that is to go there. Some registries call a repository unknown as long as it has no tag, although a push that was stopped has
 * left blobs; where a run of ours may have done so, all is asked for as ever.
 */
import type { Repository } from '../../distribution/registry-client.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Knowledge } from '../../store/knowledge.ts';

export interface NewRepository {
  /** Where our store is new, too, probably nothing is there: asks at once, and has `count` connections made for what follows. */
  expected(count: number): void;
  /** Whether a name that was asked for is there: if none is, it is worth a question whether anything is. */
  named(exists: boolean): void;
  /** Whether the repository was new when that was asked, as far as the registry and our own store know. */
  wasNew(): Promise<boolean>;
  /** Whether nothing of this digest can be there: there was nothing, and we have not written it. */
  lacks(digest: Digest): Promise<boolean>;
  /** To be waited for before something is written: the next run may find it. */
  writing(digest: Digest): Promise<void>;
}

export function createNewRepository(
  repository: Repository,
  { registry, repository: name }: Reference,
  knowledge: () => Knowledge,
): NewRepository {
  let answer: Promise<boolean> | undefined;
  let answered = true;
  /** Who waits for the answer will ask for a blob or send it, all at once then. */
  let waiting = 0;
  let noted: Promise<void> | undefined;
  const written = new Set<Digest>();
  const ask = async (): Promise<boolean> => {
    answered = false;
    try {
      return (await repository.isUnknown()) && !knowledge().hasWritten(registry, name);
    } finally {
      answered = true;
    }
  };
  const note = async (): Promise<void> => {
    // the answer first: it would take our own note for that of another run
    if (await answer) knowledge().rememberWriting(registry, name);
  };
  const begin = (): void => {
    answer ??= ask();
    // for whoever needs it
    answer.catch(() => {});
  };
  return {
    expected(count) {
      if (!knowledge().isNew()) return;
      repository.prepare(count);
      begin();
    },
    named(exists) {
      if (exists) answer = Promise.resolve(false);
      else begin();
    },
    wasNew: async () => answer ?? false,
    async lacks(digest) {
      if (!answered) {
        waiting += 1;
        repository.prepare(waiting);
      }
      return !written.has(digest) && ((await answer) ?? false);
    },
    async writing(digest) {
      written.add(digest);
      noted ??= note();
      await noted;
    },
  };
}
