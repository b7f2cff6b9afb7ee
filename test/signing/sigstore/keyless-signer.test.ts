import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import { createConnections } from '../../../src/distribution/connections.ts';
import { createSession, type Session } from '../../../src/foundation/session.ts';
import type { SigstoreTrust } from '../../../src/signing/policy/attachment-verifier.ts';
import { createKeylessSigner, type KeylessSignerOptions } from '../../../src/signing/sigstore/keyless-signer.ts';
import { logAnnotationOf, testify } from '../../../src/signing/sigstore/services.ts';
import { createSigstoreVerifier } from '../../../src/signing/sigstore/verifier.ts';
import { forwardProxy } from '../../support/forward-proxy.ts';
import { pemOf, sigstoreAuthority } from '../../support/sigstore-authority.ts';
import { identityToken, type SigstoreServices, sigstoreServices, testIssuer } from '../../support/sigstore-services.ts';
import { annotated, attachmentOf, bundleOf, claim, creator, edited, rejects, session } from './samples.ts';

const verifier = createSigstoreVerifier(session.clock);

function optionsFor(services: SigstoreServices, more: Partial<KeylessSignerOptions> = {}): KeylessSignerOptions {
  const { url } = services;
  return {
    produce: ['attachment', 'bundle'],
    creator,
    fulcioUrl: url,
    rekorUrl: url,
    token: async () => identityToken(),
    ...more,
  };
}

type Identity = Extract<SigstoreTrust, { kind: 'identity' }>;

function alice({ trustedRoot }: SigstoreServices, more: Partial<Identity> = {}): Identity {
  return {
    kind: 'identity',
    subject: { exact: 'alice@example.com' },
    issuer: { exact: testIssuer },
    trustedRoot,
    ...more,
  };
}

function byPolicy({ authority, rekorKey }: SigstoreServices): Extract<SigstoreTrust, { kind: 'fulcio' }> {
  return {
    kind: 'fulcio',
    authorities: Buffer.from(pemOf(authority.root)),
    oidcIssuer: testIssuer,
    subjectEmail: 'alice@example.com',
    rekorKeys: [Buffer.from(rekorKey)],
  };
}

