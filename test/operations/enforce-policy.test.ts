import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { enforcePolicy, type PolicyGuard, pathOf } from '../../src/operations/enforce-policy.ts';
import { parsePolicy } from '../../src/signing/policy/parse-policy.ts';
import type { SignedManifest } from '../../src/signing/signature-store.ts';
import { createSigstoreVerifier } from '../../src/signing/sigstore/verifier.ts';
import { locate } from '../../src/transports/image-names.ts';
import { gpgKey, seedApp, session, sign, signingEnv, sigstoreKey, verdicts, verify } from '../signing/support.ts';
import { withRegistry } from '../support/registry.ts';
import { imageOf, type SeededContent } from '../support/seed.ts';

const asManifest = ({ mediaType, digest, size }: SeededContent) => ({ mediaType, digest, size }) as SignedManifest;

async function arranged(t: TestContext) {
  const registry = await withRegistry(t);
  const [env, app, alice, key] = [await signingEnv(t), await seedApp(registry), await gpgKey(), sigstoreKey()];
  const signedBy = {
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyData: Buffer.from(alice.publicKey.write()).toString('base64'),
  };
  const guard = (policy: object | undefined): PolicyGuard => ({
    policy: async () =>
      policy === undefined ? undefined : parsePolicy(Buffer.from(JSON.stringify(policy)), 'policy.json'),
    registriesD: env.registriesD,
    verifier: createSigstoreVerifier(session.clock),
  });
  const source = { location: locate(app.name), root: asManifest(app.index), used: app.images.map(asManifest) };
  return { registry, env, app, alice, key, signedBy, guard, source };
}

describe('enforcePolicy', () => {
  it('lets in what the policy allows, by the instances that are used', async (t) => {
    const { env, app, alice, signedBy, guard, source, registry } = await arranged(t);
    const policy = guard({
      default: [{ type: 'reject' }],
      transports: { docker: { [`${registry.host}/ns`]: [signedBy] } },
    });
    const refused = { name: 'IntegrityError', code: 'POLICY_REJECTED', side: 'source', message: /no signature exists/ };
    await assert.rejects(enforcePolicy(env, policy, source), refused);
    await sign(env, app.name, [alice.signer]);
    await enforcePolicy(env, policy, source);
    // the name of the list is what was signed: by another tag it is another image
    const retagged = { ...source, location: locate(app.name.replace(':v1', ':v2')) };
    await assert.rejects(enforcePolicy(env, policy, retagged), { code: 'POLICY_REJECTED', message: /is not accepted/ });
    const other = { ...source, location: locate(`docker://${registry.host}/elsewhere:v1`) };
    await assert.rejects(enforcePolicy(env, policy, other), /rejected by policy/);
  });

  it('asks for no signatures where none are wanted', async (t) => {
    const { env, guard, source, registry } = await arranged(t);
    registry.faults.reset();
    await enforcePolicy(env, guard(undefined), source);
    await enforcePolicy(env, guard({ default: [{ type: 'insecureAcceptAnything' }] }), source);
    assert.deepEqual(registry.faults.requests, []);
  });

  it('fails, and does not refuse or allow, where signatures cannot be read', async (t) => {
    const { env, guard, source, registry, signedBy } = await arranged(t);
    registry.faults.on({ path: /\.sig$/ }, async () => ({ status: 401, headers: {}, body: Buffer.alloc(0) }));
    await assert.rejects(enforcePolicy(env, guard({ default: [signedBy] }), source), { name: 'AuthError' });
  });

  it('holds images of daemons to their scopes, and refuses where it cannot tell which scope is meant', async (t) => {
    const { env, guard, source } = await arranged(t);
    const allow = [{ type: 'insecureAcceptAnything' }];
    const reject = [{ type: 'reject' }];
    const rejected = { code: 'POLICY_REJECTED' };
    const daemon = { ...source, location: locate('docker-daemon:quay.io/me/app:1') };
    const daemons = guard({ default: allow, transports: { 'docker-daemon': { 'quay.io/me': reject } } });
    await assert.rejects(enforcePolicy(env, daemons, daemon), rejected);
    await enforcePolicy(env, daemons, { ...daemon, location: locate('docker-daemon:quay.io/you/app:1') });
    const stored = { ...source, location: locate('containers-storage:localhost/app:1') };
    await enforcePolicy(env, guard({ default: reject, transports: { 'containers-storage': { '': allow } } }), stored);
    const scoped = guard({
      default: allow,
      transports: { 'containers-storage': { '[overlay@/storage]localhost/app': reject } },
    });
    await assert.rejects(enforcePolicy(env, scoped, stored), rejected);
  });

  it('knows the paths of images in files and folders', () => {
    assert.equal(pathOf(locate('dir:/a/b')), '/a/b');
    assert.equal(pathOf(locate('oci:/a/b:name')), '/a/b');
    // a folder may have any name, and the blobs may be elsewhere
    assert.equal(pathOf(locate('oci:/a@b/c:name')), '/a@b/c');
    assert.equal(pathOf(locate('oci:[/blobs]/a/b:name')), '/a/b');
    assert.equal(pathOf(locate(`oci-archive:/a@b/c.tar@sha256:${'0'.repeat(64)}`)), '/a@b/c.tar');
    assert.equal(pathOf(locate('oci-archive:-')), undefined);
    assert.equal(pathOf(locate('docker://a.org/b:1')), undefined);
  });
});

describe('signatures in a folder', () => {
  it('are written beside the image and verified there', async (t) => {
    const { env, alice, key } = await arranged(t);
    const image = imageOf();
    const folder = join(env.folder, 'image');
    await mkdir(folder);
    await writeFile(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
    await writeFile(join(folder, 'manifest.json'), image.bytes);
    const signers = [alice.signer, key.signer('attachment')];
    await assert.rejects(sign(env, `dir:${folder}`, signers), { code: 'NO_IDENTITY' });
    const identity = 'a.org/b:1';
    assert.equal((await sign(env, `dir:${folder}`, signers, { identity })).added, 2);
    assert.equal((await sign(env, `dir:${folder}`, signers, { identity })).added, 0);
    const trusted = { gpg: [alice], sigstore: [key] };
    assert.deepEqual(verdicts(await verify(env, `dir:${folder}`, trusted)), ['verified']);
    assert.equal((await verify(env, `dir:${folder}`, { ...trusted, identity: 'a.org/b:2' })).verified, false);
    await assert.rejects(sign(env, `dir:${folder}`, [key.signer('bundle')], { identity }), {
      code: 'NO_SIGNATURE_STORE',
      message: /^dir:.* keeps GPG signatures and attachments only, and the sigstore key .* is to make bundles$/,
      hint: /--signature-store attachment/,
    });
    await assert.rejects(sign(env, `oci:${folder}`, signers, { identity }));
  });
});
