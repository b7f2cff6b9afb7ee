/** A list in a registry, and everything that signs it or looks at its signatures. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createSession } from '../../src/foundation/session.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { createAttachmentStore } from '../../src/signing/attachments/attachment-store.ts';
import { parseClaim } from '../../src/signing/claim.ts';
import { createBundleStore } from '../../src/signing/referrers/bundle-store.ts';
import { signManifests } from '../../src/signing/sign-manifests.ts';
import type { SignatureStore } from '../../src/signing/signature-store.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { encodeKeyFile } from '../../src/signing/sigstore/key-file.ts';
import { createSigstoreKeySigner } from '../../src/signing/sigstore/key-signer.ts';
import { encodePublicKey, generateKeys, type KeyAlgorithm, type KeyPair } from '../../src/signing/sigstore/keys.ts';
import { createSigstoreVerifier } from '../../src/signing/sigstore/verifier.ts';
import { takeAny } from '../signing/support.ts';
import { testEnv } from '../support/env.ts';
import { isolatedPeers } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry, withRegistry } from '../support/registry.ts';
import { seedImage, seedIndex } from '../support/seed.ts';

export const creator = 'sheaf test';
const repository = 'team/app';
export const produce = ['attachment', 'bundle'] as const;
export const session = createSession();
export const verifier = createSigstoreVerifier(session.clock);

type Kind = 'ours' | 'real';

/** A list of two images in a registry, and everything that signs or looks at it. */
export async function prepare(t: TestContext, kind: Kind = 'ours') {
  const peers = await isolatedPeers(t);
  const port = await leasePort(t);
  const registry = kind === 'ours' ? await withRegistry(t, { port }) : await realRegistry(t, { port });
  const host = `127.0.0.1:${port}`;
  const images = [
    await seedImage(registry, repository, { layers: ['amd64'] }),
    await seedImage(registry, repository, { layers: ['arm64'], platform: { os: 'linux', architecture: 'arm64' } }),
  ];
  const list = await seedIndex(registry, repository, images, { tag: '1.0' });
  const env = await testEnv(t);
  const client = env.registries.client(host).repository(repository, 'push');
  const stores = {
    attachment: createAttachmentStore(client, env.session),
    bundle: createBundleStore(client, env.session),
  };
  const name = `${host}/${repository}:1.0`;
  const manifests = [list, ...images].map(({ mediaType, digest, bytes }) => ({
    mediaType,
    digest: digest as Digest,
    size: bytes.byteLength,
  }));
  const [root] = manifests;
  assert.ok(root);
  await writeFile(
    join(peers.folder, 'registries.yaml'),
    `default-docker:\n  lookaside: file://${peers.folder}/lookaside\n  use-sigstore-attachments: true\n`,
  );
  const file = (path: string): string => join(peers.folder, path);
  return {
    peers,
    name,
    root,
    stores,
    file,
    at: `${host}/${repository}@${root.digest}`,
    sign: (signer: ImageSigner, into: readonly SignatureStore[] = Object.values(stores)) =>
      signManifests(session, { manifests, identity: name, signers: [signer], stores: into }),
    cosign: (...args: readonly string[]) =>
      peers.run('cosign', args, { env: { COSIGN_PASSWORD: 'secret', COSIGN_YES: 'true' } }),
    async skopeo(requirement: Readonly<Record<string, unknown>>) {
      const transports = { docker: { [host]: [{ type: 'sigstoreSigned', ...requirement }] } };
      await writeFile(file('policy.json'), JSON.stringify({ default: [{ type: 'reject' }], transports }));
      const global = ['--policy', file('policy.json'), '--registries.d', peers.folder];
      const copy = ['copy', '-q', '--all', '--src-tls-verify=false', `docker://${name}`, `dir:${peers.folder}/copy`];
      return await peers.run('skopeo', [...global, ...copy]);
    },
  };
}

export type Prepared = Awaited<ReturnType<typeof prepare>>;

export async function keyFiles(
  { file }: Prepared,
  algorithm: KeyAlgorithm = 'p256',
  type: 'cosign' | 'sigstore' = 'cosign',
) {
  const keys = await generateKeys(algorithm);
  await writeFile(file('k.key'), await encodeKeyFile(keys.privateKey, Buffer.from('secret'), type));
  await writeFile(file('k.pub'), encodePublicKey(keys.publicKey));
  await writeFile(file('other.pub'), encodePublicKey((await generateKeys('p256')).publicKey));
  await writeFile(file('pw'), 'secret\n');
  return keys;
}

export function signerOf(keys: KeyPair): ImageSigner {
  return createSigstoreKeySigner({ key: keys.privateKey, produce, creator });
}

export const offline = ['--insecure-ignore-tlog', '--allow-insecure-registry'];
export const unlogged = ['--tlog-upload=false', '--use-signing-config=false', '--allow-insecure-registry'];
export const legacy = '--new-bundle-format=false';

export function trustIn(pem: Uint8Array) {
  return { kind: 'keys', keys: [pem] } as const;
}

/** What is kept for the list, verified under the key; as attachments with their names. */
export async function verified({ root, stores, file }: Prepared, form: 'attachment' | 'bundle', key = 'k.pub') {
  const { signatures, problems } = await stores[form].open(root, takeAny);
  assert.deepEqual(problems, []);
  const names: string[] = [];
  for (const signature of signatures) {
    const trust = trustIn(await readFile(file(key)));
    if (signature.kind === 'attachment') {
      await verifier.verifyAttachment(signature, trust);
      const claimed = parseClaim('sigstore', signature.payload);
      assert.equal(claimed.digest, root.digest);
      names.push(claimed.identity);
    } else if (signature.kind === 'bundle') {
      await verifier.verifyBundle(signature, root.digest, trust);
      names.push('');
    }
  }
  return names;
}

export function fails(result: { code: number; stderr: string }, reason: RegExp): void {
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, reason);
}

export function succeeds(result: { code: number | null; stderr: string }): void {
  assert.equal(result.code, 0, result.stderr);
}
