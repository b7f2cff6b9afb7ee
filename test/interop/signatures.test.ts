/**
 * Signatures between sheaf and the peers: what one signs, the others accept or refuse as they should. Everything is in a real
 * registry, with policies and registries.d as people write them.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadRegistriesD } from '../../src/registry-config/registries-d.ts';
import { parsePolicy } from '../../src/signing/policy/parse-policy.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { createGpgSigner } from '../../src/signing/simple/gpg-signer.ts';
import { createGpgKeySigner } from '../../src/signing/simple/key-signer.ts';
import { readKeyring } from '../../src/signing/simple/keyring.ts';
import {
  creator,
  reasons,
  seedApp,
  session,
  sign,
  signingEnv,
  sigstoreKey,
  verdicts,
  verify,
} from '../signing/support.ts';
import { withGpg } from '../support/gpg.ts';
import { isolatedPeers, type RunResult, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';

/** A registry with an index in it, a GPG key, and configuration that the peers and sheaf read alike. */
async function arranged(t: TestContext) {
  const registry = await realRegistry(t, { port: await leasePort(t) });
  const [gpg, peers, own, app] = [
    await withGpg(t),
    await isolatedPeers(t),
    await signingEnv(t),
    await seedApp(registry),
  ];
  const { folder } = peers;
  // where podman looks, and where skopeo is told to
  const directory = join(folder, '.config/containers/registries.d');
  await mkdir(directory, { recursive: true });
  const text = `default-docker:\n  lookaside: file://${folder}/lookaside\n  use-sigstore-attachments: true\n`;
  await writeFile(join(directory, 'default.yaml'), text);
  const env = { ...own, registriesD: () => loadRegistriesD({ env: {}, homeDir: folder, directory }) };
  const fingerprint = await gpg.makeKey('Alice <alice@example.com>');
  const stranger = await gpg.makeKey('Mallory <mallory@example.com>');
  await writeFile(join(folder, 'alice.gpg'), await gpg.exportPublic(fingerprint));
  await writeFile(join(folder, 'mallory.gpg'), await gpg.exportPublic(stranger));
  const publicKeys = await readKeyring(await gpg.exportPublic(fingerprint), 'alice.gpg');
  const trusted = { kind: 'keys', gpgKeys: publicKeys, sigstore: [] } as const;
  const policy = async (name: string, ...requirements: object[]): Promise<string> => {
    const document = { default: [{ type: 'reject' }], transports: { docker: { [registry.host]: requirements } } };
    await writeFile(join(folder, name), JSON.stringify(document));
    return name;
  };
  const signedBy = (file: string) => ({ type: 'signedBy', keyType: 'GPGKeys', keyPath: join(folder, file) });
  const accept = { default: [{ type: 'insecureAcceptAnything' }] };
  await writeFile(join(folder, 'accept.json'), JSON.stringify(accept));
  /** Takes the image as skopeo does under a policy. */
  const copy = async (policyFile: string, ...more: string[]): Promise<RunResult> => {
    await rm(join(folder, 'out'), { recursive: true, force: true });
    const global = ['--policy', policyFile, '--registries.d', directory];
    const { code, stdout, stderr } = await peers.run('skopeo', [
      ...global,
      'copy',
      ...more,
      '--src-tls-verify=false',
      app.name,
      'dir:out',
    ]);
    return { code, stdout, stderr };
  };
  return { registry, gpg, peers, folder, directory, env, app, fingerprint, stranger, trusted, policy, signedBy, copy };
}

const skip = skipWithout('skopeo', 'registry', 'gpg', 'gpgconf');

