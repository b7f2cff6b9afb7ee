/** Whose passphrase is asked for at a terminal, and when. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as openpgp from 'openpgp';
import { chooseSigners, type SignFlagValues } from '../../src/cli/signing-wiring.ts';
import { creator, gpgKey, session } from '../signing/support.ts';
import { testFolder } from '../support/folders.ts';

const passphrase = 'the right one';

async function lockedKeys(folder: string) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [sigstore, gpg, parameters] = ['s.key', 'g.key', 'p.yaml'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const lock = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
  await writeFile(sigstore, privateKey.export(lock));
  const binaryKey = await openpgp.readPrivateKey({ binaryKey: (await gpgKey()).secret });
  await writeFile(gpg, (await openpgp.encryptKey({ privateKey: binaryKey, passphrase })).armor());
  await writeFile(parameters, `privateKeyFile: ${sigstore}\n`);
  return { sigstore, gpg, parameters };
}

test('a person is asked for the passphrase of a locked key that no file and no variable gives', async (t) => {
  const { sigstore, gpg, parameters } = await lockedKeys(await testFolder(t));
  const asking = async (flags: SignFlagValues, typed = passphrase, env: NodeJS.ProcessEnv = {}) => {
    const questions: string[] = [];
    const askSecret = async (question: string): Promise<string> => {
      questions.push(question);
      return typed;
    };
    const { signers } = await chooseSigners(flags, { env, session, creator, askSecret });
    assert.equal(signers.length, 1);
    return questions;
  };
  assert.deepEqual(await asking({ 'sign-by-sigstore-private-key': [sigstore] }), [`Passphrase of ${sigstore}: `]);
  assert.deepEqual(await asking({ 'sign-by-sigstore': parameters }), [`Passphrase of ${sigstore}: `]);
  assert.deepEqual(await asking({ 'sign-key-file': gpg }), [`Passphrase of ${gpg}: `]);

  const variable = { SHEAF_SIGN_PASSPHRASE: passphrase };
  assert.deepEqual(await asking({ 'sign-key-file': gpg }, 'not asked', variable), []);
  assert.deepEqual(await asking({ 'sign-by-sigstore-private-key': [sigstore] }, 'not asked', variable), []);
  await assert.rejects(asking({ 'sign-by-sigstore-private-key': [sigstore] }, 'wrong'), { code: 'PASSPHRASE_WRONG' });
});

test('where nobody can be asked, a locked key without a passphrase is an error that says what to do', async (t) => {
  const { sigstore, gpg } = await lockedKeys(await testFolder(t));
  for (const flags of [{ 'sign-by-sigstore-private-key': [sigstore] }, { 'sign-key-file': gpg }]) {
    await assert.rejects(chooseSigners(flags, { env: {}, session, creator }), {
      code: 'PASSPHRASE_MISSING',
      hint: /--sign-passphrase-file.*SHEAF_SIGN_PASSPHRASE/,
    });
  }
});
