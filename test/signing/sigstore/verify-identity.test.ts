import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkIdentity, parseTrustedRoot } from '../../../src/signing/sigstore/verify-identity.ts';
import { type IssueOptions, sigstoreAuthority } from '../../support/sigstore-authority.ts';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authority = sigstoreAuthority();
const issuer = 'https://issuer.example';
const certificate = (more: Partial<IssueOptions> = {}): Promise<Buffer> =>
  authority.issue({ publicKey, issuer, emails: ['a@example.com'], ...more });
const rule = { subject: { exact: 'a@example.com' }, issuer: { exact: issuer } };
const rejection = (message: RegExp) => ({ code: 'SIGNATURE_REJECTED', message });

describe('identities in certificates', () => {
  it('are accepted by any of their names, exactly or by a pattern for all of it', async () => {
    const uri = 'https://github.com/o/r/.github/workflows/w.yml@refs/tags/v1';
    const der = await certificate({ uris: [uri] });
    assert.equal(checkIdentity(der, rule), `a@example.com (${issuer})`);
    assert.equal(checkIdentity(der, { ...rule, subject: { exact: uri } }), `${uri} (${issuer})`);
    const pattern = /https:\/\/github\.com\/o\/r\/.*@refs\/tags\/v\d+/;
    assert.equal(checkIdentity(der, { ...rule, subject: { pattern } }), `${uri} (${issuer})`);
    for (const part of [/github\.com/, /^https:/, /v1$/, /a@example\.com|x/g, /A@EXAMPLE\.COM/]) {
      const wrong = { ...rule, subject: { pattern: part } };
      if (part.global) assert.ok(checkIdentity(der, wrong));
      else assert.throws(() => checkIdentity(der, wrong), rejection(/not accepted/));
    }
    // each side of an alternative has to match all of it
    const loose = { ...rule, subject: { pattern: /b@example\.com|example/ } };
    assert.throws(() => checkIdentity(der, loose), rejection(/not accepted/));
  });

  it('are refused in certificates that are not for code signing, or name hosts alone', async () => {
    const server = await certificate({ forServers: true });
    assert.throws(() => checkIdentity(server, rule), rejection(/not for code signing/));
    const host = await certificate({ emails: [], hosts: ['a.example'] });
    assert.throws(() => checkIdentity(host, { ...rule, subject: { exact: 'a.example' } }), rejection(/for nobody/));
    const two = await certificate({ otherIssuer: 'https://other.example' });
    assert.throws(() => checkIdentity(two, rule), rejection(/two different issuers/));
  });
});

describe('trusted roots', () => {
  const type = '"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"';

  it('are read in their JSON form alone', async () => {
    await parseTrustedRoot(Buffer.from(`{${type}}`));
    for (const bad of ['', '{}', '[]', 'null', `{${type},${type}}`, '{"mediaType":"x"}']) {
      await assert.rejects(parseTrustedRoot(Buffer.from(bad)), { code: 'BAD_TRUSTED_ROOT' }, bad);
    }
  });
});