describe('what sheaf signs with GPG', { skip }, () => {
  it('is accepted by skopeo under signedBy, and refused for another key, a missing signature and another name', async (t) => {
    const { env, app, gpg, fingerprint, trusted, policy, signedBy, copy, folder, registry } = await arranged(t);
    const exported = await gpg.exportSecret(fingerprint);
    const inProcess = await createGpgKeySigner({ key: exported, what: 'key', creator }, session);
    const alice = await policy('alice.json', signedBy('alice.gpg'));
    const none = await copy(alice, '--all');
    assert.notEqual(none.code, 0);
    assert.match(none.stderr, /no signature exists/);
    await sign(env, app.name, [inProcess]);
    assert.equal((await copy(alice, '--all')).code, 0);
    assert.equal((await verify(env, `dir:${join(folder, 'out')}`, trusted)).verified, true);
    assert.equal((await copy(alice)).code, 0);
    assert.deepEqual(verdicts(await verify(env, `dir:${join(folder, 'out')}`, trusted)), ['verified']);
    const mallory = await copy(await policy('mallory.json', signedBy('mallory.gpg')), '--all');
    assert.notEqual(mallory.code, 0);
    const renamed = { type: 'exactReference', dockerReference: `${registry.host}/ns/app:v2` };
    const other = await copy(
      await policy('other.json', { ...signedBy('alice.gpg'), signedIdentity: renamed }),
      '--all',
    );
    assert.match(other.stderr, /is not accepted/);
    await rm(join(folder, `lookaside/ns/app@${app.images[1]?.digest.replace(':', '=')}`), { recursive: true });
    assert.notEqual((await copy(alice, '--all')).code, 0);
  });

  it('is accepted when gpg itself has signed, and by gpg', async (t) => {
    const { env, app, gpg, policy, signedBy, copy, folder } = await arranged(t);
    const throughGpg: ImageSigner = await createGpgSigner(
      { signBy: 'alice@example.com', creator, env: gpg.env },
      session,
    );
    await sign(env, app.name, [throughGpg]);
    assert.equal((await copy(await policy('alice.json', signedBy('alice.gpg')), '--all')).code, 0);
    const file = join(folder, `lookaside/ns/app@${app.index.digest.replace(':', '=')}/signature-1`);
    assert.match((await gpg.ok(['--decrypt'], await readFile(file))).toString(), /"atomic container signature"/);
  });

  it('is accepted by podman, which refuses another key', { skip: skipWithout('podman') }, async (t) => {
    const { env, app, gpg, fingerprint, policy, signedBy, peers } = await arranged(t);
    const signer = await createGpgKeySigner({ key: await gpg.exportSecret(fingerprint), what: 'k', creator }, session);
    await sign(env, app.name, [signer]);
    const pull = async (file: string): Promise<RunResult> =>
      peers.run('podman', ['pull', '--tls-verify=false', '--signature-policy', file, app.name]);
    const refused = await pull(await policy('mallory.json', signedBy('mallory.gpg')));
    assert.match(refused.stderr, /Source image rejected/);
    // the layers of the image are no tar archives: what the policy says comes before that
    const accepted = await pull(await policy('alice.json', signedBy('alice.gpg')));
    assert.doesNotMatch(accepted.stderr, /rejected/);
    assert.match(accepted.stderr, /Copying blob/);
  });
});

describe('what sheaf signs with a sigstore key', { skip: skip || skipWithout('podman') }, () => {
  it('is accepted by podman as an attachment, and refused for another key and where only a bundle is there', async (t) => {
    const { env, app, policy, peers, folder } = await arranged(t);
    const key = sigstoreKey();
    await writeFile(join(folder, 'key.pub'), key.pem);
    await writeFile(join(folder, 'other.pub'), sigstoreKey().pem);
    const pull = async (file: string): Promise<RunResult> => {
      const requirement = { type: 'sigstoreSigned', keyPath: join(folder, file) };
      const name = await policy('sigstore.json', requirement);
      return peers.run('podman', ['pull', '--tls-verify=false', '--signature-policy', name, app.name]);
    };
    assert.match((await pull('key.pub')).stderr, /no signature exists/);
    await sign(env, app.name, [key.signer('bundle')], { stores: ['bundle'] });
    assert.match((await pull('key.pub')).stderr, /no signature exists/);
    await sign(env, app.name, [key.signer('attachment')], { stores: ['attachment'] });
    assert.match((await pull('other.pub')).stderr, /Source image rejected/);
    const accepted = await pull('key.pub');
    assert.doesNotMatch(accepted.stderr, /rejected/);
    assert.match(accepted.stderr, /Copying blob/);
  });
});

