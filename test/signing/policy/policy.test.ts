import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseReference } from '../../../src/oci/reference.ts';
import { evaluatePolicy } from '../../../src/signing/policy/evaluate.ts';
import { identityMatches } from '../../../src/signing/policy/identities.ts';
import { loadPolicy } from '../../../src/signing/policy/load-policy.ts';
import { parsePolicy } from '../../../src/signing/policy/parse-policy.ts';
import { type IdentityRule, requirementsFor } from '../../../src/signing/policy/policy.ts';
import { scopesOfImage } from '../../../src/signing/policy/scopes.ts';
import type { ImageSignature } from '../../../src/signing/signature.ts';
import { createSigstoreVerifier } from '../../../src/signing/sigstore/verifier.ts';
import { testFolder } from '../../support/folders.ts';
import { gpgKey, session, sigstoreKey } from '../support.ts';

const parse = (policy: unknown) => parsePolicy(Buffer.from(JSON.stringify(policy)), 'policy.json');
const accept = [{ type: 'insecureAcceptAnything' }];
const oneOf = (requirement: unknown) => ({ default: [requirement] });
const data = Buffer.from('key').toString('base64');
const gpg = { type: 'signedBy', keyType: 'GPGKeys' };
const fulcio = { caPath: '/ca', oidcIssuer: 'https://issuer', subjectEmail: 'a@b.c' };
const pki = { caRootsPath: '/ca', subjectEmail: 'a@b.c' };

