/** TLS settings from a folder of certificates, in the form that docker and podman keep below `certs.d`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { asError, systemCode, UsageError } from '../foundation/errors.ts';

export interface Certificates {
  /** For the registry itself: its authorities and our client certificates. */
  own: SecureContext;
  /** For other hosts that the registry names: its authorities only. */
  other: SecureContext;
  hasClientCertificate: boolean;
}

/**
 * Reads `*.crt` (authorities, trusted beside `trusted`, or those of Node.js without it) and pairs `X.cert`, `X.key` (client
 * certificates). Throws UsageError CERT_DIR when the folder cannot be read, a half of a pair is missing or a file holds no
 * certificate.
 */
export function readCertificates(directory: string, trusted?: readonly string[]): Certificates {
  const authorities: string[] = [];
  const pairs: Array<{ cert: string; key: string }> = [];
  const names = new Set(guarded(directory, () => readdirSync(directory)));
  const text = (name: string): string => guarded(directory, () => readFileSync(join(directory, name), 'utf8'));
  for (const name of [...names].sort()) {
    if (name.endsWith('.crt')) authorities.push(text(name));
    else if (name.endsWith('.cert')) {
      const key = `${name.slice(0, -'.cert'.length)}.key`;
      if (!names.has(key)) throw incomplete(directory, name, key);
      pairs.push({ cert: text(name), key: text(key) });
    } else if (name.endsWith('.key')) {
      const cert = `${name.slice(0, -'.key'.length)}.cert`;
      if (!names.has(cert)) throw incomplete(directory, name, cert);
    }
  }
  const ca =
    authorities.length === 0 ? trusted && [...trusted] : [...(trusted ?? getCACertificates('default')), ...authorities];
  return guarded(directory, () => {
    const other = createSecureContext({ ...(ca && { ca }) });
    const own =
      pairs.length === 0
        ? other
        : createSecureContext({
            ...(ca && { ca }),
            cert: pairs.map((pair) => pair.cert),
            key: pairs.map((pair) => pair.key),
          });
    return { own, other, hasClientCertificate: pairs.length > 0 };
  });
}

/** With nothing but `trusted`. */
export function certificatesOf(trusted: readonly string[]): Certificates {
  const context = createSecureContext({ ca: [...trusted] });
  return { own: context, other: context, hasClientCertificate: false };
}

/** Whether a handshake failed because nobody who is trusted has signed the certificate. */
export function isUnknownIssuer(thrown: unknown): boolean {
  return unknownIssuer.has(systemCode(thrown) ?? '');
}

const unknownIssuer: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function guarded<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(`the certificates in ${directory} cannot be used: ${asError(thrown).message}`, {
      code: 'CERT_DIR',
      cause: thrown,
      hint: 'It needs PEM files: *.crt for authorities, X.cert with X.key for a client certificate.',
    });
  }
}

function incomplete(directory: string, name: string, missing: string): UsageError {
  return new UsageError(`${join(directory, name)} has no ${missing} beside it`, {
    code: 'CERT_DIR',
    hint: 'A client certificate is a pair of files: X.cert and X.key.',
  });
}
