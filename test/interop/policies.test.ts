/** Policies as nobody and everybody writes them: sheaf lets in what skopeo lets in, refuses what it refuses, and takes no other file. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { enforcePolicy } from '../../src/operations/enforce-policy.ts';
import { loadRegistriesD } from '../../src/registry-config/registries-d.ts';
import { parsePolicy } from '../../src/signing/policy/parse-policy.ts';
import { createKeylessSigner } from '../../src/signing/sigstore/keyless-signer.ts';
import { createSigstoreVerifier } from '../../src/signing/sigstore/verifier.ts';
import { createGpgKeySigner } from '../../src/signing/simple/key-signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import { creator, seedApp, session, sign, signingEnv, sigstoreKey, verify } from '../signing/support.ts';
import { withGpg } from '../support/gpg.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { pemOf } from '../support/sigstore-authority.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';
import { prepare } from './signed-list.ts';

const accept = { type: 'insecureAcceptAnything' };
const reject = { type: 'reject' };

type Outcome = 'taken' | 'refused';

describe('policies', { skip: skipWithout('skopeo', 'registry', 'gpg', 'gpgconf') }, () => {
  it('mean to sheaf what they mean to skopeo', async (t) => {
    const registry = await realRegistry(t, { port: await leasePort(t) });
    const [gpg, peers, own, app] = [
      await withGpg(t),
      await isolatedPeers(t),
      await signingEnv(t),
      await seedApp(registry),
    ];
    const file = (name: string): string => join(peers.folder, name);
    const directory = file('registries.d');
    await mkdir(directory);
    const places = `default-docker:\n  lookaside: file://${file('lookaside')}\n  use-sigstore-attachments: true\n`;
    await writeFile(join(directory, 'a.yaml'), places);
    const registriesD = () => loadRegistriesD({ env: {}, homeDir: peers.folder, directory });
    const env = { ...own, registriesD };
    const [alice, mallory] = [await gpg.makeKey('Alice <a@example.com>'), await gpg.makeKey('Mallory <m@example.com>')];
    await writeFile(file('alice.gpg'), await gpg.exportPublic(alice));
    await writeFile(file('mallory.gpg'), await gpg.exportPublic(mallory));
    const [key, other] = [sigstoreKey(), sigstoreKey()];
    await writeFile(file('key.pub'), key.pem);
    await writeFile(file('other.pub'), other.pem);
    await writeFile(file('junk'), 'no key at all');
    const text = Buffer.from(key.pem).toString();
    const forms = {
      'first.pub': Buffer.concat([key.pem, other.pem]),
      'second.pub': Buffer.concat([other.pem, key.pem]),
      'indented.pub': text.replaceAll(/^/gm, ' '),
      'headers.pub': text.replace('\n', '\nX-Header: a\n\n'),
      'unended.pub': Buffer.from(other.pem)
        .toString()
        .replace(/-----END.*\n$/, text),
      'spaces.pub': text.replaceAll('\n', ' \n'),
    };
    for (const [name, form] of Object.entries(forms)) await writeFile(file(name), form);
    const signer = await createGpgKeySigner({ key: await gpg.exportSecret(alice), what: 'k', creator }, session);
    await sign(env, app.name, [signer, key.signer('attachment')], { stores: ['lookaside', 'attachment'] });

    const host = registry.host;
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const gpgBy = (more: object = { keyPath: file('alice.gpg') }) => ({
      type: 'signedBy',
      keyType: 'GPGKeys',
      ...more,
    });
    const by = (more: object = { keyPath: file('key.pub') }) => ({ type: 'sigstoreSigned', ...more });
    const named = (signedIdentity: object) => ({ ...gpgBy(), signedIdentity });
    const remap = (prefix: string, signedPrefix: string) => named({ type: 'remapIdentity', prefix, signedPrefix });
    const ca = { caPath: file('junk'), oidcIssuer: 'https://i.example', subjectEmail: 'a@example.com' };
    const rekor = { rekorPublicKeyPath: file('key.pub') };
    const requirements: readonly unknown[] = [
      [gpgBy()],
      [gpgBy({ keyPath: file('mallory.gpg') })],
      [gpgBy({ keyPaths: [file('mallory.gpg'), file('alice.gpg')] })],
      [gpgBy({ keyPaths: [file('alice.gpg'), file('absent')] })],
      [gpgBy({ keyPaths: [] })],
      [gpgBy({ keyPath: '' })],
      [gpgBy({ keyPath: 5 })],
      [gpgBy({ keyPath: file('junk') })],
      [gpgBy({ keyData: base64(await gpg.exportPublic(alice)) })],
      [gpgBy({ keyData: `${base64(await gpg.exportPublic(alice))}\n` })],
      [gpgBy({ keyData: '!' })],
      [gpgBy({ keyData: '' })],
      [gpgBy({ keyPath: file('alice.gpg'), keyData: '' })],
      [gpgBy({ keyPath: file('alice.gpg'), keyPaths: [file('alice.gpg')] })],
      [gpgBy({})],
      [{ type: 'signedBy', keyPath: file('alice.gpg') }],
      [{ ...gpgBy(), keyType: 'signedByGPGKeys' }],
      [{ ...gpgBy(), keyType: 'keys' }],
      [{ ...gpgBy(), more: 1 }],
      [{ ...gpgBy(), signedIdentity: null }],
      [named({ type: 'matchExact' })],
      [named({ type: 'matchRepository' })],
      [named({ type: 'matchRepoDigestOrExact' })],
      [named({ type: 'matchRepoDigestOrExact', more: 1 })],
      [named({ type: 'matchAnything' })],
      [named({})],
      [named({ type: 'exactReference', dockerReference: `${host}/ns/app:v1` })],
      [named({ type: 'exactReference', dockerReference: `${host}/ns/app` })],
      [named({ type: 'exactReference', dockerReference: `${host}/ns/app:v2` })],
      [named({ type: 'exactReference' })],
      [named({ type: 'exactRepository', dockerRepository: `${host}/ns/app` })],
      [named({ type: 'exactRepository', dockerRepository: `${host}/ns/app:v1` })],
      [named({ type: 'exactRepository', dockerRepository: `${host}/ns` })],
      [remap(host, host)],
      [remap(`${host}/ns`, `${host}/ns`)],
      [remap(`${host}/n`, 'quay.io/x')],
      [remap(`${host}/ns/app`, `${host}/ns/app`)],
      [remap(`${host}/ns`, 'quay.io/ns')],
      [remap('quay.io', 'example.com')],
      [remap('', host)],
      [remap(`${host}/`, host)],
      [remap(`${host}/ns/app:v1`, host)],
      [remap('busybox', host)],
      [remap('*.example.com', host)],
      [by()],
      [by({ keyPath: file('other.pub') })],
      [by({ keyPaths: [file('other.pub'), file('key.pub')] })],
      [by({ keyPaths: [file('key.pub'), file('absent')] })],
      ...Object.keys(forms).map((name) => [by({ keyPath: file(name) })]),
      [by({ keyPaths: [file('indented.pub'), file('key.pub')] })],
      [by({ keyPaths: [] })],
      [by({ keyData: base64(key.pem) })],
      [by({ keyData: base64(key.pem).replace(/.{64}/, '$&\r\n') })],
      [by({ keyData: base64(key.pem).replace(/.{64}/, '$& ') })],
      [by({ keyDatas: [base64(other.pem), base64(key.pem)] })],
      [by({ keyDatas: [] })],
      [by({ keyPath: file('absent') })],
      [by({ keyPath: file('junk') })],
      [by({})],
      [by({ keyPath: file('key.pub'), ...rekor })],
      [by({ keyPath: file('key.pub'), rekorPublicKeyPaths: [] })],
      [by({ keyPath: file('key.pub'), keyData: base64(key.pem) })],
      [by({ fulcio: ca })],
      [by({ fulcio: ca, ...rekor })],
      [by({ fulcio: { ...ca, caData: '' }, ...rekor })],
      [by({ fulcio: { ...ca, oidcIssuer: undefined }, ...rekor })],
      [by({ fulcio: { ...ca, subjectEmail: undefined }, ...rekor })],
      [by({ fulcio: ca, keyPath: file('key.pub'), ...rekor })],
      [by({ pki: { caRootsPath: file('junk'), subjectEmail: 'a@example.com' } })],
      [by({ pki: { caRootsPath: file('junk') } })],
      [by({ pki: { caRootsPath: file('junk'), subjectHostname: 'a.example' }, ...rekor })],
      [gpgBy(), by()],
      [gpgBy(), by({ keyPath: file('other.pub') })],
      [gpgBy(), gpgBy({ keyPath: file('mallory.gpg') })],
      [gpgBy(), accept],
      [gpgBy(), reject],
      [accept, reject],
      [{ type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchExact' } }],
      [{ type: 'signedBaseLayer' }],
      [{ type: 'unheardOf' }],
      [{}],
      [],
      'accept',
      null,
    ];
    const at = (scope: string, what: unknown): object => ({
      default: [reject],
      transports: { docker: { [scope]: what } },
    });
    const documents: readonly unknown[] = [
      ...requirements.map((one) => at(host, one)),
      ...[
        `${host}/ns/app:v1`,
        `${host}/ns/app`,
        `${host}/ns`,
        `${host}/n`,
        '*.0.0.1',
        '*.0.1',
        '127.0.0.1',
        '',
        '*',
      ].map((scope) => at(scope, [accept])),
      ...[`${host}/ns/app@${app.index.digest}`, `${host}/ns/app:v2`].map((scope) => at(scope, [accept])),
      { default: [reject], transports: { docker: { [host]: [accept], [`${host}/ns`]: [reject] } } },
      { default: [reject], transports: { docker: { [host]: [reject], [`${host}/ns/app:v1`]: [gpgBy()] } } },
      { default: [accept], transports: { docker: { '': [reject] } } },
      { default: [accept], transports: { dir: { '': [reject] } } },
      { default: [accept], transports: { dir: { relative: [reject] } } },
      { default: [accept], transports: { dir: { '/a/../b': [reject] } } },
      { default: [accept], transports: { 'docker-archive': { '/a': [reject] } } },
      ...['x', '[overlay@rel]', '[overlay@/a]x:y', '/'].flatMap((scope) =>
        ['containers-storage', 'atomic'].map((name) => ({
          default: [accept],
          transports: { [name]: { [scope]: [reject] } },
        })),
      ),
      { default: [accept], transports: { 'docker-daemon': { [app.index.digest]: [reject] } } },
      { default: [accept], transports: { unknown: { anything: [reject] } } },
      { default: [accept], transports: { unknown: { anything: [] } } },
      { default: [accept], transports: null },
      { default: [accept], transports: { docker: null } },
      { default: [] },
      { transports: {} },
      { default: [accept], more: 1 },
      [],
    ];
    const texts = [
      ...documents.map((one) => JSON.stringify(one)),
      '{"default":[{"type":"insecureAcceptAnything"}],"default":[{"type":"reject"}]}',
      '{"default":[{"type":"reject","type":"insecureAcceptAnything"}]}',
      '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{},"docker":{}}}',
      '{"default":[{"type":"insecureAcceptAnything"}]} trailing',
      '{"Default":[{"type":"insecureAcceptAnything"}]}',
      '// comment\n{"default":[{"type":"insecureAcceptAnything"}]}',
      '',
    ];
    const skopeo = async (text: string, number: number): Promise<Outcome> => {
      await writeFile(file(`p${number}.json`), text);
      const global = ['--policy', file(`p${number}.json`), '--registries.d', directory];
      const inspect = ['copy', '-q', '--all', '--src-tls-verify=false', app.name, `dir:${file(`out${number}`)}`];
      return (await peers.run('skopeo', [...global, ...inspect])).code === 0 ? 'taken' : 'refused';
    };
    const verifier = createSigstoreVerifier(session.clock);
    const sheaf = async (text: string): Promise<Outcome> => {
      try {
        const policy = parsePolicy(Buffer.from(text), 'policy.json');
        const guard = { policy: async () => policy, registriesD, verifier };
        const [root, ...used] = [app.index, ...app.images].map(({ mediaType, digest, size }) => ({
          mediaType,
          digest: digest as typeof app.index.digest,
          size,
        }));
        assert.ok(root);
        await enforcePolicy(env, guard, { location: locate(app.name), root, used });
        return 'taken';
      } catch (thrown) {
        assert.match((thrown as { code?: string }).code ?? '', /^POLICY_(INVALID|REJECTED)$/, text);
        return 'refused';
      }
    };
    const differing: string[] = [];
    const waiting = texts.map((text, number) => ({ text, number }));
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [theirs, ours] = [await skopeo(next.text, next.number), await sheaf(next.text)];
        if (theirs !== ours) differing.push(`skopeo: ${theirs}, sheaf: ${ours}: ${next.text}`);
      }
    };
    await Promise.all([work(), work(), work()]);
    assert.deepEqual(differing, []);
  });
});

describe('policies about certificates', { skip: skipWithout('skopeo') }, () => {
  it('mean to sheaf what they mean to skopeo', async (t) => {
    const prepared = await prepare(t);
    const services = await sigstoreServices(t);
    const { file, name } = prepared;
    const { url, authority } = services;
    const token = async (): Promise<string> => identityToken();
    await prepared.sign(
      createKeylessSigner({ produce: ['attachment'], creator, fulcioUrl: url, rekorUrl: url, token }),
    );
    await writeFile(file('ca.pem'), pemOf(authority.root));
    await writeFile(file('chain.pem'), pemOf(authority.intermediate, authority.root));
    await writeFile(file('between.pem'), pemOf(authority.intermediate));
    await writeFile(file('rekor.pub'), services.rekorKey);
    await writeFile(file('other.pub'), sigstoreKey().pem);
    await writeFile(file('second.pub'), Buffer.concat([sigstoreKey().pem, Buffer.from(services.rekorKey)]));
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
    await writeFile(file('rsa.pub'), rsa.export({ type: 'spki', format: 'pem' }));
    const elsewhere = await sigstoreServices(t);
    await writeFile(file('other-ca.pem'), pemOf(elsewhere.authority.root));
    const who = { caPath: file('ca.pem'), oidcIssuer: testIssuer, subjectEmail: 'alice@example.com' };
    const rekor = { rekorPublicKeyPath: file('rekor.pub') };
    const data = Buffer.from(pemOf(authority.root)).toString('base64');
    const { caPath: _, ...withoutCa } = who;
    const roots = { caRootsPath: file('ca.pem') };
    const requirements: ReadonlyArray<Record<string, unknown>> = [
      { fulcio: who, ...rekor },
      { fulcio: { ...withoutCa, caData: data }, ...rekor },
      { fulcio: { ...who, caPath: file('chain.pem') }, ...rekor },
      { fulcio: { ...who, caPath: file('other-ca.pem') }, ...rekor },
      { fulcio: { ...who, oidcIssuer: `${testIssuer}/` }, ...rekor },
      { fulcio: { ...who, subjectEmail: 'Alice@example.com' }, ...rekor },
      { fulcio: who, rekorPublicKeyPath: file('other.pub') },
      { fulcio: who, rekorPublicKeyPaths: [file('other.pub'), file('rekor.pub')] },
      { fulcio: who, rekorPublicKeyDatas: [Buffer.from(services.rekorKey).toString('base64')] },
      { fulcio: who, rekorPublicKeyPaths: [file('rekor.pub'), file('rsa.pub')] },
      { fulcio: who, rekorPublicKeyPath: file('second.pub') },
      { fulcio: { ...withoutCa, caData: `${data}\n` }, ...rekor },
      { pki: { ...roots, subjectEmail: 'alice@example.com' } },
      { pki: { ...roots, subjectEmail: 'bob@example.com' } },
      { pki: { ...roots, caIntermediatesPath: file('between.pem'), subjectEmail: 'alice@example.com' } },
      { pki: { ...roots, subjectHostname: 'alice.example.com' } },
      { pki: { ...roots, subjectEmail: 'alice@example.com', subjectHostname: 'alice.example.com' } },
      { pki: { caRootsPath: file('other-ca.pem'), subjectEmail: 'alice@example.com' } },
      { keyPath: file('other.pub') },
      { keyPath: file('rekor.pub'), ...rekor },
    ];
    const env = await signingEnv(t);
    const [host = ''] = name.split('/');
    for (const requirement of requirements) {
      const theirs = (await prepared.skopeo(requirement)).code === 0;
      const transports = { docker: { [host]: [{ type: 'sigstoreSigned', ...requirement }] } };
      const text = JSON.stringify({ default: [{ type: 'reject' }], transports });
      const policy = parsePolicy(Buffer.from(text), 'policy.json');
      const ours = await verify(env, `docker://${name}`, { kind: 'policy', policy });
      assert.equal(ours.verified, theirs, JSON.stringify(requirement));
    }
  });
});
