/** What cosign and skopeo sign in the sigstore family, sheaf accepts. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { readKeyFile } from '../../src/signing/sigstore/key-file.ts';
import { createSigstoreKeySigner } from '../../src/signing/sigstore/key-signer.ts';
import { takeAny } from '../signing/support.ts';
import { skipWithout } from '../support/peers.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';
import {
  creator,
  keyFiles,
  legacy,
  offline,
  prepare,
  produce,
  session,
  succeeds,
  trustIn,
  unlogged,
  verified,
  verifier,
} from './signed-list.ts';

describe('what cosign and skopeo sign', { skip: skipWithout('cosign', 'skopeo') }, () => {
  it('is accepted, as attachment and as bundle, with a key of cosign', async (t) => {
    const prepared = await prepare(t);
    const { cosign, peers, file, at, name, root, stores } = prepared;
    await peers.ok('cosign', ['generate-key-pair', '--output-key-prefix', file('k')], {
      env: { COSIGN_PASSWORD: 'secret' },
    });
    succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, legacy, at));
    succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, at));
    assert.deepEqual(await verified(prepared, 'attachment'), [name.replace(':1.0', '')]);
    assert.deepEqual(await verified(prepared, 'bundle'), ['']);
    // and we sign with it
    const key = await readKeyFile(await readFile(file('k.key')), Buffer.from('secret'));
    await assert.rejects(readKeyFile(await readFile(file('k.key')), Buffer.from('other')), {
      code: 'PASSPHRASE_WRONG',
    });
    const own = createSigstoreKeySigner({ key, produce, creator });
    const [bundle] = (await stores.bundle.open(root, takeAny)).signatures;
    assert.ok(bundle !== undefined && (await own.isMine(bundle, { digest: root.digest, identity: name }, session)));
    await prepared.sign(own);
    succeeds(await cosign('verify', '--key', file('k.pub'), ...offline, legacy, name));
  });

  it('is not accepted when it is an attestation, which cosign itself takes for a signature', async (t) => {
    const prepared = await prepare(t);
    const { cosign, file, at, name, root, stores } = prepared;
    await keyFiles(prepared);
    await writeFile(file('predicate.json'), '{"a":1}');
    const about = ['--predicate', file('predicate.json'), '--type', 'https://example.com/foo/v1'];
    succeeds(await cosign('attest', '--key', file('k.key'), ...about, ...unlogged, at));
    succeeds(await cosign('verify', '--key', file('k.pub'), ...offline, name));
    const { signatures } = await stores.bundle.open(root, takeAny);
    const trust = trustIn(await readFile(file('k.pub')));
    assert.equal(signatures.length, 1);
    for (const signature of signatures) {
      assert.ok(signature.kind === 'bundle');
      await assert.rejects(verifier.verifyBundle(signature, root.digest, trust), /is an attestation/);
    }
  });

  it('is accepted, with a key of skopeo', async (t) => {
    const prepared = await prepare(t);
    const { peers, file, name } = prepared;
    await writeFile(file('pw'), 'secret\n');
    await peers.ok('skopeo', ['generate-sigstore-key', '--output-prefix', file('k'), '--passphrase-file', file('pw')]);
    const into = ['--dest-tls-verify=false', '--src-tls-verify=false', `docker://${name}`, `docker://${name}`];
    const by = ['--sign-by-sigstore-private-key', file('k.private'), '--sign-passphrase-file', file('pw')];
    const global = ['--insecure-policy', '--registries.d', peers.folder];
    await peers.ok('skopeo', [...global, 'copy', '-q', '--all', '--preserve-digests', ...by, ...into]);
    assert.deepEqual(await verified(prepared, 'attachment'), [name]);
    const key = await readKeyFile(await readFile(file('k.private')), Buffer.from('secret'));
    await prepared.sign(createSigstoreKeySigner({ key, produce: ['attachment'], creator }));
    assert.deepEqual(await verified(prepared, 'attachment'), [name]);
  });

  for (const [algorithm, form] of [
    ['p384', legacy],
    ['rsa-2048', legacy],
    ['p384', undefined],
    ['p521', undefined],
    ['rsa-2048', undefined],
  ] as const) {
    it(`is accepted with ${algorithm} as ${form === undefined ? 'a bundle' : 'an attachment'}`, async (t) => {
      const prepared = await prepare(t);
      await keyFiles(prepared, algorithm);
      const { cosign, file, at } = prepared;
      succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, ...(form === undefined ? [] : [form]), at));
      assert.equal((await verified(prepared, form === undefined ? 'bundle' : 'attachment')).length, 1);
    });
  }

  for (const version of [1, 2] as const) {
    it(`is accepted without a key of its own, with a log of version ${version} and a timestamp, and for nobody else`, async (t) => {
      const prepared = await prepare(t);
      const services = await sigstoreServices(t);
      const { cosign, file, at, root, stores } = prepared;
      const service = { validFor: { start: new Date(Date.now() - 3_600_000).toISOString() }, operator: 'test' };
      const [caUrls, rekorTlogUrls] = [services.url, services.url].map((url) => [
        { ...service, url, majorApiVersion: 1 },
      ]);
      const mediaType = 'application/vnd.dev.sigstore.signingconfig.v0.2+json';
      const any = { selector: 'ANY' };
      const config = {
        mediaType,
        caUrls,
        rekorTlogUrls,
        rekorTlogConfig: any,
        oidcUrls: [],
        tsaUrls: [],
        tsaConfig: any,
      };
      await writeFile(file('config.json'), JSON.stringify(config));
      await writeFile(file('root.json'), services.trustedRoot);
      await writeFile(file('token'), identityToken({ email: 'alice@example.com', email_verified: true }));
      const by = ['--signing-config', file('config.json'), '--trusted-root', file('root.json')];
      const token = ['--identity-token', file('token'), '--allow-insecure-registry'];
      succeeds(await cosign('sign', ...by, ...token, at));
      const [signature] = (await stores.bundle.open(root, takeAny)).signatures;
      assert.ok(signature?.kind === 'bundle');
      const trust = {
        kind: 'identity',
        subject: { exact: 'alice@example.com' },
        issuer: { exact: testIssuer },
        trustedRoot: services.trustedRoot,
      } as const;
      const { signer, log } = await verifier.verifyBundle(signature, root.digest, trust);
      assert.deepEqual([signer, /^Rekor log/.test(log ?? '')], [`alice@example.com (${testIssuer})`, true]);
      const bob = { ...trust, subject: { exact: 'bob@example.com' } };
      await assert.rejects(verifier.verifyBundle(signature, root.digest, bob), { code: 'SIGNATURE_REJECTED' });
      const { trustedRoot } = await sigstoreServices(t);
      await assert.rejects(verifier.verifyBundle(signature, root.digest, { ...trust, trustedRoot }), {
        code: 'SIGNATURE_REJECTED',
      });
      if (version === 2) return;
      // with a key and a log
      await keyFiles(prepared);
      succeeds(await cosign('sign', '--key', file('k.key'), ...by, '--allow-insecure-registry', at));
      const { signatures } = await stores.bundle.open(root, takeAny);
      const keys = trustIn(await readFile(file('k.pub')));
      const judged = await Promise.allSettled(
        signatures.map(async (one) => one.kind === 'bundle' && verifier.verifyBundle(one, root.digest, keys)),
      );
      assert.deepEqual(judged.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    });
  }

  it('is refused with Ed25519, of which cosign makes the variant that hashes first', async (t) => {
    const prepared = await prepare(t);
    await keyFiles(prepared, 'ed25519');
    const { cosign, file, at, root, stores } = prepared;
    succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, legacy, at));
    succeeds(await cosign('sign', '--key', file('k.key'), ...unlogged, at));
    const trust = trustIn(await readFile(file('k.pub')));
    for (const store of Object.values(stores)) {
      const [signature] = (await store.open(root, takeAny)).signatures;
      assert.ok(signature !== undefined && signature.kind !== 'simple');
      const checked =
        signature.kind === 'attachment'
          ? verifier.verifyAttachment(signature, trust)
          : verifier.verifyBundle(signature, root.digest, trust);
      await assert.rejects(checked, { code: 'SIGNATURE_REJECTED' });
    }
  });
});
