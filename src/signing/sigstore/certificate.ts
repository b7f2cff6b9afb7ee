/**
 * Certificates that vouch for signers: whom they name, and whether an authority stands behind them.
 *
 * Source: RFC 5280; Fulcio docs/oid-info.md (extensions 1.3.6.1.4.1.57264.1); the checks of Go's crypto/x509, which
 * containers/image relies on.
 */
import { X509Certificate } from 'node:crypto';
import { type DerValue, derTag } from '../../foundation/der.ts';
import { UsageError } from '../../foundation/errors.ts';
import { oidText, readConstructed, readDer } from './der.ts';
import { parsePem } from './pem.ts';
import { rejected } from './rejection.ts';

const oids = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  extendedKeyUsage: '2.5.29.37',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  anyUsage: '2.5.29.37.0',
  /** The address of the identity provider: once as bare bytes, in newer certificates as UTF8String. */
  issuerBare: '1.3.6.1.4.1.57264.1.1',
  issuer: '1.3.6.1.4.1.57264.1.8',
  /** A name of no other form that Fulcio gives to user names. */
  otherName: '1.3.6.1.4.1.57264.1.7',
} as const;

const understood: ReadonlySet<string> = new Set([
  oids.keyUsage,
  oids.subjectAltName,
  oids.basicConstraints,
  oids.extendedKeyUsage,
]);

/** Certificates of one text, and of one path from a signer to a root. */
const [maxCertificates, maxPath] = [32, 8];

interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface Certificate {
  readonly x509: X509Certificate;
  readonly extensions: ReadonlyMap<string, Extension>;
}

/** The names that a certificate is for. */
export interface CertificateNames {
  readonly emails: readonly string[];
  readonly hosts: readonly string[];
  /** Of any form that sigstore knows: mail addresses, URIs, other names. */
  readonly identities: readonly string[];
}

/** Throws IntegrityError SIGNATURE_REJECTED. */
export function parseCertificate(der: Uint8Array): Certificate {
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(Buffer.from(der));
  } catch (cause) {
    throw rejected('a certificate is malformed', cause);
  }
  return { x509, extensions: extensionsOf(x509.raw) };
}

/** All certificates of a PEM text, and nothing else. Throws IntegrityError SIGNATURE_REJECTED. */
export function parseCertificates(pem: Uint8Array, what: string): Certificate[] {
  const blocks = blocksOf(pem, what);
  if (blocks.length > maxCertificates) throw rejected(`${what} has more than ${maxCertificates} certificates`);
  return blocks.map(({ type, bytes }) => {
    if (type !== 'CERTIFICATE') throw rejected(`${what} has a "${type}" in it`);
    return parseCertificate(bytes);
  });
}

function blocksOf(pem: Uint8Array, what: string): ReturnType<typeof parsePem> {
  try {
    return parsePem(pem, what);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw rejected(cause.message, cause);
  }
}

/** Certificates that a person trusts. Throws UsageError BAD_CERTIFICATE. */
export function parseTrusted(pem: Uint8Array, what: string): Certificate[] {
  try {
    return parseCertificates(pem, what);
  } catch (cause) {
    throw new UsageError(`cannot read ${what}: it is not a text of certificates in PEM`, {
      code: 'BAD_CERTIFICATE',
      hint: 'Give a file of blocks that begin with "-----BEGIN CERTIFICATE-----".',
      cause,
    });
  }
}

function extensionsOf(der: Uint8Array): Map<string, Extension> {
  const [body] = readConstructed(der, derTag.sequence);
  const found = new Map<string, Extension>();
  const holder = readDer(body?.content ?? new Uint8Array()).find(({ tag }) => tag === 0xa3);
  if (holder === undefined) return found;
  for (const { content } of readConstructed(holder.content, derTag.sequence)) {
    const [id, ...rest] = readDer(content);
    const value = rest.at(-1);
    if (id?.tag !== derTag.objectIdentifier || value?.tag !== derTag.octetString)
      throw rejected('a certificate is malformed');
    const name = oidText(id.content);
    if (found.has(name)) throw rejected(`a certificate has the extension ${name} twice`);
    const critical = rest.length > 1 && rest[0]?.tag === derTag.boolean && rest[0].content[0] !== 0;
    found.set(name, { critical, value: value.content });
  }
  return found;
}

const nameTags = { other: 0xa0, email: 0x81, host: 0x82, uri: 0x86 } as const;

/** Throws IntegrityError SIGNATURE_REJECTED. */
export function namesOf({ extensions }: Certificate): CertificateNames {
  const value = extensions.get(oids.subjectAltName)?.value;
  const names = value === undefined ? [] : readConstructed(value, derTag.sequence);
  const those = (tag: number): string[] =>
    names.filter((name) => name.tag === tag).map(({ content }) => textOf(content));
  const [emails, hosts] = [those(nameTags.email), those(nameTags.host)];
  const others = names.filter(({ tag }) => tag === nameTags.other).flatMap(otherName);
  return { emails, hosts, identities: [...emails, ...those(nameTags.uri), ...others] };
}