describe('parsePolicy', () => {
  it('takes every requirement and identity that the format has', () => {
    const identities = [
      { type: 'matchExact' },
      { type: 'matchRepoDigestOrExact' },
      { type: 'matchRepository' },
      { type: 'exactReference', dockerReference: 'a.org/b:c' },
      { type: 'exactRepository', dockerRepository: 'a.org/b' },
      { type: 'remapIdentity', prefix: 'a.org:5000', signedPrefix: 'b.org/x' },
    ];
    for (const signedIdentity of identities) parse(oneOf({ ...gpg, keyPath: '/k', signedIdentity }));
    const requirements = [
      { type: 'insecureAcceptAnything' },
      { type: 'reject' },
      { ...gpg, keyPaths: ['/a', '/b'] },
      { ...gpg, keyData: data },
      { type: 'sigstoreSigned', keyPath: '/k', rekorPublicKeyPath: '/r' },
      { type: 'sigstoreSigned', keyDatas: [data, data], rekorPublicKeyDatas: [data] },
      { ...gpg, keyData: `\n${data.slice(0, 2)}\r\n${data.slice(2)}\r` },
      { type: 'sigstoreSigned', keyDatas: [`${data}\n`], rekorPublicKeyData: `\r${data}` },
      { type: 'sigstoreSigned', fulcio, rekorPublicKeyData: data },
      { type: 'sigstoreSigned', pki },
      { type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchExact' } },
    ];
    const policy = parse({
      default: requirements,
      transports: { docker: { '': requirements }, unknown: { '??': accept } },
    });
    assert.equal(policy.default.length, requirements.length);
  });

  it('refuses whatever the format does not have', () => {
    const bad: Array<[unknown, RegExp]> = [
      [{}, /default must be a list/],
      [{ default: [] }, /at least one/],
      [{ default: accept, more: 1 }, /unknown key "more"/],
      [{ default: accept, transports: [] }, /transports is no object/],
      [{ default: accept, transports: { docker: { a: [] } } }, /at least one/],
      [{ default: accept, transports: { dir: { a: accept } } }, /no absolute path/],
      [{ default: accept, transports: { dir: { '/': accept } } }, /in place of "\/"/],
      [{ default: accept, transports: { oci: { '/a/../b': accept } } }, /shortest form/],
      [{ default: accept, transports: { 'docker-archive': { '/a': accept } } }, /the scope "" alone/],
      [oneOf({ type: 'nonsense' }), /unknown type/],
      [oneOf({ type: 'reject', x: 1 }), /unknown key "x"/],
      [oneOf(gpg), /none of keyPath/],
      [oneOf({ ...gpg, keyPath: '/a', keyData: data }), /only one of keyPath, keyData/],
      [oneOf({ ...gpg, keyData: '!' }), /not base64/],
      [oneOf({ ...gpg, keyData: '\n' }), /not base64/],
      [oneOf({ ...gpg, keyData: `${data} ` }), /not base64/],
      [oneOf({ ...gpg, keyPaths: [] }), /at least one/],
      [oneOf({ ...gpg, keyType: 'other', keyPath: '/a' }), /unknown keyType/],
      [oneOf({ ...gpg, keyPath: '/a', signedIdentity: { type: 'x' } }), /unknown type/],
      [
        oneOf({ ...gpg, keyPath: '/a', signedIdentity: { type: 'exactReference', dockerReference: 'a' } }),
        /neither tag/,
      ],
      [
        oneOf({ ...gpg, keyPath: '/a', signedIdentity: { type: 'remapIdentity', prefix: 'a:b:c', signedPrefix: 'x' } }),
        /prefix/,
      ],
      [oneOf({ type: 'sigstoreSigned' }), /none of keyPath/],
      [oneOf({ type: 'sigstoreSigned', keyPath: '/a', fulcio }), /only one of keys, fulcio/],
      [oneOf({ type: 'sigstoreSigned', fulcio }), /key of a log is needed/],
      [oneOf({ type: 'sigstoreSigned', fulcio: { caPath: '/a' }, rekorPublicKeyPath: '/r' }), /oidcIssuer is missing/],
      [oneOf({ type: 'sigstoreSigned', pki, rekorPublicKeyPath: '/r' }), /no key of a log/],
      [oneOf({ type: 'sigstoreSigned', pki: { caRootsPath: '/a' } }), /neither subjectEmail nor/],
      [oneOf({ type: 'signedBaseLayer' }), /baseLayerIdentity is no object/],
    ];
    for (const [policy, message] of bad) {
      assert.throws(
        () => parse(policy),
        { name: 'UsageError', code: 'POLICY_INVALID', message },
        JSON.stringify(policy),
      );
    }
    const twice = Buffer.from('{"default":[{"type":"reject","type":"insecureAcceptAnything"}]}');
    assert.throws(() => parsePolicy(twice, 'policy.json'), { code: 'POLICY_INVALID', message: /twice/ });
  });
});

describe('the scopes of a transport', () => {
  const hex = 'ab'.repeat(32);
  const scopes: Readonly<Record<string, { taken: readonly string[]; refused: readonly string[] }>> = {
    atomic: {
      taken: ['host', 'host:5000/ns/stream:tag', '/a/b', '[overlay@/a]x', '*'],
      refused: ['/a/./b', '[overlay@/a]x:y', 'host/ns:tag', 'host/ns/stream:tag:tag', 'a/b/c/d'],
    },
    'docker-daemon': { taken: ['a.org/b:c', hex, 'sha256:ab', 'x y'], refused: [`sha256:${hex}`] },
    'containers-storage': {
      taken: [
        '[/a]',
        '[overlay@/a]x:y',
        '[o@/a+/b]',
        `[/a]@${hex}`,
        `[/a]x@sha256:${hex}`,
        `[/a]x@sha256:${hex}@${hex}`,
      ],
      refused: [
        ...['x', '[', '[]', '[a', '[overlay@]', '[@/a]', '[overlay@rel]', '[rel]', '[/a@b]', '[a@b@/c]', '/', '*'],
        ...['[/a]x@', '[/a]x@sha256:ab', `[/a]x@${hex}@${hex}`, `[/a]x@sha256:${hex}@${hex}@`],
      ],
    },
    docker: { taken: ['*', 'x y', 'http://x'], refused: [] },
  };
  for (const [transport, { taken, refused }] of Object.entries(scopes)) {
    it(`of ${transport} are those that containers/image takes`, () => {
      const policyOf = (scope: string) => ({ default: accept, transports: { [transport]: { [scope]: accept } } });
      for (const scope of taken) assert.doesNotThrow(() => parse(policyOf(scope)), scope);
      for (const scope of refused) assert.throws(() => parse(policyOf(scope)), { code: 'POLICY_INVALID' }, scope);
    });
  }
});

describe('the scope that decides', () => {
  it('is the most specific one, and no other', async () => {
    const named = (type: string) => [{ type, ...(type === 'signedBy' ? { keyType: 'GPGKeys', keyPath: '/k' } : {}) }];
    const policy = parse({
      default: named('reject'),
      transports: {
        docker: { 'a.org/b/c:1': accept, 'a.org/b': named('signedBy'), '*.org': accept },
        dir: { '/x': accept, '': named('signedBy') },
      },
    });
    const typeFor = async (
      transport: string,
      place: { reference?: string; path?: string },
    ): Promise<string | undefined> => {
      const { reference, path } = place;
      const scopes = await scopesOfImage(transport, {
        ...(reference === undefined ? {} : { reference: parseReference(reference) }),
        ...(path === undefined ? {} : { path }),
      });
      return requirementsFor(policy, transport, scopes)[0]?.type;
    };
    assert.equal(await typeFor('docker', { reference: 'a.org/b/c:1' }), 'insecureAcceptAnything');
    assert.equal(await typeFor('docker', { reference: 'a.org/b/c:2' }), 'signedBy');
    assert.equal(await typeFor('docker', { reference: 'a.org/bc:2' }), 'insecureAcceptAnything');
    assert.equal(await typeFor('docker', { reference: 'b.com/x:1' }), 'reject');
    assert.equal(await typeFor('dir', { path: '/x/y/z' }), 'insecureAcceptAnything');
    assert.equal(await typeFor('dir', { path: '/xy' }), 'signedBy');
    assert.equal(await typeFor('oci', { path: '/x' }), 'reject');
  });
});

describe('identityMatches', () => {
  const check = (rule: IdentityRule, intended: string | undefined, signed: string): boolean =>
    identityMatches(rule, intended === undefined ? undefined : parseReference(intended), signed);
  const digest = `sha256:${'ab'.repeat(32)}`;

  it('compares as containers/image does', () => {
    const exact = { type: 'matchExact' } as const;
    const usual = { type: 'matchRepoDigestOrExact' } as const;
    const repository = { type: 'matchRepository' } as const;
    const cases: Array<[IdentityRule, string | undefined, string, boolean]> = [
      [exact, 'a.org/b:1', 'a.org/b:1', true],
      [exact, 'a.org/b:1', 'a.org/b:2', false],
      [exact, 'a.org/b:1', 'a.org/b', false],
      [exact, `a.org/b@${digest}`, 'a.org/b:1', false],
      [exact, 'busybox:1', 'docker.io/library/busybox:1', true],
      [usual, 'a.org/b:1', 'a.org/b:1', true],
      [usual, 'a.org/b:1', 'a.org/b:2', false],
      [usual, 'a.org/b:1', 'a.org/b', false],
      [usual, `a.org/b@${digest}`, 'a.org/b:1', true],
      [usual, `a.org/b@${digest}`, 'a.org/c:1', false],
      [usual, `a.org/b:1@${digest}`, 'a.org/b:2', false],
      [usual, `a.org/b:1@${digest}`, 'a.org/b:1', true],
      [usual, undefined, 'a.org/b:1', false],
      [repository, 'a.org/b:1', 'a.org/b', true],
      [repository, 'a.org/b:1', 'a.org/b:2', true],
      [repository, 'a.org/b:1', 'a.org/bb', false],
      [repository, 'a.org/b:1', 'not a NAME', false],
      [{ type: 'exactReference', reference: 'x.org/y:1' }, undefined, 'x.org/y:1', true],
      [{ type: 'exactReference', reference: 'x.org/y:1' }, 'x.org/y:1', 'x.org/y', false],
      [{ type: 'exactRepository', repository: 'x.org/y' }, undefined, 'x.org/y', true],
      [{ type: 'exactRepository', repository: 'x.org/y' }, 'x.org/z:1', 'x.org/z:1', false],
    ];
    for (const [rule, intended, signed, wanted] of cases) {
      assert.equal(check(rule, intended, signed), wanted, `${JSON.stringify(rule)} ${intended} ${signed}`);
    }
  });

  it('replaces a prefix once, where it ends with a part of the name', () => {
    const rule = { type: 'remapIdentity', prefix: 'mirror.org/v', signedPrefix: 'a.org' } as const;
    assert.equal(check(rule, 'mirror.org/v/b:1', 'a.org/b:1'), true);
    assert.equal(check(rule, 'mirror.org/v/b:1', 'mirror.org/v/b:1'), false);
    assert.equal(check(rule, 'mirror.org/vv/b:1', 'a.orgv/b:1'), false);
    assert.equal(check(rule, 'mirror.org/vv/b:1', 'mirror.org/vv/b:1'), true);
    const host = { type: 'remapIdentity', prefix: 'm.org:5000', signedPrefix: 'a.org/team' } as const;
    assert.equal(check(host, 'm.org:5000/b:1', 'a.org/team/b:1'), true);
    assert.equal(check(host, 'm.org:5000/b:1', 'a.org/team/b:2'), false);
  });
});

describe('evaluatePolicy', () => {
  it('wants all requirements, and of the signatures one for each', async () => {
    const [alice, bob, key] = [await gpgKey('Alice'), await gpgKey('Bob'), sigstoreKey()];
    const claim = { digest: `sha256:${'cd'.repeat(32)}` as const, identity: 'a.org/b:1' };
    const made: ImageSignature[] = [];
    for (const signer of [alice.signer, key.signer('attachment')]) made.push(...(await signer.sign(session, claim)));
    const by = ({ publicKey }: typeof alice) => ({
      ...gpg,
      keyData: Buffer.from(publicKey.write()).toString('base64'),
    });
    const sigstore = { type: 'sigstoreSigned', keyData: Buffer.from(key.pem).toString('base64') };
    const evaluate = async (requirements: unknown[], signatures = made, digest = claim.digest) => {
      const subject = {
        name: 'docker://a.org/b:1',
        digest,
        intended: parseReference('a.org/b:1'),
        signatures: async () => signatures,
      };
      const tools = { verifier: createSigstoreVerifier(session.clock), now: new Date() };
      return evaluatePolicy(parse({ default: requirements }).default, subject, tools);
    };
    assert.deepEqual(
      (await evaluate([by(alice), sigstore])).evidence.map(({ format }) => format),
      ['simple', 'attachment'],
    );
    assert.equal((await evaluate([by(alice), by(bob)])).accepted, false);
    const texts = [Buffer.concat([key.pem, sigstoreKey().pem]), Buffer.concat([sigstoreKey().pem, key.pem])];
    const [first, second] = texts.map((text) => ({ type: 'sigstoreSigned', keyData: text.toString('base64') }));
    assert.equal((await evaluate([first])).accepted, true);
    assert.equal((await evaluate([second])).accepted, false);
    assert.match((await evaluate([sigstore], [])).reason ?? '', /^A signature was required, but no signature exists$/);
    assert.match(
      (await evaluate([sigstore], made.slice(0, 1))).reason ?? '',
      /\(1 non-sigstore signatures, 0 sigstore/,
    );
    assert.match((await evaluate([by(alice)], made, `sha256:${'00'.repeat(32)}`)).reason ?? '', /does not match/);
    const twice = (await evaluate([by(bob)], [...made, ...made])).reason ?? '';
    assert.match(twice, /^None of the signatures were accepted, reasons: [^;]*Could not find signing key[^;]*$/);
    const absent = { ...gpg, keyPath: '/nonexistent/key.gpg' };
    assert.match((await evaluate([absent], [])).reason ?? '', /no signature exists/);
    assert.match((await evaluate([absent])).reason ?? '', /cannot be read/);
    for (const other of [{ type: 'reject' }, { type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchExact' } }]) {
      assert.equal((await evaluate([...accept, other])).accepted, false);
    }
    assert.equal((await evaluate([{ ...by(alice), keyType: 'X509Certificates' }])).accepted, false);
  });
});

describe('loadPolicy', () => {
  it('takes the first file that is there, and none where there is none', async (t) => {
    const folder = await testFolder(t);
    const places = {
      env: {},
      homeDir: join(folder, 'home'),
      systemDir: join(folder, 'etc'),
      shareDir: join(folder, 'share'),
    };
    const write = async (path: string, type: string): Promise<void> => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), JSON.stringify({ default: [{ type }] }));
    };
    const found = async (more: object = {}) => (await loadPolicy({ ...places, ...more }))?.default[0]?.type;
    assert.equal(await found(), undefined);
    await write('share/containers/policy.json', 'reject');
    assert.equal(await found(), 'reject');
    await write('etc/containers/policy.json', 'insecureAcceptAnything');
    assert.equal(await found(), 'insecureAcceptAnything');
    await write('home/.config/containers/policy.json', 'reject');
    assert.equal(await found(), 'reject');
    await write('named.json', 'insecureAcceptAnything');
    assert.equal(
      await found({ env: { CONTAINERS_POLICY_JSON: join(folder, 'named.json') } }),
      'insecureAcceptAnything',
    );
    const absent = { name: 'NotFoundError', code: 'POLICY_NOT_FOUND' };
    await assert.rejects(found({ file: join(folder, 'absent.json') }), absent);
  });
});
