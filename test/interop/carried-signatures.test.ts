/** Signatures that go along with a copy, or stand in a layout: the peers find them where sheaf has brought them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadRegistriesD } from '../../src/registry-config/registries-d.ts';
import { createGpgKeySigner } from '../../src/signing/simple/key-signer.ts';
import { run, sheaf } from '../cli/support/program.ts';
import { creator, seedApp, session, sign, signingEnv, sigstoreKey } from '../signing/support.ts';
import { withGpg } from '../support/gpg.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { keyFiles, offline, prepare, succeeds } from './signed-list.ts';

describe('signatures that skopeo made', { skip: skipWithout('skopeo', 'registry', 'gpg', 'gpgconf') }, () => {
  it('are good for skopeo after sheaf took them to a folder and from there to another repository', async (t) => {
    const registry = await realRegistry(t, { port: await leasePort(t) });
    const [gpg, peers, app] = [await withGpg(t), await isolatedPeers(t), await seedApp(registry)];
    const file = (name: string): string => join(peers.folder, name);
    await mkdir(file('registries.d'));
    const places = `default-docker:\n  lookaside: file://${file('lookaside')}\n  use-sigstore-attachments: true\n`;
    await writeFile(file('registries.d/a.yaml'), places);
    const fingerprint = await gpg.makeKey('Alice <alice@example.com>');
    await writeFile(file('alice.gpg'), await gpg.exportPublic(fingerprint));
    await writeFile(file('pw'), 'secret\n');
    await writeFile(file('accept.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    const global = ['--registries.d', file('registries.d'), '--policy'];
    const key = ['--output-prefix', file('k'), '--passphrase-file', file('pw')];
    succeeds(await peers.run('skopeo', ['generate-sigstore-key', ...key]));
    const signed = `${registry.host}/ns/signed:v1`;
    succeeds(
      await peers.run('skopeo', [
        ...[...global, file('accept.json'), 'copy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false'],
        ...['--sign-by-sigstore-private-key', file('k.private'), '--sign-passphrase-file', file('pw')],
        ...[app.name, `docker://${signed}`],
      ]),
    );
    const ours = async (...args: string[]) => {
      const common = ['--tls-verify=false', '--registries-d', file('registries.d')];
      const env = { HOME: peers.folder, SHEAF_HOME: file('store') };
      succeeds(await run(sheaf, [...args, ...common], { env }));
    };
    const secret = file('alice.key');
    await writeFile(secret, await gpg.exportSecret(fingerprint));
    await ours('sign', '--sign-key-file', secret, `docker://${signed}`);
    await ours('image', 'copy', '--all', `docker://${signed}`, `dir:${file('out')}`);
    await ours('image', 'copy', '--all', `dir:${file('out')}`, `docker://${registry.host}/else/where:v2`);
    const accepts = async (requirement: object): Promise<{ code: number; stderr: string }> => {
      const signedIdentity = { type: 'exactReference', dockerReference: signed };
      const requirements = [{ ...requirement, signedIdentity }];
      const policy = { default: [{ type: 'reject' }], transports: { docker: { [registry.host]: requirements } } };
      await writeFile(file('policy.json'), JSON.stringify(policy));
      const from = `docker://${registry.host}/else/where:v2`;
      const copy = ['copy', '--all', '--src-tls-verify=false', from, `dir:${file('seen')}`];
      return peers.run('skopeo', [...global, file('policy.json'), ...copy]);
    };
    succeeds(await accepts({ type: 'sigstoreSigned', keyPath: file('k.pub') }));
    succeeds(await accepts({ type: 'signedBy', keyType: 'GPGKeys', keyPath: file('alice.gpg') }));
    assert.notEqual((await accepts({ type: 'signedBy', keyType: 'GPGKeys', keyPath: file('k.pub') })).code, 0);
  });
});

describe('signatures in a layout', { skip: skipWithout('cosign', 'oras') }, () => {
  it('are found there by oras, and accepted by cosign in the registry that they were copied to', async (t) => {
    const arranged = await prepare(t);
    const { peers, name, file } = arranged;
    await keyFiles(arranged);
    const ours = async (...args: string[]) => {
      const env = { HOME: peers.folder, SHEAF_HOME: file('store'), SHEAF_SIGN_PASSPHRASE: 'secret' };
      succeeds(await run(sheaf, args, { env }));
    };
    const layout = `oci:${file('layout')}:app`;
    await ours('image', 'copy', '--all', '--tls-verify=false', `docker://${name}`, layout);
    const [host] = name.split('/');
    const stores = ['--signature-store', 'attachment', '--signature-store', 'bundle'];
    const key = ['--sign-by-sigstore-private-key', file('k.key')];
    await ours('sign', ...key, ...stores, '--sign-identity', `${host}/new/app:1`, layout);
    await ours('verify', '--key', file('k.pub'), layout);
    const discovered = await peers.run('oras', ['discover', '--oci-layout', `${file('layout')}:app`]);
    succeeds(discovered);
    assert.match(discovered.stdout, /application\/vnd\.dev\.sigstore\.bundle\.v0\.3\+json/);
    await ours('image', 'copy', '--all', '--referrers', '--tls-verify=false', layout, `docker://${host}/new/app:1`);
    for (const form of ['--new-bundle-format=true', '--new-bundle-format=false']) {
      const cosign = ['verify', '--key', file('k.pub'), ...offline, form, `${host}/new/app:1`];
      succeeds(await arranged.cosign(...cosign));
    }
  });
});

describe('signatures of an image that a mirror has', {
  skip: skipWithout('skopeo', 'registry', 'gpg', 'gpgconf'),
}, () => {
  it('are read there, under the name that was asked for, as by skopeo', async (t) => {
    const registry = await realRegistry(t, { port: await leasePort(t) });
    const [gpg, peers, app] = [await withGpg(t), await isolatedPeers(t), await seedApp(registry)];
    const file = (name: string): string => join(peers.folder, name);
    await mkdir(file('registries.d'));
    const places = `docker:\n  ${registry.host}:\n    lookaside: file://${file('lookaside')}\n    use-sigstore-attachments: true\n`;
    await writeFile(file('registries.d/a.yaml'), places);
    const conf = `[[registry]]\nlocation = "example.invalid/first"\n[[registry.mirror]]\nlocation = "${registry.host}/ns"\ninsecure = true\n`;
    await writeFile(file('registries.conf'), conf);
    const fingerprint = await gpg.makeKey('Alice <alice@example.com>');
    await writeFile(file('alice.gpg'), await gpg.exportPublic(fingerprint));
    await writeFile(file('alice.key'), await gpg.exportSecret(fingerprint));
    const key = sigstoreKey();
    await writeFile(file('k.pub'), key.pem);
    const env = await signingEnv(t);
    const registriesD = () => loadRegistriesD({ env: {}, homeDir: peers.folder, directory: file('registries.d') });
    const name = 'example.invalid/first/app:v1';
    const identity = { identity: name, stores: ['attachment', 'lookaside'] } as const;
    const signer = await createGpgKeySigner({ key: await gpg.exportSecret(fingerprint), what: 'k', creator }, session);
    await sign({ ...env, registriesD }, app.name, [signer, key.signer('attachment')], identity);
    const policyOf = async (requirement: object): Promise<string> => {
      const transports = { docker: { 'example.invalid': [requirement] } };
      await writeFile(file('policy.json'), JSON.stringify({ default: [{ type: 'reject' }], transports }));
      return file('policy.json');
    };
    const requirements: Array<[object, boolean]> = [
      [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: file('alice.gpg') }, true],
      [{ type: 'sigstoreSigned', keyPath: file('k.pub') }, true],
      [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: file('k.pub') }, false],
    ];
    const withMirror = { CONTAINERS_REGISTRIES_CONF: file('registries.conf') };
    for (const [requirement, taken] of requirements) {
      const policy = await policyOf(requirement);
      const global = ['--registries-conf', file('registries.conf'), '--registries.d', file('registries.d')];
      const copy = ['copy', '--all', `docker://${name}`, `dir:${file('theirs')}`];
      const theirs = await peers.run('skopeo', [...global, '--policy', policy, ...copy]);
      assert.equal(theirs.code === 0, taken, theirs.stderr);
      const ours = await run(
        sheaf,
        [
          'image',
          'copy',
          '--all',
          '--policy',
          policy,
          '--registries-d',
          file('registries.d'),
          `docker://${name}`,
          `dir:${file('ours')}`,
        ],
        { env: { HOME: peers.folder, SHEAF_HOME: file('store'), ...withMirror } },
      );
      assert.equal(ours.code === 0, taken, ours.stderr);
    }
  });
});
