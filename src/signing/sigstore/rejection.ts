/** A signature that is not good, and why. */
import { asError, IntegrityError, SheafError } from '../../foundation/errors.ts';

export function rejected(reason: string, cause?: unknown): IntegrityError {
  return new IntegrityError(reason, {
    code: 'SIGNATURE_REJECTED',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Whatever a check threw, as the reason for the rejection; errors of what is trusted, not of the signature, stay as they are. */
export function asRejection(thrown: unknown, what: string): SheafError {
  if (thrown instanceof SheafError && (!(thrown instanceof IntegrityError) || thrown.code === 'SIGNATURE_REJECTED')) {
    return thrown;
  }
  return rejected(`${what}: ${asError(thrown).message}`, thrown);
}
