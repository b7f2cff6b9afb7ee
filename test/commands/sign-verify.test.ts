/** `sign` and `verify` as a person runs them: flags, exit codes, what is printed, and what never is. */
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as openpgp from 'openpgp';
import { type Ended, run, sheaf } from '../cli/support/program.ts';
import { gpgKey, seedApp, sigstoreKey } from '../signing/support.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';

const passphrase = 'a passphrase of the test';

async function arranged(t: TestContext) {
  const registry = await withRegistry(t);
  const [folder, app, alice] = [await testFolder(t), await seedApp(registry), await gpgKey()];
  const file = (name: string): string => join(folder, name);
  await mkdir(file('registries.d'));
  await writeFile(file('registries.d/a.yaml'), `default-docker:\n  lookaside: file://${file('lookaside')}\n`);
  const privateKey = await openpgp.readPrivateKey({ binaryKey: alice.secret });
  await writeFile(file('key.asc'), (await openpgp.encryptKey({ privateKey, passphrase })).armor());
  await writeFile(file('pub.asc'), alice.publicKey.armor());
  await writeFile(file('other.pub'), sigstoreKey().pem);
  await writeFile(file('pw'), `${passphrase}\n`);
  const ran: Ended[] = [];
  const command = async (...args: string[]): Promise<Ended> => {
    const common = ['--tls-verify=false', '--registries.d', file('registries.d')];
    const ended = await run(sheaf, [...args, ...common], { env: { HOME: folder, SHEAF_HOME: file('home') } });
    ran.push(ended);
    return ended;
  };
  return { app, alice, folder, file, command, ran };
}

