import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { parseClaim } from '../../../src/signing/claim.ts';
import type { SigstoreTrust } from '../../../src/signing/policy/attachment-verifier.ts';
import { createSigstoreKeySigner } from '../../../src/signing/sigstore/key-signer.ts';
import { encodePublicKey, generateKeys, keyId, signBytes } from '../../../src/signing/sigstore/keys.ts';
import { preAuthEncoding } from '../../../src/signing/sigstore/statement.ts';
import { createSigstoreVerifier } from '../../../src/signing/sigstore/verifier.ts';
import { sigstoreServices } from '../../support/sigstore-services.ts';
import { annotated, attachmentOf, bundleOf, claim, creator, edited, rejects, session } from './samples.ts';

const verifier = createSigstoreVerifier(session.clock);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const produce = ['attachment', 'bundle'] as const;
const signer = createSigstoreKeySigner({ key: privateKey, produce, creator });
const trustIn = (...keys: (typeof publicKey)[]): Extract<SigstoreTrust, { kind: 'keys' }> => ({
  kind: 'keys',
  keys: keys.map((key) => Buffer.from(encodePublicKey(key))),
});
const statementType = 'application/vnd.in-toto+json';

/** A bundle that says `statement`, signed as told. */
function bundleSaying(
  statement: unknown,
  key = privateKey,
  type = statementType,
): { kind: 'bundle'; bundle: Uint8Array } {
  const payload = Buffer.from(typeof statement === 'string' ? statement : JSON.stringify(statement));
  const sig = Buffer.from(signBytes(key, preAuthEncoding(type, payload))).toString('base64');
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'none' } },
    dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig }] },
  };
  return { kind: 'bundle', bundle: Buffer.from(JSON.stringify(bundle)) };
}

const hex = claim.digest.slice(7);
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ digest: { sha256: hex } }],
  predicateType: 'https://sigstore.dev/cosign/sign/v1',
  predicate: {},
};

describe('signatures with a key', () => {
  it('are of the form that containers/image and cosign write', async () => {
    const signatures = await signer.sign(session, { ...claim, timestamp: 1_700_000_000 });
    const attachment = attachmentOf(signatures);
    assert.equal(attachment.mediaType, 'application/vnd.dev.cosign.simplesigning.v1+json');
    assert.equal(
      Buffer.from(attachment.payload).toString(),
      `{"critical":{"identity":{"docker-reference":"registry.example/team/app:1.0"},"image":{"docker-manifest-digest":"${claim.digest}"},"type":"cosign container image signature"},"optional":{"creator":"sheaf test","timestamp":1700000000}}`,
    );
    assert.deepEqual(Object.keys(attachment.annotations), ['dev.cosignproject.cosign/signature']);
    const bundle: unknown = JSON.parse(Buffer.from(bundleOf(signatures).bundle).toString());
    const { payload, sig } = JSON.parse(
      JSON.stringify(bundle, (key, value: unknown) => (key === 'dsseEnvelope' ? flat(value) : value)),
    ).dsseEnvelope as { payload: string; sig: string };
    assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64').toString()), statement);
    assert.deepEqual(bundle, {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: Buffer.from(keyId(publicKey)).toString('base64') } },
      dsseEnvelope: { payload, payloadType: statementType, signatures: [{ sig }] },
    });
  });

  it('are good under the key, among others, and under no other', async () => {
    const signatures = await signer.sign(session, claim);
    const name = `key sha256:${Buffer.from(keyId(publicKey)).toString('hex')}`;
    for (const trust of [trustIn(publicKey), trustIn(other.publicKey, publicKey)]) {
      assert.deepEqual(await verifier.verifyAttachment(attachmentOf(signatures), trust), { signer: name });
      assert.deepEqual(await verifier.verifyBundle(bundleOf(signatures), claim.digest, trust), { signer: name });
    }
    for (const trust of [trustIn(other.publicKey), trustIn()]) {
      await rejects(verifier.verifyAttachment(attachmentOf(signatures), trust), /verification failed/);
      await rejects(verifier.verifyBundle(bundleOf(signatures), claim.digest, trust), /verification failed/);
    }
  });

  for (const algorithm of ['p384', 'p521', 'rsa-2048', 'ed25519'] as const) {
    it(`can be made with ${algorithm}`, async () => {
      const keys = await generateKeys(algorithm);
      const signatures = await createSigstoreKeySigner({ key: keys.privateKey, produce, creator }).sign(session, claim);
      await verifier.verifyAttachment(attachmentOf(signatures), trustIn(keys.publicKey));
      await verifier.verifyBundle(bundleOf(signatures), claim.digest, trustIn(keys.publicKey));
    });
  }

  it('are known again by their signer when they say the same', async () => {
    const signatures = await signer.sign(session, claim);
    const stranger = createSigstoreKeySigner({ key: other.privateKey, produce, creator });
    const logging = createSigstoreKeySigner({ key: privateKey, produce, creator, rekorUrl: 'https://log.example' });
    for (const signature of signatures) {
      assert.ok(await signer.isMine(signature, claim, session));
      assert.ok(!(await signer.isMine(signature, { ...claim, digest: `sha256:${'00'.repeat(32)}` }, session)));
      assert.ok(!(await stranger.isMine(signature, claim, session)));
      assert.ok(!(await logging.isMine(signature, claim, session)));
    }
    assert.ok(
      !(await signer.isMine(attachmentOf(signatures), { ...claim, identity: 'registry.example/team/app:2' }, session)),
    );
    assert.ok(!(await signer.isMine({ kind: 'simple', message: Buffer.from('x') }, claim, session)));
    assert.deepEqual(signer.makes, produce);
    assert.match(signer.describe(), /^sigstore key sha256:[0-9a-f]{64} \(ECDSA P-256\)$/);
  });
});

