import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeKeyFile } from '../../../src/signing/sigstore/key-file.ts';
import { encodePublicKey } from '../../../src/signing/sigstore/keys.ts';
import { parseSigningParameters } from '../../../src/signing/sigstore/parameter-file.ts';
import { createParameterSigner } from '../../../src/signing/sigstore/parameter-signer.ts';
import { createSigstoreVerifier } from '../../../src/signing/sigstore/verifier.ts';
import { identityToken, sigstoreServices } from '../../support/sigstore-services.ts';
import { attachmentOf, claim, creator, session } from './samples.ts';

const parse = (text: string) => parseSigningParameters(Buffer.from(text), 'params.yaml');
const fulcio = 'rekorURL: https://rekor.example\nfulcio:\n  fulcioURL: https://fulcio.example\n';

describe('parameter files', () => {
  it('name a key, its passphrase and a log', async () => {
    assert.deepEqual(
      await parse('privateKeyFile: "/k.key"\nprivateKeyPassphraseFile: /pw\nrekorURL: https://rekor.example\n'),
      { kind: 'key', privateKeyFile: '/k.key', passphraseFile: '/pw', rekorUrl: 'https://rekor.example' },
    );
    assert.deepEqual(await parse('{"privateKeyFile":"k"}'), { kind: 'key', privateKeyFile: 'k' });
  });

  it('name an authority and a way to an identity', async () => {
    const common = {
      kind: 'fulcio',
      fulcioUrl: 'https://fulcio.example',
      rekorUrl: 'https://rekor.example',
      rekorVersion: 1,
    };
    const device = '  oidcMode: deviceGrant\n  oidcIssuerURL: https://issuer.example\n  oidcClientID: me\n';
    assert.deepEqual(await parse(`${fulcio}  oidcMode: staticToken\n  oidcIDToken: abc\n`), {
      ...common,
      oidc: { mode: 'token', token: 'abc' },
    });
    assert.deepEqual(await parse(fulcio + device), {
      ...common,
      oidc: { mode: 'device', issuerUrl: 'https://issuer.example', clientId: 'me' },
    });
    assert.deepEqual(await parse(`timestampURL: https://t.example\nrekorVersion: 2\n${fulcio}  oidcMode: ambient\n`), {
      ...common,
      rekorVersion: 2,
      timestampUrl: 'https://t.example',
      oidc: { mode: 'ambient' },
    });
  });

  for (const [text, why] of [
    ['', /no mapping/],
    ['[]', /no mapping/],
    ['{}', /no private key source provided/],
    ['rekorURL: https://x', /no private key source provided/],
    ['privateKeyFile: k\nprivateKeyfile: k', /unknown field "privateKeyfile"/],
    ['privateKeyFile: k\nprivateKeyFile: j', /unique/i],
    ['privateKeyFile: 7', /no text/],
    ['privateKeyFile: ""', /no text/],
    ['privateKeyFile: [k]', /no mapping of texts/],
    [`privateKeyFile: k\n${fulcio}  oidcMode: ambient\n`, /multiple private key sources/],
    ['fulcio:\n  fulcioURL: https://f\n  oidcMode: ambient\n', /rekorURL/],
    [`${fulcio}  oidcMode: telepathy\n`, /unknown oidcMode "telepathy"/],
    [fulcio, /no oidcMode/],
    [`${fulcio}  oidcMode: staticToken\n`, /wants an oidcIDToken/],
    [`${fulcio}  oidcMode: interactive\n`, /wants an oidcIssuerURL/],
    [`${fulcio}  oidcMode: ambient\n  more: x\n`, /unknown field "fulcio.more"/],
    [`rekorVersion: 3\n${fulcio}  oidcMode: ambient\n`, /neither 1 nor 2/],
    ['privateKeyFile: k\nrekorVersion: 2', /version 2/],
    ['privateKeyFile: "k', /cannot sign as params.yaml says/],
  ] as const) {
    it(`are refused: ${JSON.stringify(text.slice(0, 60))}`, async () => {
      await assert.rejects(parse(text), { code: 'BAD_SIGNING_PARAMETERS', message: why });
    });
  }

  it('show nothing of a token when they are malformed', async () => {
    await assert.rejects(parse(`${fulcio}  oidcIDToken: "secretsecret`), (error) => {
      assert.ok(error instanceof Error);
      assert.ok(!`${error.stack}${JSON.stringify(error.cause)}`.includes('secretsecret'));
      return true;
    });
  });
});

describe('signers of parameter files', () => {
  const options = {
    produce: ['attachment'] as const,
    creator,
    env: {},
    tell: () => {},
    readFile: async (): Promise<Uint8Array> => Buffer.from(''),
  };

  it('sign with the key, whose bytes and passphrase are wiped', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const files: Record<string, Uint8Array> = {
      '/k': await encodeKeyFile(privateKey, Buffer.from('secret'), 'cosign'),
      '/pw': Buffer.from('secret\r\nmore\n'),
    };
    const parameters = await parse('privateKeyFile: /k\nprivateKeyPassphraseFile: /pw');
    const readFile = async (path: string): Promise<Uint8Array> => files[path] ?? Buffer.alloc(0);
    const signer = await createParameterSigner(parameters, { ...options, readFile });
    for (const bytes of Object.values(files)) assert.ok(bytes.every((byte) => byte === 0));
    const attachment = attachmentOf(await signer.sign(session, claim));
    const trust = { kind: 'keys', keys: [Buffer.from(encodePublicKey(publicKey))] } as const;
    await createSigstoreVerifier(session.clock).verifyAttachment(attachment, trust);
  });

  it('sign with the identity: of the file, of another file, of the platform', async (t) => {
    const { url } = await sigstoreServices(t);
    const base = `rekorURL: ${url}\nfulcio:\n  fulcioURL: ${url}\n`;
    const token = identityToken();
    const readFile = async (): Promise<Uint8Array> => Buffer.from(`${token}\n`);
    const env = { SIGSTORE_ID_TOKEN: token };
    for (const way of [`staticToken\n  oidcIDToken: ${token}`, 'staticToken\n  oidcIDTokenFile: /t', 'ambient']) {
      const parameters = await parse(`${base}  oidcMode: ${way}\n`);
      const signer = await createParameterSigner(parameters, { ...options, readFile, env });
      const attachment = attachmentOf(await signer.sign(session, claim));
      assert.ok(attachment.annotations['dev.sigstore.cosign/certificate']);
    }
    const nobody = await createParameterSigner(await parse(`${base}  oidcMode: ambient\n`), options);
    await assert.rejects(nobody.sign(session, claim), { code: 'IDENTITY_TOKEN_MISSING' });
  });
});
