import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  isForCodeSigning,
  namesOf,
  oidcIssuerOf,
  parseCertificate,
  parseCertificates,
  parseTrusted,
  verifyChain,
} from '../../../src/signing/sigstore/certificate.ts';
import { certificateAuthority } from '../../support/certificate.ts';
import {
  type IssueOptions,
  pemOf,
  type SigstoreAuthority,
  sigstoreAuthority,
} from '../../support/sigstore-authority.ts';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authority = sigstoreAuthority();
const rejection = (message: RegExp) => ({ code: 'SIGNATURE_REJECTED', message });

async function leaf(options: Partial<IssueOptions> = {}, by: SigstoreAuthority = authority) {
  return parseCertificate(await by.issue({ publicKey, emails: ['a@example.com'], issuer: 'https://i', ...options }));
}

const parse = (...ders: readonly Buffer[]) => ders.map((der) => parseCertificate(der));
const trust = {
  roots: parse(authority.root),
  intermediates: parse(authority.intermediate),
  at: new Date(),
};

describe('certificates of signers', () => {
  it('say whom they name, in every form', async () => {
    const uris = ['https://github.com/o/r/.github/workflows/w.yml@refs/heads/main'];
    const certificate = await leaf({ emails: ['a@b.c', 'd@e.f'], hosts: ['x.example'], uris });
    assert.deepEqual(namesOf(certificate), {
      emails: ['a@b.c', 'd@e.f'],
      hosts: ['x.example'],
      identities: ['a@b.c', 'd@e.f', ...uris],
    });
    assert.equal(oidcIssuerOf(certificate), 'https://i');
    assert.ok(isForCodeSigning(certificate));
  });

  it('name nobody by a text with a NUL in it', async () => {
    const certificate = await leaf({ emails: ['a@example.com\0.evil.example'] });
    assert.throws(() => namesOf(certificate), rejection(/NUL/));
  });

  it('must say who issued the identity, in one way', async () => {
    const silent = parseCertificate(await authority.issue({ publicKey, emails: ['a@example.com'] }));
    assert.throws(() => oidcIssuerOf(silent), rejection(/does not say who issued/));
    const two = await leaf({ otherIssuer: 'https://j' });
    assert.throws(() => oidcIssuerOf(two), rejection(/two different issuers/));
  });

  it('are refused when they are malformed', async () => {
    const der = await authority.issue({ publicKey, emails: ['a@example.com'] });
    for (const bad of [Buffer.alloc(0), Buffer.from('x'), der.subarray(0, -1)]) {
      assert.throws(() => parseCertificate(bad), rejection(/malformed/));
    }
    assert.throws(() => parseCertificates(Buffer.from('x'), 'it'), rejection(/invalid pem block/));
    const many = Buffer.from(pemOf(...Array.from({ length: 33 }, () => authority.root)));
    assert.throws(() => parseCertificates(many, 'it'), rejection(/more than 32/));
    assert.throws(() => parseTrusted(Buffer.from('x'), 'the roots'), { code: 'BAD_CERTIFICATE' });
  });
});

describe('chains of certificates', () => {
  it('lead from the signer to a root', async () => {
    verifyChain(await leaf(), trust);
    verifyChain(await leaf(), { ...trust, roots: [...parse(sigstoreAuthority().root), ...trust.roots] });
    verifyChain(await leaf(), { ...trust, roots: trust.intermediates, intermediates: [] });
  });

  it('lead nowhere without the authorities between, nor to a root that only has the same name', async () => {
    const certificate = await leaf();
    assert.throws(() => verifyChain(certificate, { ...trust, intermediates: [] }), rejection(/unknown authority/));
    assert.throws(() => verifyChain(certificate, { ...trust, roots: [] }), rejection(/unknown authority/));
    const namesake = sigstoreAuthority();
    const others = { ...trust, roots: parse(namesake.root) };
    assert.throws(() => verifyChain(certificate, others), rejection(/unknown authority/));
    const mixed = { ...others, intermediates: parse(authority.intermediate, namesake.intermediate) };
    assert.throws(() => verifyChain(certificate, mixed), rejection(/unknown authority/));
  });

  it('must be valid at the moment that is asked about', async () => {
    const certificate = await leaf();
    for (const at of [Date.now() - 3_600_000, Date.now() + 3_600_000]) {
      assert.throws(() => verifyChain(certificate, { ...trust, at: new Date(at) }), rejection(/was not valid at/));
    }
    const [year, long] = [366 * 24 * 3_600_000, { notAfter: Date.now() + 2 * 366 * 24 * 3_600_000 }];
    const later = { ...trust, at: new Date(Date.now() + year) };
    // the certificate of the signer outlives its authority
    const outliving = await leaf(long);
    assert.throws(() => verifyChain(outliving, later), rejection(/the authority .* was not valid/));
  });

  it('must be for code signing, and have nothing critical that is unknown', async () => {
    assert.throws(
      () => verifyChain(parse(authority.root)[0] ?? assert.fail(), trust),
      rejection(/not for code signing/),
    );
    const server = await leaf({ forServers: true });
    assert.throws(() => verifyChain(server, trust), rejection(/not for code signing/));
    const strange = await leaf({ strange: true });
    assert.throws(() => verifyChain(strange, trust), rejection(/critical extension 1\.2\.3\.4/));
  });

  it('may not be longer than an authority allows', async () => {
    const short = sigstoreAuthority('short', 0);
    const certificate = await leaf({}, short);
    const roots = parse(short.root);
    const intermediates = parse(short.intermediate);
    assert.throws(() => verifyChain(certificate, { ...trust, roots, intermediates }), rejection(/may not have 1/));
  });

  it('do not go through a certificate that is no authority', async () => {
    const { authority: tls } = certificateAuthority();
    const roots = parseTrusted(Buffer.from(tls.cert), 'the root');
    const certificate = await leaf();
    assert.throws(() => verifyChain(certificate, { ...trust, roots }), rejection(/unknown authority/));
    assert.throws(
      () => verifyChain(certificate, { ...trust, roots: [certificate], intermediates: [] }),
      rejection(/unknown authority/),
    );
  });
});