describe('keyless signatures', () => {
  it('are good under the trusted root, as attachment and as bundle, with the log and its time', async (t) => {
    const services = await sigstoreServices(t);
    const signatures = await createKeylessSigner(optionsFor(services)).sign(session, claim);
    const trust = alice(services);
    for (const by of [
      await verifier.verifyAttachment(attachmentOf(signatures), trust),
      await verifier.verifyBundle(bundleOf(signatures), claim.digest, trust),
    ]) {
      assert.equal(by.signer, `alice@example.com (${testIssuer})`);
      assert.match(by.log ?? '', /^Rekor log [0-9a-f]{16}, index \d+$/);
      assert.ok(Math.abs((by.time?.getTime() ?? 0) - Date.now()) < 60_000);
    }
  });

  it('are good under a Fulcio policy of the same authority', async (t) => {
    const services = await sigstoreServices(t);
    const signatures = await createKeylessSigner(optionsFor(services)).sign(session, claim);
    const trust = byPolicy(services);
    const by = await verifier.verifyAttachment(attachmentOf(signatures), trust);
    assert.equal(by.signer, `alice@example.com (${testIssuer})`);
    assert.match(by.log ?? '', /Rekor/);
    // bundles carry no intermediate certificates: the policy has to name them
    const chain = Buffer.from(pemOf(services.authority.intermediate, services.authority.root));
    await verifier.verifyBundle(bundleOf(signatures), claim.digest, { ...trust, authorities: chain });
  });

  it('are made for many manifests with one certificate', async (t) => {
    const services = await sigstoreServices(t);
    let tokens = 0;
    const token = async (): Promise<string> => {
      tokens += 1;
      return identityToken();
    };
    const signer = createKeylessSigner(optionsFor(services, { produce: ['attachment'], token }));
    await Promise.all([1, 2, 3].map(() => signer.sign(session, claim)));
    assert.equal(services.asked.filter((path) => path === '/api/v2/signingCert').length, 1);
    assert.equal(tokens, 1);
  });

  it('are known again by a later run: by identity, issuer and authority, under the same name, with a log', async (t) => {
    const services = await sigstoreServices(t);
    const signatures = await createKeylessSigner(optionsFor(services)).sign(session, claim);
    const later = createKeylessSigner(optionsFor(services));
    for (const signature of signatures) assert.ok(await later.isMine(signature, claim, session));
    const elsewhere = await sigstoreServices(t);
    const others: Array<[KeylessSignerOptions, string]> = [
      [optionsFor(services, { token: async () => identityToken({ email: 'bob@example.com' }) }), 'another identity'],
      [optionsFor(elsewhere), 'another authority'],
    ];
    for (const [options, what] of others) {
      const signer = createKeylessSigner(options);
      for (const signature of signatures) assert.ok(!(await signer.isMine(signature, claim, session)), what);
    }
    const [attachment, bundle] = [attachmentOf(signatures), bundleOf(signatures)];
    assert.ok(!(await later.isMine(attachment, { ...claim, identity: 'registry.example/team/app:2' }, session)));
    const otherDigest = { ...claim, digest: `sha256:${'00'.repeat(32)}` } as const;
    for (const one of [attachment, bundle]) assert.ok(!(await later.isMine(one, otherDigest, session)));
    const { 'dev.sigstore.cosign/bundle': _, ...unlogged } = attachment.annotations;
    assert.ok(!(await later.isMine({ ...attachment, annotations: unlogged }, claim, session)));
    assert.ok(!(await later.isMine({ ...attachment, payload: Buffer.from('{}') }, claim, session)));
  });

  it('need nobody to say who we are where there is nothing of anybody with a certificate', async (t) => {
    const services = await sigstoreServices(t);
    const never = async (): Promise<string> => assert.fail('asked for a token');
    const signer = createKeylessSigner(optionsFor(services, { token: never }));
    assert.ok(!(await signer.isMine({ kind: 'simple', message: Buffer.from('x') }, claim, session)));
    assert.ok(!(await signer.isMine({ kind: 'bundle', bundle: Buffer.from('{}') }, claim, session)));
  });

  it('reach the authority through the proxy of the environment', async (t) => {
    const services = await sigstoreServices(t);
    const proxy = await forwardProxy(t, { 'fulcio.test': Number(new URL(services.url).port) });
    const connections = createConnections({ env: proxy.env, retry: { maxRetries: 0 } });
    t.after(() => connections.close());
    const options = optionsFor(services, { fulcioUrl: 'http://fulcio.test', connections });
    const signatures = await createKeylessSigner(options).sign(session, claim);
    await verifier.verifyBundle(bundleOf(signatures), claim.digest, alice(services));
    const seen = [...proxy.tunnels, ...proxy.plain.map(({ url }) => url)].join(' ');
    assert.match(seen, /fulcio\.test/);
  });

  it('ask for a new certificate when the first one nears its end', async (t) => {
    const services = await sigstoreServices(t);
    let ahead = 0;
    const clock = { ...session.clock, now: () => Date.now() + ahead };
    const signer = createKeylessSigner(optionsFor(services, { produce: ['bundle'] }));
    const later: Session = { ...createSession(), clock };
    await signer.sign(later, claim);
    ahead = 8 * 60_000;
    await signer.sign(later, claim);
    assert.equal(services.asked.filter((path) => path === '/api/v2/signingCert').length, 2);
  });

  it('have a timestamp when an authority is named', async (t) => {
    const services = await sigstoreServices(t);
    const options = optionsFor(services, { timestampUrl: services.url });
    const signatures = await createKeylessSigner(options).sign(session, claim);
    await verifier.verifyAttachment(attachmentOf(signatures), alice(services));
    await verifier.verifyBundle(bundleOf(signatures), claim.digest, alice(services));
    const broken = annotated(attachmentOf(signatures), { 'dev.sigstore.cosign/rfc3161timestamp': '{}' });
    await rejects(verifier.verifyAttachment(broken, alice(services)), /timestamp/);
  });

  it('go into a log of version 2 as bundles, with a timestamp', async (t) => {
    const services = await sigstoreServices(t);
    const more = { rekorVersion: 2, timestampUrl: services.url, produce: ['bundle'] } as const;
    const bundle = bundleOf(await createKeylessSigner(optionsFor(services, more)).sign(session, claim));
    const by = await verifier.verifyBundle(bundle, claim.digest, alice(services));
    assert.ok(by.time !== undefined && by.log !== undefined);
    assert.throws(() => createKeylessSigner(optionsFor(services, { rekorVersion: 2 })), {
      code: 'REKOR_V2_ATTACHMENT',
    });
    assert.throws(() => createKeylessSigner(optionsFor(services, { rekorVersion: 2, produce: ['bundle'] })), {
      code: 'TIMESTAMP_AUTHORITY_MISSING',
    });
  });

  it('are not taken for those of anybody else', async (t) => {
    const services = await sigstoreServices(t);
    const signatures = await createKeylessSigner(optionsFor(services)).sign(session, claim);
    const other = await sigstoreServices(t);
    const wrong: [SigstoreTrust, RegExp][] = [
      [alice(services, { subject: { exact: 'alice@example.co' } }), /who is not accepted/],
      [alice(services, { subject: { exact: 'lice@example.com' } }), /who is not accepted/],
      [alice(services, { subject: { pattern: /alice@example\.co/ } }), /who is not accepted/],
      [alice(services, { issuer: { exact: 'https://issuer.exampl' } }), /who is not accepted/],
      [alice(services, { issuer: { pattern: /issuer/g } }), /who is not accepted/],
      [alice(other), /verification failed/],
    ];
    for (const [trust, reason] of wrong) {
      await rejects(verifier.verifyAttachment(attachmentOf(signatures), trust), reason);
      await rejects(verifier.verifyBundle(bundleOf(signatures), claim.digest, trust), reason);
    }
    const right = alice(services, { subject: { pattern: /[a-z]+@example\.com/ }, issuer: { pattern: /https:.*/g } });
    await verifier.verifyAttachment(attachmentOf(signatures), right);
    await verifier.verifyBundle(bundleOf(signatures), claim.digest, right);
  });

  it('are rejected under a policy that names another authority, log, issuer or address', async (t) => {
    const services = await sigstoreServices(t);
    const attachment = attachmentOf(await createKeylessSigner(optionsFor(services)).sign(session, claim));
    const trust = byPolicy(services);
    const other = Buffer.from(pemOf(sigstoreAuthority().root));
    const otherLog = Buffer.from((await sigstoreServices(t)).rekorKey);
    for (const [change, reason] of [
      [{ authorities: other }, /unknown authority/],
      [{ rekorKeys: [otherLog] }, /Rekor SET/],
      [{ rekorKeys: [] }, /Rekor SET/],
      [{ oidcIssuer: 'https://other.example' }, /Unexpected Fulcio OIDC issuer/],
      [{ subjectEmail: 'bob@example.com' }, /Required email "bob@example.com" not found/],
    ] as const) {
      await rejects(verifier.verifyAttachment(attachment, { ...trust, ...change }), reason);
    }
    const pki = { kind: 'pki', roots: trust.authorities, subjectEmail: 'alice@example.com' } as const;
    await verifier.verifyAttachment(attachment, pki);
    await rejects(verifier.verifyAttachment(attachment, { ...pki, subjectHostname: 'a.example' }), /Required hostname/);
    await rejects(verifier.verifyAttachment(attachment, { ...pki, subjectEmail: 'bob@example.com' }), /Required email/);
    const late = createSigstoreVerifier({ now: () => Date.now() + 3_600_000 });
    await rejects(late.verifyAttachment(attachment, pki), /expired/);
    await rejects(verifier.verifyAttachment(attachment, { kind: 'pki', roots: trust.authorities }), /no subject/);
  });

  it('are rejected when a part is taken away, changed or exchanged', async (t) => {
    const services = await sigstoreServices(t);
    const signer = createKeylessSigner(optionsFor(services));
    const attachment = attachmentOf(await signer.sign(session, claim));
    const second = attachmentOf(await signer.sign(session, { ...claim, identity: 'registry.example/other:1' }));
    const log = 'dev.sigstore.cosign/bundle';
    const certificate = 'dev.sigstore.cosign/certificate';
    const text = attachment.annotations[log] ?? '';
    const changes: [Record<string, string | undefined>, RegExp][] = [
      [{ [log]: undefined }, /missing dev.sigstore.cosign\/bundle annotation/],
      [{ [log]: second.annotations[log] }, /./],
      [{ [log]: text.replace(/"logIndex":\d+/, '"logIndex":7') }, /./],
      [{ [log]: text.replace(/"integratedTime":\d+/, '"integratedTime":1700000000') }, /./],
      [{ [log]: text.replace('"Payload":', '"x":1,"Payload":') }, /unknown member/],
      [{ [log]: text.replace('"logIndex":', '"logIndex":1,"logIndex":') }, /twice/],
      [{ [log]: '{' }, /./],
      [{ [certificate]: undefined }, /missing dev.sigstore.cosign\/certificate annotation/],
      [{ [certificate]: 'x' }, /invalid pem block/],
      [
        { [certificate]: `${attachment.annotations[certificate]}${attachment.annotations[certificate]}` },
        /number of certificates/,
      ],
      [{ 'dev.cosignproject.cosign/signature': second.annotations['dev.cosignproject.cosign/signature'] }, /./],
    ];
    for (const trust of [alice(services), byPolicy(services)]) {
      for (const [change, reason] of changes) {
        await rejects(verifier.verifyAttachment(annotated(attachment, change), trust), reason);
      }
      await rejects(verifier.verifyAttachment({ ...attachment, payload: second.payload }, trust), /./);
    }
    // without the chain nothing leads to the root of the policy
    const bare = annotated(attachment, { 'dev.sigstore.cosign/chain': undefined });
    await rejects(verifier.verifyAttachment(bare, byPolicy(services)), /unknown authority/);
  });

  it('are rejected when a log has kept a signature that is none', async (t) => {
    const services = await sigstoreServices(t);
    const attachment = attachmentOf(await createKeylessSigner(optionsFor(services)).sign(session, claim));
    const digest = createHash('sha256').update(attachment.payload).digest();
    const signature = Buffer.from('no signature');
    const { logEntries } = await testify(
      session,
      { rekorUrl: services.url },
      async () => ({
        $case: 'messageSignature',
        messageSignature: { messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest }, signature },
      }),
      attachment.annotations['dev.sigstore.cosign/certificate'] ?? '',
    );
    const [entry] = logEntries;
    assert.ok(entry);
    const forged = annotated(attachment, {
      'dev.cosignproject.cosign/signature': signature.toString('base64'),
      'dev.sigstore.cosign/bundle': logAnnotationOf(entry),
    });
    for (const trust of [alice(services), byPolicy(services)]) {
      await rejects(verifier.verifyAttachment(forged, trust), /verification failed/);
    }
  });

  it('are rejected as bundles when log entry, certificate or statement is exchanged', async (t) => {
    const services = await sigstoreServices(t);
    const signer = createKeylessSigner(optionsFor(services, { produce: ['bundle'] }));
    const one = bundleOf(await signer.sign(session, claim));
    const two = bundleOf(await signer.sign(session, { ...claim, digest: `sha256:${'cd'.repeat(32)}` }));
    const part = (name: string): RegExp => new RegExp(`"${name}":"[^"]*"`);
    const other = (name: string): string => part(name).exec(Buffer.from(two.bundle).toString())?.[0] ?? '';
    for (const name of ['payload', 'sig', 'canonicalizedBody', 'signedEntryTimestamp']) {
      const mixed = edited(one, (text) => text.replace(part(name), other(name)));
      await rejects(verifier.verifyBundle(mixed, claim.digest, alice(services)), /./);
    }
    const unlogged = edited(one, (text) => {
      const bundle = JSON.parse(text) as { verificationMaterial: { tlogEntries: unknown[] } };
      bundle.verificationMaterial.tlogEntries = [];
      return JSON.stringify(bundle);
    });
    await rejects(verifier.verifyBundle(unlogged, claim.digest, alice(services)), /./);
    const pki = { kind: 'pki', roots: Buffer.from('x'), subjectEmail: 'a' } as const;
    await rejects(verifier.verifyBundle(one, claim.digest, pki), /not accepted/);
  });
});

