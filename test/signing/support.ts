/** Keys, an environment with the real time, and places of signatures, for tests of signing. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as openpgp from 'openpgp';
import { createSession } from '../../src/foundation/session.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { signImage } from '../../src/operations/sign-image.ts';
import { type VerifyImageResult, type VerifyTrust, verifyImage } from '../../src/operations/verify-image.ts';
import { loadRegistriesD, type RegistriesD } from '../../src/registry-config/registries-d.ts';
import type { SignatureStoreName } from '../../src/signing/signature-store.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { createSigstoreKeySigner } from '../../src/signing/sigstore/key-signer.ts';
import { createSigstoreVerifier } from '../../src/signing/sigstore/verifier.ts';
import { createGpgKeySigner } from '../../src/signing/simple/key-signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import { type TestEnv, type TestEnvOptions, testEnv } from '../support/env.ts';
import type { RealRegistry } from '../support/registry.ts';
import { type SeededContent, type SeededImage, seedImage, seedIndex } from '../support/seed.ts';

export const creator = 'sheaf test';
export const session = createSession();

/** As much memory as a test wants. */
export const takeAny = async (): Promise<void> => {};

export interface GpgKey {
  readonly fingerprint: string;
  readonly secret: Uint8Array;
  readonly publicKey: openpgp.PublicKey;
  readonly signer: ImageSigner;
}

/** A GPG key without gpg. */
export async function gpgKey(name = 'Alice'): Promise<GpgKey> {
  const kind = { type: 'ecc', curve: 'ed25519Legacy', format: 'object' } as const;
  const { privateKey, publicKey } = await openpgp.generateKey({ userIDs: [{ name }], ...kind });
  const secret = privateKey.write();
  const signer = await createGpgKeySigner({ key: secret, what: 'key', creator }, session);
  return { fingerprint: publicKey.getFingerprint().toUpperCase(), secret, publicKey, signer };
}

export interface SigstoreKey {
  readonly pem: Uint8Array;
  signer(...produce: Array<'attachment' | 'bundle'>): ImageSigner;
}

export function sigstoreKey(): SigstoreKey {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    pem: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
    signer: (...produce) => ({ ...createSigstoreKeySigner({ key, produce, creator }), makes: produce }),
  };
}

export interface SigningEnv extends TestEnv {
  readonly lookaside: string;
  registriesD(): Promise<RegistriesD>;
}

/** With a lookaside of its own. */
export async function signingEnv(t: TestContext, options: TestEnvOptions = {}): Promise<SigningEnv> {
  const env = await testEnv(t, options);
  const [lookaside, directory] = [join(env.folder, 'lookaside'), join(env.folder, 'registries.d')];
  await mkdir(directory, { recursive: true });
  const text = `default-docker:\n  lookaside: file://${lookaside}\n  use-sigstore-attachments: true\n`;
  await writeFile(join(directory, 'default.yaml'), text);
  return {
    ...env,
    session,
    lookaside,
    registriesD: () => loadRegistriesD({ env: {}, homeDir: env.folder, directory }),
  };
}

export async function sign(
  env: SigningEnv,
  image: string,
  signers: readonly ImageSigner[],
  more: { stores?: readonly SignatureStoreName[]; identity?: string } = {},
) {
  const stores = new Set(more.stores ?? (['lookaside', 'attachment', 'bundle'] as const));
  const { registriesD } = env;
  const { report } = await signImage(env, { location: locate(image), signers, registriesD, ...more, stores });
  if (report === undefined) throw new Error('nothing was signed');
  return report;
}

export interface Trusted {
  gpg?: readonly GpgKey[];
  sigstore?: readonly SigstoreKey[];
  identity?: string;
  require?: 'index' | 'instances' | 'both';
  stores?: readonly SignatureStoreName[];
}

export function trustOf({ gpg = [], sigstore = [], identity }: Trusted): VerifyTrust {
  const keys = sigstore.map(({ pem }) => pem);
  return {
    kind: 'keys',
    gpgKeys: gpg.map(({ publicKey }) => publicKey),
    sigstore: keys.length === 0 ? [] : [{ kind: 'keys', keys }],
    identity,
  };
}

export function verify(env: SigningEnv, image: string, trusted: Trusted | VerifyTrust): Promise<VerifyImageResult> {
  const options = 'kind' in trusted ? {} : trusted;
  return verifyImage(env, {
    location: locate(image),
    trust: 'kind' in trusted ? trusted : trustOf(trusted),
    verifier: createSigstoreVerifier(session.clock),
    require: options.require ?? 'both',
    stores: options.stores === undefined ? undefined : new Set(options.stores),
    registriesD: env.registriesD,
  });
}

/** Verdicts in the order of the manifests: that of the index first. */
export function verdicts({ manifests }: VerifyImageResult): string[] {
  return manifests.map(({ verdict }) => verdict);
}

/** Why signatures do not count, all of them. */
export function reasons({ manifests }: VerifyImageResult): string {
  return manifests
    .flatMap(({ signatures, problems }) => [...signatures.flatMap(({ reason }) => reason ?? []), ...problems])
    .join('\n');
}

export interface Seeded {
  /** `docker://host/ns/app:v1` */
  readonly name: string;
  readonly index: SeededContent & { digest: Digest };
  readonly images: readonly SeededImage[];
}

/** An index of two images under `ns/app:v1`. */
export async function seedApp(registry: Pick<RealRegistry, 'url' | 'host'>): Promise<Seeded> {
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
  ];
  const images: SeededImage[] = [];
  for (const platform of platforms) {
    images.push(await seedImage(registry, 'ns/app', { platform, layers: [`layer of ${platform.architecture}`] }));
  }
  const index = await seedIndex(registry, 'ns/app', images, { tag: 'v1' });
  return { name: `docker://${registry.host}/ns/app:v1`, index: { ...index, digest: index.digest as Digest }, images };
}
