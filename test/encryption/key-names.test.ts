import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readDecryptionKeys, readRecipients } from '../../src/encryption/key-names.ts';
import { openSecret } from '../../src/encryption/wrapped-secret.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { withGpg } from '../support/gpg.ts';
import { skipWithout } from '../support/peers.ts';
import { ecPair, fixturePath, foreignLayer, rsaPair } from './support.ts';

const options = {
  env: process.env,
  signal: new AbortController().signal,
  readFile: (path: string) => readFile(path),
};

async function scene(t: TestContext) {
  const folder = await testFolder(t);
  return async (name: string, content: string | Uint8Array): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
}

const rsaPem = (): Promise<string> => readFile(fixturePath('rsa.pem'), 'utf8');
const openedBy = async (...names: string[]) => {
  const { layer } = await foreignLayer();
  return openSecret(layer, await readDecryptionKeys(names, options));
};

describe('the names of recipients', () => {
  it('take public keys in PEM, DER and JWK, of RSA and EC', async (t) => {
    const write = await scene(t);
    const [rsa, ec] = [rsaPair().publicKey, ecPair('P-521').publicKey];
    const paths = [
      await write('rsa.pem', rsa.export({ type: 'spki', format: 'pem' })),
      await write('rsa1.pem', rsa.export({ type: 'pkcs1', format: 'pem' })),
      await write('rsa.der', rsa.export({ type: 'spki', format: 'der' })),
      await write('ec.jwk', JSON.stringify({ ...ec.export({ format: 'jwk' }), kid: 'me', use: 'enc' })),
    ];
    const wrappers = await readRecipients(
      [...paths.map((path) => `jwe:${path}`), `pkcs7:${fixturePath('cert.pem')}`],
      options,
    );
    assert.deepEqual(
      wrappers.map(({ kind, count }) => [kind, count]),
      [
        ['jwe', 4],
        ['pkcs7', 1],
      ],
    );
  });

  it('are refused where they are none, with what there is', async (t) => {
    const write = await scene(t);
    const ecCertificate = await write('ec-cert.pem', selfSignedCertificate().cert);
    const secret = rsaPair().privateKey;
    const pem = await write('secret.pem', secret.export({ type: 'pkcs8', format: 'pem' }));
    const jwk = await write('secret.jwk', JSON.stringify(secret.export({ format: 'jwk' })));
    const ed = generateKeyPairSync('ed25519').publicKey;
    const edwards = await write('ed.pem', ed.export({ type: 'spki', format: 'pem' }));
    const nothing = await write('nothing', 'nothing');
    for (const [name, code] of [
      ['jwe', 'BAD_RECIPIENT'],
      ['jwe:', 'BAD_RECIPIENT'],
      [pem, 'BAD_RECIPIENT'],
      ['rot13:x', 'BAD_RECIPIENT'],
      ['provider:x:y', 'RECIPIENT_NOT_SUPPORTED'],
      ['pkcs11:x', 'RECIPIENT_NOT_SUPPORTED'],
      [`jwe:${pem}`, 'BAD_PUBLIC_KEY'],
      [`jwe:${jwk}`, 'BAD_PUBLIC_KEY'],
      [`jwe:${ecCertificate}`, 'BAD_PUBLIC_KEY'],
      [`jwe:${nothing}`, 'BAD_PUBLIC_KEY'],
      [`jwe:${edwards}`, 'KEY_TYPE_NOT_SUPPORTED'],
      [`pkcs7:${nothing}`, 'BAD_CERTIFICATE'],
      [`pkcs7:${ecCertificate}`, 'KEY_TYPE_NOT_SUPPORTED'],
    ] as const) {
      await assert.rejects(readRecipients([name], options), { code }, name);
    }
    await assert.rejects(readRecipients(['rot13:x'], options), { hint: /jwe:FILE.*pkcs7:FILE.*pgp:NAME/ });
  });

  it('take GPG keys by the whole address or name, and by fingerprint', {
    skip: skipWithout('gpg', 'gpgconf'),
  }, async (t) => {
    const gpg = await withGpg(t);
    const quick = ['--passphrase', '', '--quick-gen-key'];
    await gpg.ok([...quick, 'Bob (work) <bob@example.com>', 'future-default', 'default', 'never']);
    await gpg.ok([...quick, 'Bobby <notbob@example.com>', 'future-default', 'default', 'never']);
    await gpg.ok([...quick, 'Signer <signer@example.com>', 'ed25519', 'sign', 'never']);
    const own = { ...options, env: gpg.env };
    const rows = (await gpg.ok(['--with-colons', '--list-keys', 'bob@example.com'])).toString().split('\n');
    const fingerprint = rows.find((row) => row.startsWith('fpr:'))?.split(':')[9] ?? '';
    for (const name of ['bob@example.com', 'Bob', fingerprint]) {
      const [wrapper] = await readRecipients([`pgp:${name}`], own);
      assert.deepEqual([wrapper?.kind, wrapper?.count], ['pgp', 1], name);
    }
    for (const [name, code] of [
      ['bob', 'KEY_NOT_FOUND'],
      ['example.com', 'KEY_NOT_FOUND'],
      ['alice@example.com', 'KEY_NOT_FOUND'],
      ['signer@example.com', 'KEY_CANNOT_ENCRYPT'],
    ] as const) {
      await assert.rejects(readRecipients([`pgp:${name}`], own), { code }, name);
    }
    const [wrapper] = await readRecipients(['pgp:bob@example.com', 'pgp:Bobby'], own);
    const wrapped = (await wrapper?.wrap(Buffer.from('the secret'))) ?? Buffer.alloc(0);
    const write = await scene(t);
    for (const user of ['bob@example.com', 'notbob@example.com']) {
      const [key] = await readDecryptionKeys([await write(user, await gpg.exportSecret(`<${user}>`))], own);
      assert.equal(Buffer.from((await key?.unwrap(wrapped)) ?? []).toString(), 'the secret');
    }
    const absent = { ...own, program: '/nowhere/gpg' };
    await assert.rejects(readRecipients(['pgp:Bob'], absent), { code: 'GPG_NOT_FOUND', hint: /jwe:/ });
  });
});