describe('services that fail', () => {
  it('are told apart, and no word of the token is told', async (t) => {
    const services = await sigstoreServices(t);
    const secret = identityToken({ aud: 'somebody else' });
    const signer = createKeylessSigner(optionsFor(services, { token: async () => secret }));
    await assert.rejects(signer.sign(session, claim), (error) => {
      assert.ok(error instanceof Error && 'code' in error);
      assert.equal(error.code, 'IDENTITY_REFUSED');
      assert.ok(!JSON.stringify([error.message, error.cause, error.stack]).includes(secret.slice(0, 20)));
      return true;
    });
    for (const token of ['', 'x', 'a.b.c', `${'x'.repeat(30)}.${'y'.repeat(30)}.z`]) {
      const bad = createKeylessSigner(optionsFor(services, { token: async () => token }));
      await assert.rejects(bad.sign(session, claim), { code: 'BAD_IDENTITY_TOKEN' });
    }
  });

  it('are asked again for a certificate when they fail for a while, with the same token', async (t) => {
    const services = await sigstoreServices(t);
    const waited: number[] = [];
    const clock = { now: () => Date.now(), sleep: async (ms: number): Promise<void> => void waited.push(ms) };
    let tokens = 0;
    const token = async (): Promise<string> => {
      tokens += 1;
      return identityToken();
    };
    services.failures.push({ status: 503, body: '' }, { status: 429, body: '' });
    const signer = createKeylessSigner(optionsFor(services, { token }));
    assert.equal((await signer.sign({ ...createSession(), clock }, claim)).length, 2);
    assert.deepEqual([tokens, waited], [1, [1_000, 2_000]]);
    services.failures.push(...Array.from({ length: 3 }, () => ({ status: 503, body: '' })));
    const unlucky = createKeylessSigner(optionsFor(services));
    await assert.rejects(unlucky.sign({ ...createSession(), clock }, claim), { code: 'SIGSTORE_SERVICE', status: 503 });
  });

  it('fail the signature when the log refuses or answers with something else', async (t) => {
    const services = await sigstoreServices(t);
    const signer = createKeylessSigner(optionsFor(services, { produce: ['attachment'] }));
    await signer.sign(session, claim);
    services.failures.push({ status: 400, body: '{"message":"no"}' });
    await assert.rejects(signer.sign(session, claim), { code: 'SIGSTORE_SERVICE', status: 400 });
    services.failures.push({ status: 200, body: 'nonsense' });
    await assert.rejects(signer.sign(session, claim), { code: 'SIGSTORE_SERVICE' });
    assert.throws(() => createKeylessSigner(optionsFor(services, { rekorUrl: 'file:///x' })), {
      code: 'BAD_SERVICE_URL',
    });
  });

  it('are left when the run is stopped', async (t) => {
    const services = await sigstoreServices(t);
    const stop = new AbortController();
    stop.abort();
    const stopped = createSession({ signal: stop.signal });
    await assert.rejects(createKeylessSigner(optionsFor(services)).sign(stopped, claim), { code: 'CANCELLED' });
  });
});
