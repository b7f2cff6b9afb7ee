/** A certificate authority like Fulcio's: a root, an authority below it, and certificates of signers from that one. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { der, extension, integer, oid, sequence, set, time } from './certificate.ts';

export interface SignerNames {
  readonly emails?: readonly string[];
  readonly hosts?: readonly string[];
  readonly uris?: readonly string[];
}

export interface IssueOptions extends SignerNames {
  readonly publicKey: KeyObject;
  /** Who told the authority the identity: written in the older and the newer form. */
  readonly issuer?: string;
  /** The newer form alone says this instead. */
  readonly otherIssuer?: string;
  /** Milliseconds since 1970; a minute ago and in ten minutes unless told. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Not for code signing but for servers. */
  readonly forServers?: boolean;
  /** Has a critical extension that nobody knows. */
  readonly strange?: boolean;
  /** A log of certificates: takes what is to be signed, and the SHA-256 of the issuer's key. */
  log?(certificate: ArrayBuffer, issuerId: ArrayBuffer): Promise<ArrayBuffer>;
}

export interface SigstoreAuthority {
  /** DER. */
  readonly root: Buffer;
  readonly intermediate: Buffer;
  issue(options: IssueOptions): Promise<Buffer>;
}

const minute = 60_000;
const day = 24 * 60 * minute;
const algorithm = sequence(oid('1.2.840.10045.4.3.2'));

export function pemOf(...certificates: readonly Buffer[]): string {
  const block = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return certificates.map(block).join('');
}

/** @param pathLength how many authorities the root allows below it */
export function sigstoreAuthority(name = 'sigstore test', pathLength = 1): SigstoreAuthority {
  const [top, middle] = [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  const root = certificate({
    subject: name,
    issuer: name,
    publicKey: top.publicKey,
    by: top.privateKey,
    from: Date.now() - day,
    to: Date.now() + 365 * day,
    extensions: [authority(pathLength), mayCertify],
  });
  const intermediate = certificate({
    subject: `${name} intermediate`,
    issuer: name,
    publicKey: middle.publicKey,
    by: top.privateKey,
    from: Date.now() - day,
    to: Date.now() + 365 * day,
    extensions: [authority(0), mayCertify, usage('1.3.6.1.5.5.7.3.3')],
  });
  return {
    root,
    intermediate,
    async issue(options) {
      const parts = {
        subject: '',
        issuer: `${name} intermediate`,
        publicKey: options.publicKey,
        by: middle.privateKey,
        from: options.notBefore ?? Date.now() - minute,
        to: options.notAfter ?? Date.now() + 10 * minute,
        extensions: extensionsOf(options),
        serial: integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
      };
      if (options.log === undefined) return certificate(parts);
      const spki = middle.publicKey.export({ type: 'spki', format: 'der' });
      const issuerId = createHash('sha256').update(spki).digest();
      const seen = Buffer.from(await options.log(bufferOf(certificate(parts)), bufferOf(issuerId)));
      const list = der(0x04, Buffer.concat([Buffer.from([0, seen.byteLength]), seen]));
      return certificate({
        ...parts,
        extensions: [...parts.extensions, extension('1.3.6.1.4.1.11129.2.4.2', false, list)],
      });
    },
  };
}

function bufferOf(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function extensionsOf({
  emails = [],
  hosts = [],
  uris = [],
  issuer,
  otherIssuer,
  forServers,
  strange,
}: IssueOptions): Buffer[] {
  const names = [
    ...emails.map((text) => der(0x81, Buffer.from(text))),
    ...hosts.map((text) => der(0x82, Buffer.from(text))),
    ...uris.map((text) => der(0x86, Buffer.from(text))),
  ];
  const told = otherIssuer ?? issuer;
  return [
    usage(forServers === true ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.3'),
    extension('2.5.29.17', true, sequence(...names)),
    ...(issuer === undefined ? [] : [extension('1.3.6.1.4.1.57264.1.1', false, Buffer.from(issuer))]),
    ...(told === undefined ? [] : [extension('1.3.6.1.4.1.57264.1.8', false, der(0x0c, Buffer.from(told)))]),
    ...(strange === true ? [extension('1.2.3.4', true, sequence())] : []),
  ];
}

const mayCertify = extension('2.5.29.15', true, der(0x03, Buffer.from([1, 0x06])));

function authority(pathLength: number): Buffer {
  const yes = der(0x01, Buffer.from([0xff]));
  return extension('2.5.29.19', true, sequence(yes, integer(Buffer.from([pathLength]))));
}

function usage(id: string): Buffer {
  return extension('2.5.29.37', false, sequence(oid(id)));
}

interface Parts {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly by: KeyObject;
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Buffer[];
  readonly serial?: Buffer;
}

function certificate({ subject, issuer, publicKey, by, from, to, extensions, serial }: Parts): Buffer {
  const named = (text: string): Buffer =>
    text === '' ? sequence() : sequence(set(sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(text)))));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    serial ?? integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    named(issuer),
    sequence(time(from), time(to)),
    named(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, by);
  return sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
}
