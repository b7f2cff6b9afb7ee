/** New OpenPGP keys for signing, as gpg would make them. Source: RFC 4880; what gpg 2.2 and later can read. */
import { openpgp } from './openpgp.ts';

export const gpgAlgorithms = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;
export type GpgAlgorithm = (typeof gpgAlgorithms)[number];

export interface NewGpgKey {
  /** Armored. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** 40 hexadecimal digits in upper case. */
  readonly fingerprint: string;
}

export interface GpgKeyRequest {
  readonly algorithm: GpgAlgorithm;
  readonly name?: string;
  readonly email: string;
  /** Empty: the key is not locked. A text, for that is what the library takes. */
  readonly passphrase: string;
}

/** One key that signs and never ends, without a subkey for encryption. */
export async function generateGpgKey({ algorithm, name, email, passphrase }: GpgKeyRequest): Promise<NewGpgKey> {
  const { generateKey } = await openpgp();
  const kind =
    algorithm === 'ed25519'
      ? ({ type: 'ecc', curve: 'ed25519Legacy' } as const)
      : ({ type: 'rsa', rsaBits: Number(algorithm.slice(4)) } as const);
  const { privateKey, publicKey } = await generateKey({
    ...kind,
    userIDs: [{ email, ...(name === undefined ? {} : { name }) }],
    ...(passphrase === '' ? {} : { passphrase }),
    subkeys: [],
    format: 'object',
  });
  return {
    privateKey: privateKey.armor(),
    publicKey: publicKey.armor(),
    fingerprint: publicKey.getFingerprint().toUpperCase(),
  };
}
