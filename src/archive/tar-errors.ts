/** What can be wrong with an archive as a whole. Layers have words of their own, see `tar-header.ts`. */
import { IntegrityError } from '../foundation/errors.ts';

const hint = 'The archive is damaged or was made by a faulty program; make or fetch it again.';

/** `what` ends the sentence "the archive ..." */
export function damaged(what: string, offset: number, cause?: unknown): IntegrityError {
  return new IntegrityError(`the tar archive is unreadable at byte ${offset}: ${what}`, {
    code: 'UNREADABLE_TAR',
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

export function unsafe(what: string, offset: number): IntegrityError {
  return new IntegrityError(`the tar archive has ${what}, at byte ${offset}`, {
    code: 'UNSAFE_TAR_ENTRY',
    hint: 'Do not trust the archive: no program makes such names by accident.',
  });
}

export function tooMuch(what: string, offset: number): IntegrityError {
  return new IntegrityError(`the tar archive has ${what}, at byte ${offset}`, {
    code: 'TAR_TOO_LARGE',
    hint: 'Do not trust it unless you know why; SHEAF_ARCHIVE_ENTRIES says how many entries an archive may have.',
  });
}
