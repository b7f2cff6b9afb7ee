/**
 * Repositories that their registry does not know yet: nothing is there, so that nobody need ask for every blob and manifest
 * that is to go there. Some registries call a repository unknown as long as it has no tag, although a push that was stopped has
 * left blobs; where a run of ours may have done so, all is asked for as ever.
 */
import type { Repository } from '../../distribution/registry-client.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Knowledge } from '../../store/knowledge.ts';

export interface NewRepository {
  /** The name that was asked for is not there: it is worth a question whether anything is. */
  mayBeNew(): void;
  /** Whether the repository is new, as far as the registry and our own store know. */
  isNew(): Promise<boolean>;
  /** To be told before something is written: the next run may find blobs of this one. */
  writing(): void;
}

export function createNewRepository(
  repository: Repository,
  { registry, repository: name }: Reference,
  knowledge: () => Knowledge,
): NewRepository {
  let answer: Promise<boolean> | undefined;
  let told = false;
  const ask = async (): Promise<boolean> => (await repository.isUnknown()) && !knowledge().hasWritten(registry, name);
  return {
    mayBeNew() {
      answer ??= ask();
      // for whoever needs it
      answer.catch(() => {});
    },
    isNew: async () => answer ?? false,
    writing() {
      if (told) return;
      told = true;
      knowledge().rememberWriting(registry, name);
    },
  };
}