function otherName({ content }: DerValue): string[] {
  const [id, holder] = readDer(content);
  if (id === undefined || holder === undefined || oidText(id.content) !== oids.otherName) return [];
  return readDer(holder.content).flatMap(({ tag, content: text }) => (tag === derTag.utf8String ? textOf(text) : []));
}

/** Bytes that are no text, or hold a NUL by which a reader may be made to stop, name nobody. */
function textOf(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw rejected('a name in the certificate is no text', cause);
  }
  if (text.includes('\0')) throw rejected('a name in the certificate has a NUL in it');
  return text;
}

/** Who told Fulcio the identity. Throws IntegrityError SIGNATURE_REJECTED where it is not said, or said in two ways. */
export function oidcIssuerOf({ extensions }: Certificate): string {
  const bare = extensions.get(oids.issuerBare);
  const wrapped = extensions.get(oids.issuer);
  const texts = new Set<string>();
  if (bare !== undefined) texts.add(textOf(bare.value));
  if (wrapped !== undefined) {
    const [value, ...more] = readDer(wrapped.value);
    if (value?.tag !== derTag.utf8String || more.length > 0) throw rejected('a certificate is malformed');
    texts.add(textOf(value.content));
  }
  const [issuer, ...others] = texts;
  if (issuer === undefined) throw rejected('the certificate does not say who issued the identity');
  if (others.length > 0) throw rejected('the certificate names two different issuers of the identity');
  return issuer;
}

export interface ChainTrust {
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  /** The moment at which everything must be valid. */
  readonly at: Date;
}

/**
 * A path from `leaf` to one of the roots, for code signing. Name constraints are not understood: authorities that have them
 * are not taken. Throws IntegrityError SIGNATURE_REJECTED.
 */
export function verifyChain(leaf: Certificate, trust: ChainTrust): void {
  if (!isForCodeSigning(leaf)) throw rejected('the certificate of the signer is not for code signing');
  checkOne(leaf, trust.at, 'the certificate of the signer');
  const reasons: string[] = [];
  if (!climb([leaf], trust, reasons)) {
    const why = reasons[0] ?? 'it is signed by an unknown authority';
    throw rejected(`the certificate of the signer cannot be verified: ${why}`);
  }
}

/** Whether `path`, which begins with the leaf, goes on to a root. */
function climb(path: readonly Certificate[], trust: ChainTrust, reasons: string[]): boolean {
  const child = path.at(-1);
  if (child === undefined || path.length >= maxPath) return false;
  const isParent = (parent: Certificate): boolean => {
    if (!child.x509.checkIssued(parent.x509) || !child.x509.verify(parent.x509.publicKey)) return false;
    try {
      checkAuthority(parent, path.length - 1, trust.at);
      return true;
    } catch (thrown) {
      reasons.push(thrown instanceof Error ? thrown.message : String(thrown));
      return false;
    }
  };
  if (trust.roots.some(isParent)) return true;
  return trust.intermediates.some(
    (next) =>
      !path.some((known) => known.x509.raw.equals(next.x509.raw)) &&
      isParent(next) &&
      climb([...path, next], trust, reasons),
  );
}

function checkAuthority(authority: Certificate, below: number, at: Date): void {
  const what = `the authority ${JSON.stringify(authority.x509.subject.slice(0, 100))}`;
  checkOne(authority, at, what);
  if (!authority.x509.ca) throw rejected(`${what} is no authority`);
  if (authority.extensions.has(oids.nameConstraints)) throw rejected(`${what} has name constraints`);
  const most = pathLength(authority);
  if (most !== undefined && below > most) throw rejected(`${what} may not have ${below} authorities below it`);
  const usages = usagesOf(authority);
  if (usages !== undefined && !usages.includes(oids.codeSigning) && !usages.includes(oids.anyUsage)) {
    throw rejected(`${what} is not for code signing`);
  }
}

function checkOne({ x509, extensions }: Certificate, at: Date, what: string): void {
  if (at < x509.validFromDate || at > x509.validToDate) {
    throw rejected(`${what} was not valid at ${at.toISOString()}: it is expired or not yet valid`);
  }
  for (const [name, { critical }] of extensions) {
    if (critical && !understood.has(name))
      throw rejected(`${what} has the critical extension ${name}, which is unknown`);
  }
}

/** Whether it says so; a certificate that does not say what it is for is for nothing here. */
export function isForCodeSigning(certificate: Certificate): boolean {
  return usagesOf(certificate)?.includes(oids.codeSigning) === true;
}

function usagesOf({ extensions }: Certificate): string[] | undefined {
  const value = extensions.get(oids.extendedKeyUsage)?.value;
  return value === undefined
    ? undefined
    : readConstructed(value, derTag.sequence).map(({ content }) => oidText(content));
}

function pathLength({ extensions }: Certificate): number | undefined {
  const value = extensions.get(oids.basicConstraints)?.value;
  const integer =
    value === undefined ? undefined : readConstructed(value, derTag.sequence).find(({ tag }) => tag === 2);
  return integer === undefined ? undefined : Number(`0x${Buffer.from(integer.content).toString('hex')}`);
}
