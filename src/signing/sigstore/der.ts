/** DER of certificates. All functions throw IntegrityError SIGNATURE_REJECTED where it is malformed. */
import { type DerValue, derValues, objectIdentifierText } from '../../foundation/der.ts';
import { rejected } from './rejection.ts';

/** The values that stand one behind the other in `bytes`. */
export function readDer(bytes: Uint8Array): DerValue[] {
  return wellFormed(() => derValues(bytes));
}

/** The values in the only value of `bytes`, which is to be of this tag. */
export function readConstructed(bytes: Uint8Array, tag: number): DerValue[] {
  const [value, ...more] = readDer(bytes);
  if (value === undefined || more.length > 0 || value.tag !== tag) throw rejected('a certificate is malformed');
  return readDer(value.content);
}

/** `1.3.6.1.4.1.57264.1.1` */
export function oidText(content: Uint8Array): string {
  return wellFormed(() => objectIdentifierText(content));
}

function wellFormed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw rejected('a certificate is malformed', cause);
  }
}
