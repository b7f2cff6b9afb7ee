/** Whose passphrase is asked for at a terminal, and when. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
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

test('several locked keys: one question after the other by the order of the flags, and none after a failure', async (t) => {
  const folder = await testFolder(t);
  const { sigstore, gpg, parameters } = await lockedKeys(folder);
  const second = join(folder, 'second.key');
  await copyFile(sigstore, second);
  const flags = {
    'sign-key-file': gpg,
    'sign-by-sigstore-private-key': [sigstore, second],
    'sign-by-sigstore': parameters,
  };
  const asking = async (answers: readonly string[]) => {
    const questions: string[] = [];
    let standing = 0;
    const askSecret = async (question: string): Promise<string> => {
      questions.push(question);
      standing += 1;
      assert.equal(standing, 1);
      await new Promise(setImmediate);
      standing -= 1;
      return answers[questions.length - 1] ?? passphrase;
    };
    const chosen = chooseSigners(flags, { env: {}, session, creator, askSecret });
    const [outcome] = await Promise.allSettled([chosen]);
    return { outcome, questions };
  };
  const inOrder = [gpg, sigstore, second, sigstore].map((file) => `Passphrase of ${file}: `);
  const { outcome, questions } = await asking([]);
  assert.equal(outcome.status, 'fulfilled');
  assert.deepEqual(questions, inOrder);
  const failed = await asking([passphrase, 'wrong']);
  assert.equal(failed.outcome.status, 'rejected');
  assert.deepEqual(failed.questions, inOrder.slice(0, 2));
});

test('two GPG keys of one file: the question tells whose passphrase is meant', async (t) => {
  const { gpg } = await lockedKeys(await testFolder(t));
  const questions: string[] = [];
  const askSecret = async (question: string): Promise<string> => {
    questions.push(question);
    return passphrase;
  };
  const key = await openpgp.readPrivateKey({ armoredKey: await readFile(gpg, 'utf8') });
  const names = [key.getFingerprint(), key.getKeyID().toHex()];
  await chooseSigners({ 'sign-key-file': gpg, 'sign-by': names }, { env: {}, session, creator, askSecret });
  assert.deepEqual(
    questions,
    names.map((name) => `Passphrase of ${name} in ${gpg}: `),
  );
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
