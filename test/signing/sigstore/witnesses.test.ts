/** Logs and timestamp authorities: how they are reached, asked again, and what of their answers is believed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import { createConnections } from '../../../src/distribution/connections.ts';
import { createSession } from '../../../src/foundation/session.ts';
import { createSigstoreKeySigner } from '../../../src/signing/sigstore/key-signer.ts';
import { createKeylessSigner } from '../../../src/signing/sigstore/keyless-signer.ts';
import { generateKeys, signBytes } from '../../../src/signing/sigstore/keys.ts';
import { testify, type WitnessOptions } from '../../../src/signing/sigstore/services.ts';
import { createSigstoreVerifier } from '../../../src/signing/sigstore/verifier.ts';
import { certificateAuthority } from '../../support/certificate.ts';
import { forwardProxy } from '../../support/forward-proxy.ts';
import { identityToken, type SigstoreServices, sigstoreServices, testIssuer } from '../../support/sigstore-services.ts';
import { attachmentOf, bundleOf, claim, creator } from './samples.ts';

const real = createSession();
const verifier = createSigstoreVerifier(real.clock);

/** A session that does not wait, and writes down for how long it would have. */
function hurried() {
  const waited: number[] = [];
  const sleep = async (ms: number): Promise<void> => void waited.push(ms);
  return { waited, session: { ...createSession(), clock: { now: () => Date.now(), sleep } } };
}

const keys = await generateKeys('p256');
const pem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();

async function content(): Promise<Bundle['content']> {
  const payload = Buffer.from('what is signed');
  const digest = createHash('sha256').update(payload).digest();
  const signature = Buffer.from(signBytes(keys.privateKey, payload));
  const messageDigest = { algorithm: HashAlgorithm.SHA2_256, digest };
  return { $case: 'messageSignature', messageSignature: { messageDigest, signature } };
}

const ask = (options: WitnessOptions, session = real) => testify(session, options, content, pem);

/** What a log of version 1 answers with for the entry. */
function answerOf(entry: TransparencyLogEntry, change: Readonly<Record<string, unknown>> = {}): string {
  const inside = {
    body: entry.canonicalizedBody.toString('base64'),
    integratedTime: Number(entry.integratedTime),
    logID: entry.logId.keyId.toString('hex'),
    logIndex: Number(entry.logIndex),
    verification: { signedEntryTimestamp: entry.inclusionPromise?.signedEntryTimestamp.toString('base64') },
    ...change,
  };
  return JSON.stringify({ [`${'0'.repeat(16)}${'ab'.repeat(32)}`]: inside });
}

const alice = ({ trustedRoot }: SigstoreServices) =>
  ({
    kind: 'identity',
    subject: { exact: 'alice@example.com' },
    issuer: { exact: testIssuer },
    trustedRoot,
  }) as const;

