/** `key generate`, and that `sign` and `verify` take what it makes. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';
import { seedImage, seedIndex } from '../support/seed.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';

async function scene(t: TestContext) {
  const folder = await testFolder(t);
  const registry = await withRegistry(t);
  const image = await seedImage(registry, 'app');
  await seedIndex(registry, 'app', [image], { tag: '1.0' });
  await writeFile(join(folder, 'pw'), 'open sesame\n');
  return { folder, sheaf: sheafIn(folder), name: `docker://${registry.host}/app:1.0` };
}

test('a new key signs, and its public half verifies', async (t) => {
  const { folder, sheaf, name } = await scene(t);
  const told = await sheaf.ok('key', 'generate', '--passphrase-file', 'pw');
  assert.match(told, /^Private key: sheaf\.key\nPublic key: sheaf\.pub\nFingerprint: sha256:[0-9a-f]{64}$/);
  assert.equal((await stat(join(folder, 'sheaf.key'))).mode & 0o777, 0o600);
  const by = ['--sign-by-sigstore-private-key', 'sheaf.key', '--sign-passphrase-file', 'pw', '--tls-verify=false'];
  await sheaf.ok('sign', ...by, name);
  await sheaf.ok('verify', '--key', 'sheaf.pub', '--tls-verify=false', name);
  await sheaf.ok('key', 'generate', '--output-key-prefix', 'other', '--passphrase-file', 'pw');
  assert.equal((await sheaf.run('verify', '--key', 'other.pub', '--tls-verify=false', name)).code, 6);
});

test('the passphrase is told to nobody, whatever goes wrong', async (t) => {
  const { folder, sheaf, name } = await scene(t);
  await sheaf.ok('key', 'generate', '--passphrase-file', 'pw');
  await writeFile(join(folder, 'wrong'), 'open barley\n');
  const by = ['--sign-by-sigstore-private-key', 'sheaf.key', '--sign-passphrase-file', 'wrong', '--tls-verify=false'];
  const failed = await sheaf.fails(4, 'sign', '--log-level', 'debug', ...by, name);
  assert.match(failed.stderr, /decryption failed/);
  assert.doesNotMatch(failed.stderr + failed.stdout, /barley|sesame/);
});

test('keys are not overwritten, and none is made without a word about its passphrase', async (t) => {
  const { folder, sheaf } = await scene(t);
  await writeFile(join(folder, 'sheaf.pub'), 'mine');
  await sheaf.fails(5, 'key', 'generate', '--passphrase-file', 'pw');
  await sheaf.fails(2, 'key', 'generate', '--output-key-prefix', 'k');
  await sheaf.fails(3, 'key', 'generate', '--output-key-prefix', 'k', '--passphrase-file', 'none');
  await sheaf.fails(2, 'key', 'generate', '--output-key-prefix', 'k', '--type', 'gpg', '--passphrase-file', 'pw');
  await sheaf.fails(2, 'key', 'generate', '--output-key-prefix', 'k', '--email', 'a@b.c', '--passphrase-file', 'pw');
  assert.deepEqual(
    (await readdir(folder)).filter((name) => /\.(key|pub)$/.test(name)),
    ['sheaf.pub'],
  );
  assert.equal(await readFile(join(folder, 'sheaf.pub'), 'utf8'), 'mine');
});

test('a dry run tells the files, refuses what the run would refuse, and asks for no passphrase', async (t) => {
  const { folder, sheaf } = await scene(t);
  const before = await readdir(folder);
  assert.equal(await sheaf.ok('key', 'generate', '--dry-run'), 'write sheaf.key\nwrite sheaf.pub');
  assert.deepEqual(JSON.parse(await sheaf.ok('key', 'generate', '--dry-run', '--json')), {
    type: 'sigstore',
    dryRun: true,
    privateKeyFile: 'sheaf.key',
    publicKeyFile: 'sheaf.pub',
  });
  await sheaf.fails(2, 'key', 'generate', '--dry-run', '--output-key-prefix', '');
  await sheaf.fails(2, 'key', 'generate', '--dry-run', '--type', 'gpg', '--email', 'nobody');
  await sheaf.fails(9, 'key', 'generate', '--dry-run', '--output-key-prefix', 'no/k');
  assert.deepEqual(await readdir(folder), before);
  await writeFile(join(folder, 'sheaf.pub'), 'mine');
  await sheaf.fails(5, 'key', 'generate', '--dry-run');
});

test('signers and patterns that name nobody are refused with what to do', async (t) => {
  const { folder, sheaf, name } = await scene(t);
  const empty = await sheaf.fails(2, 'sign', '--sign-by', '', name);
  assert.match(empty.stderr, /--sign-by has an empty value\nhint: .*variable/);
  await writeFile(join(folder, 'root.json'), '{}');
  const who = ['--certificate-identity-regexp', '(', '--certificate-oidc-issuer', 'x', '--trusted-root', 'root.json'];
  assert.match((await sheaf.fails(2, 'verify', ...who, name)).stderr, /--certificate-identity-regexp: "\(" is no/);
});

test('the passphrase may come from the variable of cosign, and be empty', async (t) => {
  const { folder } = await scene(t);
  const sheaf = sheafIn(folder, { COSIGN_PASSWORD: '' });
  const made: unknown = JSON.parse(await sheaf.ok('key', 'generate', '--json'));
  const { fingerprint } = made as { fingerprint: string };
  assert.deepEqual(made, {
    type: 'sigstore',
    dryRun: false,
    privateKeyFile: 'sheaf.key',
    publicKeyFile: 'sheaf.pub',
    fingerprint,
  });
});

test('an identity signs as a parameter file says, and is verified under the trusted root', async (t) => {
  const { folder, sheaf, name } = await scene(t);
  const { url, trustedRoot } = await sigstoreServices(t);
  const token = identityToken();
  const fulcio = `fulcio:\n  fulcioURL: ${url}\n  oidcMode: staticToken\n  oidcIDToken: ${token}\n`;
  await writeFile(join(folder, 'params.yaml'), `rekorURL: ${url}\n${fulcio}`);
  await writeFile(join(folder, 'root.json'), trustedRoot);
  const stores = ['--signature-store', 'attachment', '--signature-store', 'bundle'];
  const reach = ['--tls-verify=false', name];
  const signed = await sheaf.run(
    'sign',
    '--log-level',
    'debug',
    '--sign-by-sigstore',
    'params.yaml',
    ...stores,
    ...reach,
  );
  assert.equal(signed.code, 0, signed.stderr);
  assert.ok(!signed.stderr.includes(token));
  const who = (mail: string): string[] => [
    ...['--certificate-identity', mail, '--certificate-oidc-issuer', testIssuer, '--trusted-root', 'root.json'],
    ...reach,
  ];
  const verdict = await sheaf.ok('verify', ...who('alice@example.com'));
  assert.match(verdict, /alice@example\.com/);
  assert.equal((await sheaf.run('verify', ...who('bob@example.com'))).code, 6);
});