function flat(value: unknown): unknown {
  const { payload, signatures } = value as { payload: string; signatures: { sig: string }[] };
  return { payload, sig: signatures[0]?.sig };
}

describe('signatures with a key and a log', () => {
  it('hold the entry of the log, and are refused without it, with another, or from another log', async (t) => {
    const services = await sigstoreServices(t);
    const logging = createSigstoreKeySigner({ key: privateKey, produce, creator, rekorUrl: services.url });
    // the same payload twice, whatever the clock says in between
    const timed = { ...claim, timestamp: 1_700_000_000 };
    const [signatures, second] = [await logging.sign(session, timed), await logging.sign(session, timed)];
    const trust = { ...trustIn(publicKey), rekorKeys: [Buffer.from(services.rekorKey)] };
    const log = 'dev.sigstore.cosign/bundle';
    for (const by of [
      await verifier.verifyAttachment(attachmentOf(signatures), trust),
      await verifier.verifyBundle(bundleOf(signatures), claim.digest, trust),
    ]) {
      assert.ok(Math.abs((by.time?.getTime() ?? 0) - Date.now()) < 60_000);
      assert.match(by.log ?? '', /^Rekor log/);
    }
    assert.ok(await logging.isMine(attachmentOf(signatures), claim, session));
    assert.ok(await logging.isMine(bundleOf(signatures), claim, session));

    const unlogged = await signer.sign(session, claim);
    await rejects(verifier.verifyAttachment(attachmentOf(unlogged), trust), /missing dev.sigstore.cosign\/bundle/);
    await rejects(verifier.verifyBundle(bundleOf(unlogged), claim.digest, trust), /expected 1 tlog entries, got 0/);
    const text = attachmentOf(signatures).annotations[log] ?? '';
    const swapped = annotated(attachmentOf(signatures), { [log]: attachmentOf(second).annotations[log] });
    await rejects(verifier.verifyAttachment(swapped, trust), /about another signature/);
    const older = annotated(attachmentOf(signatures), { [log]: text.replace(/"logIndex":\d+/, '"logIndex":1') });
    await rejects(verifier.verifyAttachment(older, trust), /Rekor SET/);

    const others = { ...trust, rekorKeys: [Buffer.from((await sigstoreServices(t)).rekorKey)] };
    await rejects(verifier.verifyAttachment(attachmentOf(signatures), others), /Rekor SET/);
    await rejects(verifier.verifyBundle(bundleOf(signatures), claim.digest, others), /verification failed/);
  });

  it('are refused when the log entry names another key', async (t) => {
    const services = await sigstoreServices(t);
    const logging = createSigstoreKeySigner({ key: privateKey, produce, creator, rekorUrl: services.url });
    const attachment = attachmentOf(await logging.sign(session, claim));
    const trust = { ...trustIn(other.publicKey), rekorKeys: [Buffer.from(services.rekorKey)] };
    const resigned = annotated(attachment, {
      'dev.cosignproject.cosign/signature': sign('sha256', attachment.payload, other.privateKey).toString('base64'),
    });
    await rejects(verifier.verifyAttachment(resigned, trust), /about another signature/);
  });
});