describe('logs and timestamp authorities', () => {
  /** Services that only the proxy finds, with certificates of an authority that only we know. */
  async function hidden(t: TestContext) {
    const { authority, issue } = certificateAuthority();
    const services = await sigstoreServices(t, issue('fulcio.test', 'rekor.test', 'time.test'));
    const port = Number(new URL(services.url).port);
    const proxy = await forwardProxy(t, { 'fulcio.test': port, 'rekor.test': port, 'time.test': port });
    const reach = (authorities: readonly string[]) => {
      const read = async () => [...authorities];
      const connections = createConnections({
        env: proxy.env,
        authorities: { always: true, read },
        retry: { maxRetries: 0 },
      });
      t.after(() => connections.close());
      return connections;
    };
    const urls = {
      fulcioUrl: 'https://fulcio.test',
      rekorUrl: 'https://rekor.test',
      timestampUrl: 'https://time.test',
    };
    return { services, proxy, urls, trusting: reach([authority.cert]), doubting: reach([]) };
  }

  it('are reached through the proxy and with the authorities of the machine: a log of version 1, and the clock', async (t) => {
    const { services, proxy, urls, trusting, doubting } = await hidden(t);
    const token = async (): Promise<string> => identityToken();
    const signer = createKeylessSigner({
      produce: ['attachment', 'bundle'],
      creator,
      token,
      connections: trusting,
      ...urls,
    });
    const signatures = await signer.sign(real, claim);
    await verifier.verifyAttachment(attachmentOf(signatures), alice(services));
    await verifier.verifyBundle(bundleOf(signatures), claim.digest, alice(services));
    assert.deepEqual(new Set(proxy.tunnels), new Set(['fulcio.test:443', 'rekor.test:443', 'time.test:443']));
    const { session } = hurried();
    for (const one of [{ rekorUrl: urls.rekorUrl }, { timestampUrl: urls.timestampUrl }]) {
      await assert.rejects(ask({ ...one, connections: doubting }, session), {
        code: 'SIGSTORE_SERVICE',
        message: /certificate|issuer/i,
      });
    }
  });

  it('are reached so by a key that its parameters send to a log, and by a log of version 2', async (t) => {
    const { services, proxy, urls, trusting } = await hidden(t);
    const { rekorUrl, timestampUrl } = urls;
    const byKey = createSigstoreKeySigner({
      key: keys.privateKey,
      produce: ['attachment', 'bundle'],
      creator,
      rekorUrl,
      timestampUrl,
      connections: trusting,
    });
    const made = await byKey.sign(real, claim);
    const rekorKeys = [Buffer.from(services.rekorKey)];
    await verifier.verifyAttachment(attachmentOf(made), { kind: 'keys', keys: [Buffer.from(pem)], rekorKeys });
    for (const one of made) assert.ok(await byKey.isMine(one, claim, real));
    const second = createKeylessSigner({
      produce: ['bundle'],
      creator,
      rekorVersion: 2,
      token: async () => identityToken(),
      connections: trusting,
      ...urls,
    });
    const bundle = bundleOf(await second.sign(real, claim));
    const by = await verifier.verifyBundle(bundle, claim.digest, alice(services));
    assert.ok(by.time !== undefined && by.log !== undefined);
    assert.ok(services.asked.includes('/api/v2/log/entries'));
    assert.equal(proxy.tunnels.includes('rekor.test:443'), true);
  });

  it('are asked again when they fail for a while, and not when they refuse', async (t) => {
    const services = await sigstoreServices(t);
    for (const options of [{ rekorUrl: services.url }, { timestampUrl: services.url }]) {
      const { session, waited } = hurried();
      services.failures.push({ status: 503, body: '' }, { status: 429, body: '' });
      await ask(options, session);
      assert.deepEqual(waited, [1_000, 2_000]);
      services.failures.push({ status: 500, body: '' }, { status: 502, body: '' }, { status: 503, body: '{}' });
      await assert.rejects(ask(options, session), { code: 'SIGSTORE_SERVICE', status: 503 });
      services.failures.push({ status: 400, body: '{"message":"bad signature"}' });
      await assert.rejects(ask(options, session), { status: 400, message: /bad signature/ });
      assert.equal(waited.length, 4);
    }
  });

  it('have an entry already: then that one is taken', async (t) => {
    const services = await sigstoreServices(t);
    const options = { rekorUrl: services.url };
    const [entry] = (await ask(options)).logEntries;
    assert.ok(entry);
    const id = `${'0'.repeat(16)}${'ab'.repeat(32)}`;
    const conflict = { status: 409, body: '{"message":"an equivalent entry already exists"}' };
    const location = `/api/v1/log/entries/${id}`;
    services.failures.push({ ...conflict, headers: { location } }, { status: 200, body: answerOf(entry) });
    assert.notEqual(entry.inclusionProof, undefined);
    assert.deepEqual((await ask(options)).logEntries, [{ ...entry, inclusionProof: undefined }]);
    assert.equal(services.asked.at(-1), location);
    for (const headers of [
      {},
      { location: 'https://elsewhere.example/x' },
      { location: `${location}/../../secrets` },
    ]) {
      services.failures.push({ ...conflict, headers });
      await assert.rejects(ask(options), { code: 'SIGSTORE_SERVICE', status: 409 });
    }
  });

  it('are not believed when what they say is no entry', async (t) => {
    const services = await sigstoreServices(t);
    const options = { rekorUrl: services.url };
    const [entry] = (await ask(options)).logEntries;
    assert.ok(entry);
    const bodies = [
      '{}',
      '[]',
      'null',
      'nonsense',
      '{"a":{},"b":{}}',
      answerOf(entry, { body: 7 }),
      answerOf(entry, { body: '###' }),
      answerOf(entry, { body: Buffer.from('[]').toString('base64') }),
      answerOf(entry, { logIndex: -1 }),
      answerOf(entry, { logID: 'xyz' }),
      answerOf(entry, { verification: { inclusionProof: { hashes: 'x' } } }),
    ];
    for (const body of bodies) {
      services.failures.push({ status: 201, body });
      await assert.rejects(ask(options), { code: 'SIGSTORE_SERVICE' }, body.slice(0, 60));
    }
    for (const body of ['{}', 'null', '{"logIndex":"1"}']) {
      services.failures.push({ status: 201, body });
      await assert.rejects(ask({ ...options, rekorVersion: 2 }), { code: 'SIGSTORE_SERVICE' }, body);
    }
    services.failures.push({ status: 200, body: '' });
    await assert.rejects(ask({ timestampUrl: services.url }), { code: 'SIGSTORE_SERVICE', message: /nothing/ });
    services.failures.push({ status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } });
    const { session } = hurried();
    services.failures.push({ status: 302, body: '' }, { status: 302, body: '' });
    await assert.rejects(ask(options, session), { code: 'SIGSTORE_SERVICE', message: /redirect/ });
  });

  it('are named by their whole address where that has a path', async (t) => {
    const services = await sigstoreServices(t);
    const { timestamps } = await ask({ timestampUrl: `${services.url}/api/v1/timestamp` });
    assert.equal(timestamps.length, 1);
    assert.deepEqual(services.asked, ['/api/v1/timestamp']);
  });
});
