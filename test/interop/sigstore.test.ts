/** What sheaf signs in the sigstore family, cosign and skopeo accept. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { createSigstoreKeySigner } from '../../src/signing/sigstore/key-signer.ts';
import { createKeylessSigner } from '../../src/signing/sigstore/keyless-signer.ts';
import { encodePublicKey, generateKeys } from '../../src/signing/sigstore/keys.ts';
import { skipWithout } from '../support/peers.ts';
import { pemOf } from '../support/sigstore-authority.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';
import {
  creator,
  fails,
  keyFiles,
  legacy,
  offline,
  prepare,
  produce,
  signerOf,
  succeeds,
  unlogged,
  verified,
} from './signed-list.ts';

describe('what sheaf signs with a key', { skip: skipWithout('cosign', 'skopeo') }, () => {
  for (const kind of ['ours', 'real'] as const) {
    it(`is accepted by cosign and skopeo, from ${kind === 'ours' ? 'our own' : 'a CNCF'} registry`, async (t) => {
      if (kind === 'real' && skipWithout('registry') !== false) return t.skip('no CNCF registry');
      const prepared = await prepare(t, kind);
      await prepared.sign(signerOf(await keyFiles(prepared)));
      const { cosign, skopeo, file, name } = prepared;
      for (const format of [[], [legacy]]) {
        succeeds(await cosign('verify', '--key', file('k.pub'), ...offline, ...format, name));
        fails(await cosign('verify', '--key', file('other.pub'), ...offline, ...format, name), /no matching|invalid/);
      }
      succeeds(await skopeo({ keyPath: file('k.pub') }));
      fails(await skopeo({ keyPath: file('other.pub') }), /verification failed|invalid signature/);
    });
  }

  for (const algorithm of ['p384', 'p521', 'rsa-2048', 'ed25519'] as const) {
    it(`is accepted with ${algorithm}`, async (t) => {
      const prepared = await prepare(t);
      await prepared.sign(signerOf(await keyFiles(prepared, algorithm)));
      const { cosign, skopeo, file, name } = prepared;
      // cosign signs with the hash that the curve asks for, but takes SHA-256 for what it verifies unless told
      succeeds(await cosign('verify', '--key', file('k.pub'), ...offline, name));
      succeeds(await cosign('verify', '--key', file('k.pub'), ...offline, legacy, name));
      succeeds(await skopeo({ keyPath: file('k.pub') }));
    });
  }

  it('is accepted, and signed further, where the attachments of a long list share a config', async (t) => {
    const prepared = await prepare(t, skipWithout('registry') === false ? 'real' : 'ours');
    const { cosign, peers, skopeo, stores, file, name, at } = prepared;
    const first = await generateKeys('p256');
    await writeFile(file('first.pub'), encodePublicKey(first.publicKey));
    const longList = { ...stores.attachment, expect: () => stores.attachment.expect?.(100) };
    const signer = createSigstoreKeySigner({ key: first.privateKey, produce: ['attachment'], creator });
    await prepared.sign(signer, [longList]);
    const accepted = async (key: string): Promise<void> => {
      succeeds(await cosign('verify', '--key', file(key), ...offline, legacy, name));
      succeeds(await skopeo({ keyPath: file(key) }));
    };
    await accepted('first.pub');
    await keyFiles(prepared);
    succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, legacy, at));
    const into = ['--dest-tls-verify=false', '--src-tls-verify=false', `docker://${name}`, `docker://${name}`];
    const by = ['--sign-by-sigstore-private-key', file('k.key'), '--sign-passphrase-file', file('pw')];
    const global = ['--insecure-policy', '--registries.d', peers.folder];
    succeeds(await peers.run('skopeo', [...global, 'copy', '-q', '--all', '--preserve-digests', ...by, ...into]));
    await accepted('first.pub');
    await accepted('k.pub');
    await prepared.sign(signerOf(await keyFiles(prepared)));
    await accepted('first.pub');
    await accepted('k.pub');
  });

  it('is accepted with the entry of a log that the policy wants', async (t) => {
    const prepared = await prepare(t);
    const services = await sigstoreServices(t);
    const keys = await keyFiles(prepared);
    await prepared.sign(
      createSigstoreKeySigner({ key: keys.privateKey, produce: ['attachment'], creator, rekorUrl: services.url }),
    );
    const { skopeo, file } = prepared;
    await writeFile(file('rekor.pub'), services.rekorKey);
    succeeds(await skopeo({ keyPath: file('k.pub'), rekorPublicKeyPath: file('rekor.pub') }));
    fails(await skopeo({ keyPath: file('k.pub'), rekorPublicKeyPath: file('other.pub') }), /Rekor/i);
  });

  it('can be signed with by cosign and skopeo: the key files are theirs', async (t) => {
    for (const type of ['cosign', 'sigstore'] as const) {
      const prepared = await prepare(t);
      await keyFiles(prepared, 'p256', type);
      const { cosign, peers, file, at, name } = prepared;
      succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, legacy, at));
      const into = ['--dest-tls-verify=false', '--src-tls-verify=false', `docker://${name}`, `docker://${name}`];
      const by = ['--sign-by-sigstore-private-key', file('k.key'), '--sign-passphrase-file', file('pw')];
      const global = ['--insecure-policy', '--registries.d', peers.folder];
      succeeds(await peers.run('skopeo', [...global, 'copy', '-q', '--all', '--preserve-digests', ...by, ...into]));
      assert.deepEqual(await verified(prepared, 'attachment'), [name.replace(':1.0', ''), name]);
    }
  });
});

describe('what sheaf signs without a key of its own', { skip: skipWithout('cosign', 'skopeo') }, () => {
  it('is accepted by cosign from a log of version 2, with a timestamp', async (t) => {
    const prepared = await prepare(t);
    const { url, trustedRoot } = await sigstoreServices(t);
    const { cosign, file, name, sign } = prepared;
    const options = { creator, fulcioUrl: url, rekorUrl: url, timestampUrl: url, token: async () => identityToken() };
    await sign(createKeylessSigner({ ...options, produce: ['bundle'], rekorVersion: 2 }));
    await writeFile(file('root.json'), trustedRoot);
    const by = (who: string): string[] => [
      ...['verify', '--trusted-root', file('root.json'), '--allow-insecure-registry', '--use-signed-timestamps'],
      ...['--certificate-oidc-issuer', testIssuer, '--certificate-identity', who, name],
    ];
    succeeds(await cosign(...by('alice@example.com')));
    fails(await cosign(...by('bob@example.com')), /./);
  });

  it('is accepted by skopeo with a Fulcio policy, and by cosign with the trusted root', async (t) => {
    const prepared = await prepare(t);
    const services = await sigstoreServices(t);
    const { skopeo, cosign, file, name, sign } = prepared;
    const { url } = services;
    const token = async (): Promise<string> => identityToken();
    await sign(createKeylessSigner({ produce, creator, fulcioUrl: url, rekorUrl: url, timestampUrl: url, token }));
    await writeFile(file('ca.pem'), pemOf(services.authority.root));
    await writeFile(file('rekor.pub'), services.rekorKey);
    await writeFile(file('root.json'), services.trustedRoot);
    const policy = (subjectEmail: string): Readonly<Record<string, unknown>> => ({
      fulcio: { caPath: file('ca.pem'), oidcIssuer: testIssuer, subjectEmail },
      rekorPublicKeyPath: file('rekor.pub'),
    });
    succeeds(await skopeo(policy('alice@example.com')));
    fails(await skopeo(policy('bob@example.com')), /bob@example.com/);
    const by = (who: string): string[] => [
      ...['verify', '--trusted-root', file('root.json'), '--allow-insecure-registry'],
      ...['--certificate-oidc-issuer', testIssuer, '--certificate-identity', who, name],
    ];
    for (const format of [[], [legacy]]) {
      succeeds(await cosign(...by('alice@example.com'), ...format));
      fails(await cosign(...by('bob@example.com'), ...format), /./);
    }
  });
});