describe('what cosign signs as attachments', { skip: skip || skipWithout('cosign') }, () => {
  it('names the repository alone: by default no policy takes it, with matchRepository both do', async (t) => {
    const { env, app, policy, copy, peers, folder, registry } = await arranged(t);
    const withPassword = { env: { COSIGN_PASSWORD: '' } };
    await peers.ok('cosign', ['generate-key-pair', '--output-key-prefix', 'c'], withPassword);
    const offline = ['--tlog-upload=false', '--use-signing-config=false', '--new-bundle-format=false', '-y'];
    const signing = ['sign', '--key', 'c.key', '--recursive', '--allow-insecure-registry', ...offline];
    await peers.ok('cosign', [...signing, `${registry.host}/ns/app:v1`], withPassword);
    const repository = { type: 'matchRepository' };
    for (const [signedIdentity, taken] of [
      [undefined, false],
      [repository, true],
      [{ type: 'exactRepository', dockerRepository: `${registry.host}/ns/app` }, true],
      [{ type: 'exactRepository', dockerRepository: `${registry.host}/ns/other` }, false],
    ] as const) {
      const requirement = { type: 'sigstoreSigned', keyPath: join(folder, 'c.pub'), signedIdentity };
      const file = await policy('cosign.json', requirement);
      assert.equal((await copy(file, '--all')).code === 0, taken);
      const text = await readFile(join(folder, file));
      const trust = { kind: 'policy', policy: parsePolicy(text, file) } as const;
      assert.equal((await verify(env, app.name, trust)).verified, taken);
    }
  });
});

describe('what the peers sign with GPG', { skip }, () => {
  it('is verified when skopeo has signed a list with all its instances', async (t) => {
    const { env, app, gpg, fingerprint, stranger, trusted, peers, directory, registry } = await arranged(t);
    const copied = `docker://${registry.host}/other/app:v1`;
    const global = ['--policy', 'accept.json', '--registries.d', directory];
    const signing = ['--all', '--sign-by', fingerprint, '--src-tls-verify=false', '--dest-tls-verify=false'];
    await peers.ok('skopeo', [...global, 'copy', ...signing, app.name, copied], { env: { GNUPGHOME: gpg.home } });
    const result = await verify(env, copied, trusted);
    assert.deepEqual([result.verified, verdicts(result)], [true, ['verified', 'verified', 'verified']]);
    const strangers = await readKeyring(await gpg.exportPublic(stranger), 'mallory.gpg');
    assert.equal((await verify(env, copied, { ...trusted, gpgKeys: strangers })).verified, false);
    // sheaf adds its own after that of skopeo, and skopeo takes both
    const signer = await createGpgKeySigner({ key: await gpg.exportSecret(stranger), what: 'k', creator }, session);
    assert.equal((await sign(env, copied, [signer])).added, 3);
    assert.equal((await verify(env, copied, trusted)).verified, true);
    assert.equal((await verify(env, copied, { ...trusted, gpgKeys: strangers })).verified, true);
  });

  it('is verified when podman has signed a list on its way', { skip: skipWithout('podman') }, async (t) => {
    const { env, app, gpg, fingerprint, trusted, peers, registry } = await arranged(t);
    await peers.ok('podman', ['manifest', 'create', 'list']);
    await peers.ok('podman', ['manifest', 'add', '--all', '--tls-verify=false', 'list', app.name]);
    const pushed = `docker://${registry.host}/by-podman/app:v1`;
    const push = ['manifest', 'push', '--all', '--tls-verify=false', '--sign-by', fingerprint, 'list', pushed];
    await peers.ok('podman', push, { env: { GNUPGHOME: gpg.home } });
    const result = await verify(env, pushed, trusted);
    assert.deepEqual([result.verified, verdicts(result)], [true, ['verified', 'verified', 'verified']]);
  });

  it('is told when only one platform was signed', async (t) => {
    const { env, app, gpg, fingerprint, trusted, peers, directory, registry } = await arranged(t);
    const one = `docker://${registry.host}/ns/app@${app.images[0]?.digest}`;
    const global = ['--policy', 'accept.json', '--registries.d', directory];
    const identity = ['--sign-identity', `${registry.host}/ns/app:v1`];
    const signing = ['--sign-by', fingerprint, ...identity, '--src-tls-verify=false', '--dest-tls-verify=false'];
    await peers.ok('skopeo', [...global, 'copy', ...signing, one, one], { env: { GNUPGHOME: gpg.home } });
    const result = await verify(env, app.name, trusted);
    assert.deepEqual([result.verified, verdicts(result)], [false, ['unsigned', 'verified', 'unsigned']]);
  });
});