describe('sheaf sign and sheaf verify', () => {
  it('sign a list with a locked key and verify it, with exit codes that say what was found', async (t) => {
    const { app, alice, file, command, ran } = await arranged(t);
    const unsigned = await command('verify', '--key', file('pub.asc'), app.name);
    assert.equal(unsigned.code, 6);
    assert.match(unsigned.stdout, /unsigned[\s\S]*is NOT verified/);

    const signing = ['sign', '--sign-key-file', file('key.asc'), '--sign-passphrase-file'];
    await writeFile(file('wrong'), 'not the passphrase\n');
    const wrong = await command(...signing, file('wrong'), app.name);
    assert.deepEqual([wrong.code, wrong.stdout], [4, '']);
    const planned = await command(...signing, file('pw'), '--dry-run', app.name);
    assert.match(planned.stdout, /^(sign .*\n){3}$/);
    assert.deepEqual((await readdir(file('.'))).includes('lookaside'), false);

    const signed = await command(...signing, file('pw'), app.name);
    assert.deepEqual([signed.code, signed.stdout, signed.stderr], [0, `${app.index.digest}\n`, '']);
    const again = await command(...signing, file('pw'), '--json', app.name);
    const { added, kept, identity, dryRun } = JSON.parse(again.stdout) as Record<string, unknown>;
    assert.deepEqual([added, kept, identity, dryRun], [0, 3, app.name.slice('docker://'.length), false]);
    const kept3 = await command(...signing, file('pw'), '--dry-run', app.name);
    assert.match(kept3.stdout, /^(keep .*: signed already\n){3}$/);

    const verified = await command('verify', '--key', file('pub.asc'), '--key', file('other.pub'), '--json', app.name);
    assert.equal(verified.code, 0);
    const result = JSON.parse(verified.stdout) as { verified: boolean; manifests: Array<{ signatures: unknown[] }> };
    assert.deepEqual([result.verified, result.manifests.length], [true, 3]);
    assert.match(JSON.stringify(result.manifests[0]?.signatures), new RegExp(alice.fingerprint));
    assert.equal((await command('verify', '--key', file('other.pub'), app.name)).code, 6);
    for (const { stdout, stderr } of ran) assert.doesNotMatch(stdout + stderr, /passphrase of the test|not the pass/);
  });

  it('stand in the plan of a copy as in what comes of it', async (t) => {
    const { app, file, command } = await arranged(t);
    const signing = ['--sign-key-file', file('key.asc'), '--sign-passphrase-file', file('pw')];
    const copy = ['image', 'copy', '--json', '--all', ...signing, app.name, app.name.replace(/v1$/, 'v2')];
    const [planned, done] = [await command(...copy, '--dry-run'), await command(...copy)];
    const signed = ({ stdout }: Ended) => {
      const { signers, identity } = JSON.parse(stdout);
      return { signers, identity };
    };
    assert.equal(signed(done).identity, copy.at(-1)?.slice('docker://'.length));
    assert.deepEqual(signed(planned), signed(done));
    const sign = await command('sign', '--json', '--dry-run', ...signing, app.name);
    assert.equal(JSON.parse(sign.stdout).dryRun, true);
  });

  it('say what is missing or contradicts itself', async (t) => {
    const { app, file, command } = await arranged(t);
    const nobody = await command('sign', app.name);
    assert.deepEqual([nobody.code, /nobody was asked to sign/.test(nobody.stderr)], [2, true]);
    const archive = await command(
      'sign',
      '--sign-key-file',
      file('key.asc'),
      '--sign-passphrase-file',
      file('pw'),
      'oci-archive:a.tar',
    );
    assert.deepEqual([archive.code, /cannot be kept anywhere/.test(archive.stderr)], [7, true]);
    const noTrust = await command('verify', '--policy', file('absent.json'), app.name);
    assert.equal(noTrust.code, 3);
    await writeFile(file('text'), 'neither');
    assert.equal((await command('verify', '--key', file('text'), app.name)).code, 2);
    assert.equal((await command('verify', '--certificate-identity', 'a@b.c', app.name)).code, 2);
    const both = await command('verify', '--key', file('pub.asc'), '--policy', file('absent.json'), app.name);
    assert.equal(both.code, 2);
    const place = [
      '--sign-key-file',
      file('key.asc'),
      '--sign-passphrase-file',
      file('pw'),
      '--signature-store',
      'bundle',
    ];
    const nowhere = await command('sign', ...place, app.name);
    assert.match(nowhere.stderr, /GPG signatures go to a lookaside/);
    assert.equal((await command('verify', '--key', file('pub.asc'), `oci:${file('layout')}`)).code, 3);
    await writeFile(file('accept.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    const anything = await command('verify', '--policy', file('accept.json'), app.name);
    assert.deepEqual([anything.code, /nobody is trusted/.test(anything.stderr)], [2, true]);
    await run(sheaf, ['key', 'generate', '--output-key-prefix', file('k'), '--passphrase-file', file('pw')]);
    const sealed = await command('sign', '--sign-by-sigstore-private-key', file('k.key'), app.name);
    assert.equal(sealed.code, 4);
    assert.match(sealed.stderr, /k\.key: .*passphrase not provided[\s\S]*--sign-passphrase-file/);
  });

  it('open the key that a parameter file names with the passphrase of the command, if the file names none', async (t) => {
    const { app, file, command } = await arranged(t);
    await run(sheaf, ['key', 'generate', '--output-key-prefix', file('k'), '--passphrase-file', file('pw')]);
    await writeFile(file('params.yaml'), `privateKeyFile: ${file('k.key')}\n`);
    const signing = ['sign', '--sign-by-sigstore', file('params.yaml')];
    assert.equal((await command(...signing, app.name)).code, 4);
    assert.equal((await command(...signing, '--sign-passphrase-file', file('pw'), app.name)).code, 0);
    assert.equal((await command('verify', '--key', file('k.pub'), app.name)).code, 0);
  });

  it('sign with an identity from a file, and a second run signs nothing that is signed', async (t) => {
    const { app, file, command } = await arranged(t);
    const { url, trustedRoot } = await sigstoreServices(t);
    await writeFile(file('root.json'), trustedRoot);
    await writeFile(file('token'), `${identityToken()}\n`);
    const parameters = `rekorURL: ${url}\nfulcio:\n  fulcioURL: ${url}\n  oidcMode: ambient\n`;
    await writeFile(file('params.yaml'), parameters);
    const stores = ['--signature-store', 'attachment', '--signature-store', 'bundle'];
    const signing = ['sign', '--json', '--sign-by-sigstore', file('params.yaml'), ...stores];
    const counts = async (...more: string[]): Promise<[number, number]> => {
      const { added, kept } = JSON.parse((await command(...signing, ...more, app.name)).stdout) as Record<
        string,
        number
      >;
      return [added ?? Number.NaN, kept ?? Number.NaN];
    };
    assert.equal((await command(...signing, app.name)).code, 4);
    assert.deepEqual(await counts('--identity-token', file('token')), [6, 0]);
    assert.deepEqual(await counts('--identity-token', file('token')), [0, 6]);
    // who would sign is not asked for a plan, not even without a token
    assert.deepEqual(await counts('--dry-run', '--identity-token', file('token')), [6, 0]);
    const who = ['--certificate-identity', 'alice@example.com', '--certificate-oidc-issuer', testIssuer];
    const verified = await command('verify', ...who, '--trusted-root', file('root.json'), app.name);
    assert.equal(verified.code, 0, verified.stderr);
    const onCommandLine = await command(...signing, '--identity-token', identityToken(), app.name);
    assert.match(onCommandLine.stdout + onCommandLine.stderr, /a token and not a file/);
    const useless = await command(
      'sign',
      '--identity-token',
      file('token'),
      '--sign-key-file',
      file('key.asc'),
      app.name,
    );
    assert.equal(useless.code, 2);
  });
});