describe('the names of decryption keys', () => {
  it('take private keys in every form, and certificates beside them', async (t) => {
    const write = await scene(t);
    const [rsa, ec] = [createPrivateKey(await rsaPem()), createPrivateKey(await readFile(fixturePath('ec.pem')))];
    for (const [name, content] of [
      ['pkcs8.pem', rsa.export({ type: 'pkcs8', format: 'pem' })],
      ['pkcs1.pem', rsa.export({ type: 'pkcs1', format: 'pem' })],
      ['pkcs8.der', rsa.export({ type: 'pkcs8', format: 'der' })],
      ['pkcs1.der', rsa.export({ type: 'pkcs1', format: 'der' })],
      ['rsa.jwk', JSON.stringify(rsa.export({ format: 'jwk' }))],
      ['sec1.pem', ec.export({ type: 'sec1', format: 'pem' })],
      ['sec1.der', ec.export({ type: 'sec1', format: 'der' })],
      ['ec.jwk', JSON.stringify(ec.export({ format: 'jwk' }))],
    ] as const) {
      await openedBy(await write(name, content));
    }
    await openedBy(fixturePath('cert.pem'), fixturePath('rsa.pem'));
    await openedBy(fixturePath('bob.asc'));
  });

  it('take passphrases by themselves, from a file and from a descriptor', async (t) => {
    const write = await scene(t);
    const rsa = createPrivateKey(await rsaPem());
    const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'pa:ss' } as const;
    const old = { ...locked, type: 'pkcs1' } as const;
    const file = await write('pw', 'pa:ss\n');
    for (const key of [await write('8.pem', rsa.export(locked)), await write('1.pem', rsa.export(old))]) {
      await openedBy(`${key}:pa:ss`);
      await openedBy(`${key}:pass=pa:ss`);
      await openedBy(`${key}:file=${file}`);
      const descriptor = openSync(file, 'r');
      await openedBy(`${key}:fd=${descriptor}`);
      closeSync(descriptor);
      await assert.rejects(openedBy(key), { code: 'PASSPHRASE_MISSING', kind: 'auth' });
      await assert.rejects(openedBy(`${key}:fd=hunter2`), (thrown: Error) => !/hunter2/.test(thrown.message));
      await assert.rejects(openedBy(`${key}:hunter2`), (thrown: Error & { code: string }) => {
        assert.equal(thrown.code, 'PASSPHRASE_WRONG');
        assert.doesNotMatch(`${thrown.stack} ${thrown.cause}`, /hunter2/);
        return true;
      });
    }
  });

  it('are refused where they are none', async (t) => {
    const write = await scene(t);
    const rsa = createPrivateKey(await rsaPem());
    const x25519 = generateKeyPairSync('x25519').privateKey;
    for (const [name, code] of [
      [await write('nothing', 'nothing'), 'BAD_DECRYPTION_KEY'],
      ['', 'BAD_DECRYPTION_KEY'],
      [':x', 'BAD_DECRYPTION_KEY'],
      [await write('public.pem', createPublicKey(rsa).export({ type: 'spki', format: 'pem' })), 'BAD_DECRYPTION_KEY'],
      [await write('x.pem', x25519.export({ type: 'pkcs8', format: 'pem' })), 'KEY_TYPE_NOT_SUPPORTED'],
      ['provider:x', 'DECRYPTION_KEY_NOT_SUPPORTED'],
      ['pkcs11:x', 'DECRYPTION_KEY_NOT_SUPPORTED'],
    ] as const) {
      await assert.rejects(readDecryptionKeys([name], options), { code }, name);
    }
  });
});
