import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type FileHandle, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryName } from '../../src/foundation/temporary-names.ts';
import { type GenerateKeyRequest, generateKey } from '../../src/operations/generate-key.ts';
import { readKeyFile } from '../../src/signing/sigstore/key-file.ts';
import { keyId, parsePublicKeys, signBytes, verifyBytes } from '../../src/signing/sigstore/keys.ts';
import { readSecretKeys } from '../../src/signing/simple/keyring.ts';
import { testFolder } from '../support/folders.ts';

const passphrase = (): Uint8Array => Buffer.from('secret');

describe('generateKey', () => {
  it('writes a key that only its owner can read, and its public half', async (t) => {
    const prefix = join(await testFolder(t), 'k');
    const made = await generateKey({ type: 'sigstore', algorithm: 'p256', prefix, passphrase: passphrase() });
    assert.deepEqual([made.privateKeyFile, made.publicKeyFile], [`${prefix}.key`, `${prefix}.pub`]);
    assert.equal((await stat(made.privateKeyFile)).mode & 0o777, 0o600);
    const key = await readKeyFile(await readFile(made.privateKeyFile), passphrase());
    const [publicKey] = parsePublicKeys(await readFile(made.publicKeyFile));
    assert.ok(publicKey);
    assert.ok(verifyBytes(publicKey, Buffer.from('x'), signBytes(key, Buffer.from('x'))));
    assert.equal(made.fingerprint, `sha256:${Buffer.from(keyId(publicKey)).toString('hex')}`);
  });

  it('overwrites nothing, and leaves nothing behind when it cannot write both', async (t) => {
    for (const name of ['k.key', 'k.pub']) {
      const folder = await testFolder(t);
      await writeFile(join(folder, name), 'mine');
      const request = { type: 'sigstore', algorithm: 'p256', passphrase: passphrase() } as const;
      await assert.rejects(generateKey({ ...request, prefix: join(folder, 'k') }), { code: 'KEY_EXISTS' });
      assert.deepEqual(await readdir(folder), [name]);
      assert.equal(await readFile(join(folder, name), 'utf8'), 'mine');
      await assert.rejects(generateKey({ ...request, prefix: join(folder, 'no', 'k') }), {
        kind: 'storage',
        message: /there is no folder .*\/no$/,
        hint: /mkdir/,
      });
    }
  });

  it('leaves no part of a key where the disk is full, and nothing of a run that was killed', async (t) => {
    const folder = await testFolder(t);
    const prefix = join(folder, 'k');
    const request = { type: 'sigstore', algorithm: 'p256', prefix, passphrase: passphrase() } as const;
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(temporaryName(`${prefix}.key`, 'tmp').replace(`-${process.pid}-`, `-${pid}-`), 'a part of a key');
    await using handle = await open(folder, 'r');
    const full = t.mock.method(Object.getPrototypeOf(handle) as FileHandle, 'writeFile', async () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
    });
    await assert.rejects(generateKey(request), { kind: 'storage', hint: /make room/ });
    assert.deepEqual(await readdir(folder), []);
    full.mock.restore();
    await generateKey(request);
    assert.deepEqual((await readdir(folder)).sort(), ['k.key', 'k.pub']);
  });

  it('writes no files without a name', async (t) => {
    const folder = await testFolder(t);
    for (const prefix of ['', `${folder}/`, `${folder}/.`, '..']) {
      const request = { type: 'sigstore', algorithm: 'p256', passphrase: passphrase(), prefix } as const;
      await assert.rejects(generateKey(request), { code: 'BAD_KEY_PREFIX' }, prefix);
    }
    assert.deepEqual(await readdir(folder), []);
  });

  it('writes GPG keys, locked with the passphrase', async (t) => {
    const folder = await testFolder(t);
    const request: GenerateKeyRequest = {
      type: 'gpg',
      algorithm: 'ed25519',
      name: 'Release Team',
      email: 'release@example.com',
      prefix: join(folder, 'k'),
      passphrase: passphrase(),
    };
    const made = await generateKey(request);
    assert.match(made.fingerprint, /^[0-9A-F]{40}$/);
    assert.match(await readFile(made.publicKeyFile, 'utf8'), /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    const [key] = await readSecretKeys(await readFile(made.privateKeyFile), 'k');
    assert.equal(key?.isDecrypted(), false);
    assert.deepEqual(key?.getUserIDs(), ['Release Team <release@example.com>']);
    const open = await generateKey({ ...request, prefix: join(folder, 'open'), passphrase: Buffer.alloc(0) });
    const [unlocked] = await readSecretKeys(await readFile(open.privateKeyFile), 'k');
    assert.equal(unlocked?.isDecrypted(), true);
    for (const email of ['nobody', 'me@x', 'me@example.com.', 'a\\b@example.com', 'a b@example.com']) {
      await assert.rejects(generateKey({ ...request, prefix: join(folder, 'bad'), email }), {
        name: 'UsageError',
        code: 'INVALID_EMAIL',
      });
    }
  });
});
