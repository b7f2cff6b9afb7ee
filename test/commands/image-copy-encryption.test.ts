/** Encryption as a person meets it: skopeo's flags, what is refused, what is told, and what never is. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import { sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';

async function scene(t: TestContext) {
  const home = await testFolder(t);
  const image = await fixtureImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [{ a: 'a' }, { b: 'b' }],
  });
  await writeFixtureLayout(join(home, 'src'), { app: image });
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const passphrase = 'hunter2 and more';
  const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const;
  await writeFile(join(home, 'pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(home, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(home, 'locked.pem'), privateKey.export(locked));
  await writeFile(join(home, 'pw'), passphrase);
  const sheaf = sheafIn(home);
  const copy = ['image', 'copy'];
  return {
    home,
    digest: image.manifest.digest,
    ok: (...args: string[]) => sheaf.ok(...copy, ...args),
    run: (...args: string[]) => sheaf.run(...copy, ...args),
    fails: (status: number, ...args: string[]) => sheaf.fails(status, ...copy, ...args),
  };
}

test('image copy: encrypts and decrypts, with the keys in one flag or several', async (t) => {
  const { ok, digest } = await scene(t);
  const told = JSON.parse(
    await ok('--json', '--encryption-key', 'jwe:pub.pem,jwe:pub.pem', 'oci:src:app', 'oci:enc:app'),
  );
  assert.equal(told.encrypted, 2);
  assert.notEqual(told.digest, digest);
  assert.equal(await ok('--decryption-key', 'key.pem', 'oci:enc:app', 'oci:plain:app'), digest);
  assert.equal(await ok('--decryption-key', 'locked.pem:file=pw', 'oci:enc:app', 'oci:plain:app2'), digest);
  await ok('--encryption-key=jwe:pub.pem', '--encrypt-layer=0', '--encrypt-layer', '-1', 'oci:src:app', 'oci:enc:both');
  const some = await ok('--json', '--encryption-key=jwe:pub.pem', '--encrypt-layer=0,-2', 'oci:src:app', 'oci:enc:one');
  assert.equal(JSON.parse(some).encrypted, 1);
});

test('image copy: a dry run of encryption tells the layers, and that the digest is not known', async (t) => {
  const { ok } = await scene(t);
  const args = ['--dry-run', '--encryption-key=jwe:pub.pem', '--encrypt-layer=1', 'oci:src:app', 'oci:enc:app'];
  const text = await ok(...args);
  assert.match(text, /^ {2}encrypt {7}sha256:[0-9a-f]{64} {2}\d+ B$/m);
  assert.match(text, /note: image: 1 layer encrypted, so its digest changes/);
  assert.match(text, /root \(known once its layers are made\)$/);
  const plan = JSON.parse(await ok('--json', ...args));
  assert.equal(plan.digest, null);
  assert.deepEqual(
    plan.steps.map(({ kind }: { kind: string }) => kind),
    ['copy', 'copy', 'encrypt', 'tag'],
  );
});

test('image copy: flags of encryption that cannot be meant are refused', async (t) => {
  const { fails } = await scene(t);
  const pair = ['oci:src:app', 'oci:enc:app'];
  for (const [status, message, ...args] of [
    [2, /--encrypt-layer can only be used with --encryption-key/, '--encrypt-layer=0'],
    [2, /"one" is not the number of a layer/, '--encrypt-layer=one', '--encryption-key=jwe:pub.pem'],
    [2, /no layer 2 to encrypt, for there are 2 layers/, '--encrypt-layer=2', '--encryption-key=jwe:pub.pem'],
    [2, /does not say whom to encrypt for[\s\S]*jwe:FILE/, '--encryption-key=pub.pem'],
    [7, /cannot be encrypted by provider: keys[\s\S]*jwe:FILE/, '--encryption-key=provider:x:y'],
    [7, /cannot be decrypted by pkcs11: keys/, '--decryption-key=pkcs11:x'],
    [3, /the public key nowhere.pem is not there/, '--encryption-key=jwe:nowhere.pem'],
    [5, /would change its digest.*2 layers encrypted/, '--preserve-digests', '--encryption-key=jwe:pub.pem'],
    [7, /does not support encryption/, '--format=v2s2', '--encryption-key=jwe:pub.pem'],
  ] as const) {
    const { stderr } = await fails(status, ...args, ...pair);
    assert.match(stderr, message);
  }
});

test('image copy: no passphrase or key is told or kept', async (t) => {
  const { home, ok, run } = await scene(t);
  await ok('-q', '--encryption-key=jwe:pub.pem', 'oci:src:app', 'oci:enc:app');
  const told: string[] = [];
  for (const key of ['locked.pem:hunter2 and more', 'locked.pem:pass=hunter2 and more', 'locked.pem:hunter2']) {
    const args = ['--log-level=debug', '--decryption-key', key, 'oci:enc:app', 'oci:plain:app'];
    const { stdout, stderr } = await run(...args);
    told.push(stdout, stderr);
  }
  assert.doesNotMatch(told.join('\n'), /hunter2|PRIVATE KEY|symkey/);
  const kept = await readdir(join(home, 'store'), { recursive: true, withFileTypes: true }).catch(() => []);
  for (const file of kept.filter((one) => one.isFile())) {
    const text = await readFile(join(file.parentPath, file.name), 'latin1');
    assert.doesNotMatch(text, /hunter2|PRIVATE KEY|symkey/, file.name);
  }
});

test('image copy: what is signed is encrypted only where its signatures stay behind', async (t) => {
  const { home, ok, fails } = await scene(t);
  await ok('oci:src:app', 'dir:signed');
  // an OpenPGP message in the old form: nobody looks into it here
  await writeFile(join(home, 'signed', 'signature-1'), Buffer.from([0xa3, 1, 2, 3]));
  const args = ['--encryption-key=jwe:pub.pem', 'dir:signed', 'dir:enc'];
  const { stderr } = await fails(5, ...args);
  assert.match(stderr, /--remove-signatures/);
  await ok('--remove-signatures', ...args);
});