describe('attachments that are no good signature', () => {
  const good = async () => attachmentOf(await signer.sign(session, claim));
  const trust = trustIn(publicKey);
  const name = 'dev.cosignproject.cosign/signature';

  it('are refused: edited, unsigned, of another kind, in another encoding', async () => {
    const attachment = await good();
    const flatSignature = sign('sha256', attachment.payload, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const payload = Buffer.from(Buffer.from(attachment.payload).toString().replace(':1.0', ':1.1'));
    for (const [bad, reason] of [
      [{ ...attachment, payload }, /verification failed/],
      [{ ...attachment, payload: Buffer.concat([attachment.payload, Buffer.from(' ')]) }, /verification failed/],
      [{ ...attachment, payload: Buffer.alloc(5 << 20) }, /more than/],
      [{ ...attachment, mediaType: 'application/vnd.dsse.envelope.v1+json' }, /no signature/],
      [annotated(attachment, { [name]: undefined }), /missing dev.cosignproject.cosign\/signature annotation/],
      [annotated(attachment, { [name]: '' }), /not base64/],
      [annotated(attachment, { [name]: `${attachment.annotations[name]}\n` }), /not base64/],
      [annotated(attachment, { [name]: flatSignature.toString('base64') }), /verification failed/],
    ] as const) {
      await rejects(verifier.verifyAttachment(bad, trust), reason);
    }
  });

  it('are not saved by what nobody signed: certificates and hints beside them', async () => {
    const attachment = await good();
    const pem = 'dev.sigstore.cosign/certificate';
    await verifier.verifyAttachment(annotated(attachment, { [pem]: 'nonsense' }), trust);
    await rejects(verifier.verifyAttachment(annotated(attachment, { [pem]: 'x' }), trustIn(other.publicKey)), /failed/);
  });

  it('verify although the payload is bad: that is for who reads it, and it refuses duplicate keys', async () => {
    const text = Buffer.from((await good()).payload).toString();
    const twice = Buffer.from(text.replace('"type":', `"image":{"docker-manifest-digest":"${claim.digest}"},"type":`));
    const attachment = annotated(
      { ...(await good()), payload: twice },
      { [name]: Buffer.from(signBytes(privateKey, twice)).toString('base64') },
    );
    await verifier.verifyAttachment(attachment, trust);
    assert.throws(() => parseClaim('sigstore', twice), { code: 'BAD_CLAIM' });
  });

  it('fail for keys that cannot be read, as an error of who gave them', async () => {
    const bad = { kind: 'keys', keys: [Buffer.from('nonsense')] } as const;
    await assert.rejects(verifier.verifyAttachment(await good(), bad), { code: 'BAD_PEM' });
  });

  it('are verified as Go made them', async () => {
    const key =
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFNLqFhf4fiN6o/glAuYnq2jYUeL0\nvRuLu/z39pmbVwS9ff5AYnlwaP9sxREajdLY9ynM6G1sy6AAmb7Z63TsLg==\n-----END PUBLIC KEY-----\n';
    const payload = Buffer.from(
      '{"critical":{"identity":{"docker-reference":"192.168.64.2:5000/cosign-signed-single-sample"},"image":{"docker-manifest-digest":"sha256:634a8f35b5f16dcf4aaa0822adc0b1964bb786fca12f6831de8ddc45e5986a00"},"type":"cosign container image signature"},"optional":null}',
    );
    const sum = createHash('sha256').update(payload).digest('hex');
    assert.equal(sum, 'cf482371b51a7633b3f02e29b87fc3f4a18b3f127af61cb114af5f2c04fcdd75');
    const signature =
      'MEYCIQDmtamqYPjMg81nqeBhptrPls44aA/r7PwLmspINJY4MwIhANKRpqe2E9UCBtGFdPoz/8jAbaQm4uP4h+IpwKTE6ClR';
    const attachment = { ...(await good()), payload, annotations: { [name]: signature } };
    await verifier.verifyAttachment(attachment, { kind: 'keys', keys: [Buffer.from(key)] });
    assert.equal(parseClaim('sigstore', payload).identity, '192.168.64.2:5000/cosign-signed-single-sample');
  });
});

describe('bundles that are no signature of the image', () => {
  const trust = trustIn(publicKey);
  const check = (bundle: { kind: 'bundle'; bundle: Uint8Array }): Promise<unknown> =>
    verifier.verifyBundle(bundle, claim.digest, trust);

  it('are refused: attestations of the same key, other subjects, other types', async () => {
    await check(bundleSaying(statement));
    const without = { ...statement, predicateType: undefined };
    for (const [said, reason] of [
      [{ ...statement, predicateType: 'https://slsa.dev/provenance/v1' }, /attestation .*no signature/],
      [without, /no signature/],
      [{ ...statement, _type: 'https://in-toto.io/Statement/v0.1' }, /no in-toto statement/],
      [{ ...statement, subject: [{ digest: { sha256: '00'.repeat(32) } }] }, /does not match/],
      [{ ...statement, subject: [{ digest: { sha512: hex } }] }, /does not match/],
      [{ ...statement, subject: [{ name: claim.digest }] }, /does not match/],
      [{ ...statement, subject: [] }, /does not match/],
      [{ ...statement, subject: { digest: { sha256: hex } } }, /does not match/],
      [JSON.stringify(statement).replace('"predicate":', '"predicateType":"x","predicate":'), /twice/],
      ['[]', /no in-toto statement/],
      ['', /cannot be read/],
    ] as const) {
      await rejects(check(bundleSaying(said)), reason);
    }
    await rejects(check(bundleSaying(statement, privateKey, 'application/json')), /no in-toto statement/);
    await rejects(check(bundleSaying(statement, other.privateKey)), /verification failed/);
  });

  it('are refused: of other versions, without an envelope, with two signatures, too large, malformed', async () => {
    const good = bundleSaying(statement);
    const parsed = (): Record<string, unknown> => JSON.parse(Buffer.from(good.bundle).toString());
    const bundleFrom = (value: unknown): { kind: 'bundle'; bundle: Uint8Array } => ({
      kind: 'bundle',
      bundle: Buffer.from(JSON.stringify(value)),
    });
    const { dsseEnvelope, ...rest } = parsed();
    const envelope = dsseEnvelope as { signatures: unknown[] };
    const message = {
      messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(hex, 'hex').toString('base64') },
      signature: sign('sha256', Buffer.from('x'), privateKey).toString('base64'),
    };
    const two = { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] };
    for (const [bad, reason] of [
      [edited(good, (text) => text.replace('bundle.v0.3+json', 'bundle.v0.4+json')), /version 0.3/],
      [edited(good, (text) => text.replace('bundle.v0.3+json', 'bundle+json;version=0.2')), /./],
      [bundleFrom({ ...rest, messageSignature: message }), /does not contain a DSSE envelope/],
      [bundleFrom(rest), /cannot be read/],
      [bundleFrom({ ...rest, dsseEnvelope: two }), /./],
      [bundleFrom({ ...rest, dsseEnvelope: { ...envelope, signatures: [] } }), /./],
      [edited(good, (text) => text.replace('{"mediaType"', '{"mediaType":"x","mediaType"')), /twice/],
      [edited(good, (text) => text.slice(0, -1)), /cannot be read/],
      [edited(good, (text) => `${text} `.padEnd(5 << 20)), /more than/],
      [bundleFrom(null), /cannot be read/],
      [{ kind: 'bundle', bundle: Buffer.alloc(0) }, /cannot be read/],
    ] as const) {
      await rejects(check(bad), reason);
    }
  });
});