describe('sigstore signatures of lists', { skip: skip || skipWithout('cosign') }, () => {
  it('are accepted by skopeo and cosign where sheaf signed with a key, beside a GPG signature', async (t) => {
    const { env, app, gpg, fingerprint, policy, signedBy, copy, peers, folder, registry } = await arranged(t);
    const key = sigstoreKey();
    await writeFile(join(folder, 'key.pub'), key.pem);
    const alice = await createGpgKeySigner({ key: await gpg.exportSecret(fingerprint), what: 'k', creator }, session);
    await sign(env, app.name, [alice, key.signer('attachment', 'bundle')]);
    const sigstoreSigned = { type: 'sigstoreSigned', keyPath: join(folder, 'key.pub') };
    assert.equal((await copy(await policy('both.json', signedBy('alice.gpg'), sigstoreSigned), '--all')).code, 0);
    await writeFile(join(folder, 'other.pub'), sigstoreKey().pem);
    const wrong = await copy(
      await policy('wrong.json', { ...sigstoreSigned, keyPath: join(folder, 'other.pub') }),
      '--all',
    );
    assert.notEqual(wrong.code, 0);
    const about = [
      '--key',
      'key.pub',
      '--insecure-ignore-tlog',
      '--allow-insecure-registry',
      `${registry.host}/ns/app:v1`,
    ];
    await peers.ok('cosign', ['verify', ...about]);
    await peers.ok('cosign', ['verify', '--new-bundle-format=false', ...about]);
  });

  it('are verified where cosign signed recursively, and an attestation is not taken for one', async (t) => {
    const { env, app, peers, folder, registry } = await arranged(t);
    const [name, withPassword] = [`${registry.host}/ns/app:v1`, { env: { COSIGN_PASSWORD: '' } }];
    await peers.ok('cosign', ['generate-key-pair', '--output-key-prefix', 'c'], withPassword);
    const keys = [await readFile(join(folder, 'c.pub'))];
    const trusted = { kind: 'keys', gpgKeys: [], sigstore: [{ kind: 'keys', keys }] } as const;
    const offline = [
      '--key',
      'c.key',
      '--tlog-upload=false',
      '--use-signing-config=false',
      '--allow-insecure-registry',
      '-y',
    ];
    await writeFile(join(folder, 'predicate.json'), '{}');
    await peers.ok(
      'cosign',
      ['attest', ...offline, '--predicate', 'predicate.json', '--type', 'https://example.com/x', name],
      withPassword,
    );
    const attested = await verify(env, app.name, trusted);
    assert.deepEqual([attested.verified, verdicts(attested)[0]], [false, 'rejected']);
    assert.match(reasons(attested), /example\.com\/x|predicate/);
    await peers.ok('cosign', ['sign', ...offline, '--recursive', name], withPassword);
    assert.equal((await verify(env, app.name, trusted)).verified, true);
    await peers.ok('cosign', ['sign', ...offline, '--new-bundle-format=false', '--recursive', name], withPassword);
    const result = await verify(env, app.name, trusted);
    const formats = result.manifests.map(({ signatures }) =>
      signatures.filter(({ verdict }) => verdict === 'good').map(({ format }) => format),
    );
    assert.deepEqual(
      formats,
      Array.from({ length: 3 }, () => ['attachment', 'bundle']),
    );
  });
});
