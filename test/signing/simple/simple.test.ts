/** Simple signatures, against gpg and skopeo. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createSession } from '../../../src/foundation/session.ts';
import { type Digest, digestOf } from '../../../src/oci/digest.ts';
import { encodeClaim } from '../../../src/signing/claim.ts';
import type { ImageSignature, SimpleSignature } from '../../../src/signing/signature.ts';
import { createGpgSigner } from '../../../src/signing/simple/gpg-signer.ts';
import { createGpgKeySigner } from '../../../src/signing/simple/key-signer.ts';
import { looksLikeKeyring, readKeyring } from '../../../src/signing/simple/keyring.ts';
import { verifySimple } from '../../../src/signing/simple/verify-simple.ts';
import { type Gpg, withGpg } from '../../support/gpg.ts';
import { isolatedPeers, skipWithout } from '../../support/peers.ts';

const session = createSession();
const creator = 'sheaf test';
const claim = { digest: `sha256:${'0f'.repeat(32)}` as Digest, identity: 'example.com/a/b:c' };
const payload = encodeClaim('simple', claim, { creator, timestamp: 1 });
const now = (): Date => new Date();

function simple(signatures: readonly ImageSignature[]): SimpleSignature {
  const [only] = signatures;
  assert.ok(only?.kind === 'simple');
  return only;
}

const rejected = (why: RegExp) => ({ name: 'IntegrityError', code: 'SIGNATURE_REJECTED', message: why });
const asSignature = (message: Uint8Array): SimpleSignature => ({ kind: 'simple', message });

async function keySigner(gpg: Gpg, user: string, more: { passphrase?: string; armor?: boolean } = {}) {
  const key = await gpg.exportSecret(user, more);
  return createGpgKeySigner({ key, what: 'key.asc', creator, ...more }, session);
}

const skip = skipWithout('gpg', 'gpgconf');

describe('signing in process', { skip }, () => {
  for (const algorithm of ['rsa2048', 'ed25519', 'nistp256']) {
    it(`makes a signature of ${algorithm} that gpg takes, and takes it itself`, async (t) => {
      const gpg = await withGpg(t);
      const fingerprint = await gpg.makeKey('Alice <alice@example.com>', { algorithm });
      const signer = await keySigner(gpg, fingerprint, { armor: algorithm === 'rsa2048' });
      assert.equal(signer.describe(), `GPG key ${fingerprint}`);
      const signature = simple(await signer.sign(session, { ...claim, timestamp: 1 }));
      assert.deepEqual(await gpg.ok(['--decrypt'], signature.message), Buffer.from(payload));
      const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
      const verified = await verifySimple(signature, keys, now());
      assert.equal(verified.fingerprint, fingerprint);
      assert.equal(verified.user, 'Alice <alice@example.com>');
      assert.deepEqual([verified.claim.digest, verified.claim.identity], [claim.digest, claim.identity]);
      assert.equal(await signer.isMine(signature, claim, session), true);
      assert.equal(await signer.isMine(signature, { ...claim, identity: 'example.com/a/b:d' }, session), false);
    });
  }

  it('opens a locked key with its passphrase, and says what is wrong without it', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Bob', { passphrase: 'correct horse' });
    const key = await gpg.exportSecret(fingerprint, { passphrase: 'correct horse' });
    const options = { key, what: 'key.gpg', creator };
    const signer = await createGpgKeySigner({ ...options, passphrase: 'correct horse' }, session);
    const signature = simple(await signer.sign(session, claim));
    const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
    assert.equal((await verifySimple(signature, keys, now())).fingerprint, fingerprint);
    await assert.rejects(createGpgKeySigner(options, session), { name: 'AuthError', code: 'PASSPHRASE_MISSING' });
    await assert.rejects(createGpgKeySigner({ ...options, passphrase: 'wrong secret' }, session), (thrown: Error) => {
      assert.equal('code' in thrown && thrown.code, 'PASSPHRASE_WRONG');
      assert.doesNotMatch(JSON.stringify([thrown.message, thrown.stack]), /wrong secret/);
      return true;
    });
  });

  it('signs with the subkey of a key whose primary part was left out, and names the primary key', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Carol', { algorithm: 'rsa2048' });
    await gpg.ok(['--passphrase', '', '--quick-add-key', fingerprint, 'ed25519', 'sign', 'never']);
    const key = await gpg.exportSecret(fingerprint, { subkeys: true });
    const signer = await createGpgKeySigner({ key, what: 'key', creator, signBy: 'carol' }, session);
    const signature = simple(await signer.sign(session, claim));
    assert.match((await gpg.ok(['--decrypt'], signature.message)).toString(), /atomic container signature/);
    const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
    assert.equal((await verifySimple(signature, keys, now())).fingerprint, fingerprint);
  });

  it('asks which key when a file has several', async (t) => {
    const gpg = await withGpg(t);
    const [dan, eve] = [await gpg.makeKey('Dan <dan@example.com>'), await gpg.makeKey('Eve <eve@example.com>')];
    const key = Buffer.concat([
      await gpg.exportSecret(dan, { armor: true }),
      await gpg.exportSecret(eve, { armor: true }),
    ]);
    const options = { key, what: 'keys', creator };
    await assert.rejects(createGpgKeySigner(options, session), { code: 'KEY_NOT_FOUND', message: /several keys/ });
    await assert.rejects(createGpgKeySigner({ ...options, signBy: 'zoe' }, session), { code: 'KEY_NOT_FOUND' });
    for (const signBy of [eve, eve.slice(-16), 'eve@example.com', `0x${eve}`]) {
      assert.equal((await createGpgKeySigner({ ...options, signBy }, session)).describe(), `GPG key ${eve}`);
    }
  });

  it('refuses files that are no keys', async () => {
    for (const key of [Buffer.from('hello'), Buffer.alloc(0), Buffer.from('\0\0\0\0\0\0\0\0KBXf')]) {
      await assert.rejects(createGpgKeySigner({ key, what: 'x', creator }, session), { code: 'BAD_KEYRING' });
    }
    assert.equal(looksLikeKeyring(Buffer.from('-----BEGIN PUBLIC KEY-----')), false);
  });
});

describe('signing through gpg', { skip }, () => {
  it('signs with a key that only gpg-agent has', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Frank <frank@example.com>', { algorithm: 'ed25519' });
    const signer = await createGpgSigner({ signBy: 'frank@example.com', creator, env: gpg.env }, session);
    assert.equal(signer.describe(), `GPG key ${fingerprint}`);
    const signature = simple(await signer.sign(session, claim));
    const keys = await readKeyring(await gpg.exportPublic(fingerprint, { armor: true }), 'pub');
    assert.equal((await verifySimple(signature, keys, now())).fingerprint, fingerprint);
    assert.equal(await signer.isMine(signature, claim, session), true);
    assert.equal(await signer.isMine(signature, { ...claim, digest: `sha256:${'00'.repeat(32)}` }, session), false);
  });

  it('hands the passphrase over beside the arguments', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Grace', { passphrase: 'open sesame' });
    // what gpg-agent remembers from making the key
    await gpg.ok(['--version']);
    const forget = async (): Promise<void> => {
      const { run } = await import('../../support/peers.ts');
      await run('gpgconf', ['--kill', 'gpg-agent'], { env: gpg.env });
    };
    await forget();
    const wrong = await createGpgSigner({ signBy: fingerprint, passphrase: 'shut', creator, env: gpg.env }, session);
    await assert.rejects(wrong.sign(session, claim), (thrown: Error) => {
      assert.equal('code' in thrown && thrown.code, 'GPG_REFUSED');
      assert.doesNotMatch(thrown.message, /shut/);
      return true;
    });
    await forget();
    const passphrase = 'open sesame';
    const right = await createGpgSigner({ signBy: fingerprint, passphrase, creator, env: gpg.env }, session);
    assert.equal((await right.sign(session, claim)).length, 1);
  });

  it('says of a key that signs no more what is the matter, and takes the new one of the same person', async (t) => {
    const gpg = await withGpg(t);
    const old = await gpg.makeKey('Ivan <ivan@example.com>');
    await gpg.ok(['--command-fd', '0', '--no-batch', '--edit-key', old, 'revkey', 'save'], 'y\n0\n\ny\n');
    const options = { signBy: 'ivan@example.com', creator, env: gpg.env };
    await assert.rejects(createGpgSigner(options, session), { code: 'KEY_CANNOT_SIGN', message: /is revoked/ });
    const fresh = await gpg.makeKey('Ivan <ivan@example.com>');
    assert.equal((await createGpgSigner(options, session)).describe(), `GPG key ${fresh}`);
  });

  it('says so when there is no such key, or no gpg', async (t) => {
    const gpg = await withGpg(t);
    const options = { signBy: 'nobody@example.com', creator, env: gpg.env };
    await assert.rejects(createGpgSigner(options, session), { name: 'UsageError', code: 'KEY_NOT_FOUND' });
    const absent = createGpgSigner({ ...options, program: '/nonexistent/gpg' }, session);
    await assert.rejects(absent, { name: 'NotFoundError', code: 'GPG_NOT_FOUND' });
  });
});

describe('verifying what gpg made', { skip }, () => {
  it('takes every way to compress, and nothing in armor', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Heidi');
    const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
    for (const compression of ['none', 'zip', 'zlib', 'bzip2']) {
      const message = await gpg.ok(['--compress-algo', compression, '--sign'], payload);
      assert.equal((await verifySimple(asSignature(message), keys, now())).claim.digest, claim.digest, compression);
    }
    for (const form of [['--armor', '--sign'], ['--clearsign']]) {
      const message = await gpg.ok(form, payload);
      await assert.rejects(verifySimple(asSignature(message), keys, now()), rejected(/no binary OpenPGP message/));
    }
    await assert.rejects(verifySimple(asSignature(new Uint8Array()), keys, now()), rejected(/no binary/));
  });

  it('rejects two signatures, none, a detached one, an encrypted one, and any changed byte', async (t) => {
    const gpg = await withGpg(t);
    const [ivan, judy] = [await gpg.makeKey('Ivan'), await gpg.makeKey('Judy')];
    const both = Buffer.concat([await gpg.exportPublic(ivan), await gpg.exportPublic(judy)]);
    const keys = await readKeyring(both, 'pub');
    const two = await gpg.ok(['--local-user', ivan, '--local-user', judy, '--sign'], payload);
    await assert.rejects(verifySimple(asSignature(two), keys, now()), rejected(/2 signatures/));
    const detached = await gpg.ok(['--detach-sign'], payload);
    await assert.rejects(verifySimple(asSignature(detached), keys, now()), rejected(/./));
    const unsigned = await gpg.ok(['--store'], payload);
    await assert.rejects(verifySimple(asSignature(unsigned), keys, now()), rejected(/./));
    const encrypted = await gpg.ok(['--passphrase', 'x', '--symmetric'], payload);
    await assert.rejects(verifySimple(asSignature(encrypted), keys, now()), rejected(/./));
    const good = await gpg.ok(['--compress-algo', 'none', '--sign'], payload);
    await verifySimple(asSignature(good), keys, now());
    const at = good.indexOf('example.com') + 2;
    const edited = Buffer.from(good);
    edited[at] = (edited[at] ?? 0) ^ 1;
    await assert.rejects(verifySimple(asSignature(edited), keys, now()), rejected(/./));
    await assert.rejects(verifySimple(asSignature(good.subarray(0, -8)), keys, now()), rejected(/./));
    const followed = Buffer.concat([good, good]);
    await assert.rejects(verifySimple(asSignature(followed), keys, now()), rejected(/./));
  });

  it('rejects a key that is not in the keyring', async (t) => {
    const gpg = await withGpg(t);
    const [kim, leo] = [await gpg.makeKey('Kim'), await gpg.makeKey('Leo')];
    const keys = await readKeyring(await gpg.exportPublic(leo), 'pub');
    const message = await gpg.ok(['--local-user', kim, '--sign'], payload);
    await assert.rejects(verifySimple(asSignature(message), keys, now()), rejected(/Could not find signing key/));
  });

  it('rejects signatures and keys that have expired, and keys that are revoked', async (t) => {
    const gpg = await withGpg(t);
    const mallory = await gpg.makeKey('Mallory', { expires: '2d' });
    const keys = await readKeyring(await gpg.exportPublic(mallory), 'pub');
    const message = await gpg.ok(['--sign'], payload);
    await verifySimple(asSignature(message), keys, now());
    const later = new Date(Date.now() + 3 * 86_400_000);
    await assert.rejects(verifySimple(asSignature(message), keys, later), rejected(/expired/));
    const brief = await gpg.ok(['--default-sig-expire', '1d', '--sign'], payload);
    await verifySimple(asSignature(brief), keys, now());
    const tomorrow = new Date(Date.now() + 1.5 * 86_400_000);
    await assert.rejects(verifySimple(asSignature(brief), keys, tomorrow), rejected(/expired/));
    await gpg.ok(['--command-fd', '0', '--no-batch', '--edit-key', mallory, 'revkey', 'save'], 'y\n0\n\ny\n');
    const revoked = await readKeyring(await gpg.exportPublic(mallory), 'pub');
    await assert.rejects(verifySimple(asSignature(message), revoked, now()), rejected(/revoked/));
    // a copy that knows nothing of that changes nothing
    for (const copies of [
      [...keys, ...revoked],
      [...revoked, ...keys],
    ]) {
      await assert.rejects(verifySimple(asSignature(message), copies, now()), rejected(/revoked/));
    }
  });

  it('takes a key whose end was put off, beside a copy that knows the old end alone', async (t) => {
    const gpg = await withGpg(t);
    const niaj = await gpg.makeKey('Niaj', { expires: '2d' });
    const ending = await readKeyring(await gpg.exportPublic(niaj), 'pub');
    const message = await gpg.ok(['--sign'], payload);
    // self-signatures of one second would not say which is the newer one
    await gpg.ok(['--faked-system-time', `${Math.trunc(Date.now() / 1000) + 60}`, '--quick-set-expire', niaj, '10d']);
    const extended = await readKeyring(await gpg.exportPublic(niaj), 'pub');
    const later = new Date(Date.now() + 3 * 86_400_000);
    for (const copies of [
      [...ending, ...extended],
      [...extended, ...ending],
    ]) {
      await verifySimple(asSignature(message), copies, later);
    }
    await assert.rejects(verifySimple(asSignature(message), ending, later), rejected(/expired/));
    // what the key says of itself is younger than the message then
    await verifySimple(asSignature(message), extended, later);
    const tooLate = new Date(Date.now() + 11 * 86_400_000);
    await assert.rejects(verifySimple(asSignature(message), extended, tooLate), rejected(/expired/));
  });

  it('takes what was signed by a clock that is ahead, and still asks whether the key stands now', async (t) => {
    const gpg = await withGpg(t);
    const olivia = await gpg.makeKey('Olivia', { expires: '30d' });
    const keys = await readKeyring(await gpg.exportPublic(olivia), 'pub');
    const ahead = ['--faked-system-time', `${Math.trunc(Date.now() / 1000) + 86_400}`];
    const message = await gpg.ok([...ahead, '--default-sig-expire', '2d', '--sign'], payload);
    const { time } = await verifySimple(asSignature(message), keys, now());
    assert.ok(time !== undefined && time > now());
    const changed = Uint8Array.from(message);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    await assert.rejects(verifySimple(asSignature(changed), keys, now()), rejected(/./));
    const later = new Date(Date.now() + 4 * 86_400_000);
    await assert.rejects(verifySimple(asSignature(message), keys, later), rejected(/expired/));
    await gpg.ok(['--command-fd', '0', '--no-batch', '--edit-key', olivia, 'revkey', 'save'], 'y\n0\n\ny\n');
    const revoked = await readKeyring(await gpg.exportPublic(olivia), 'pub');
    await assert.rejects(verifySimple(asSignature(message), revoked, now()), rejected(/revoked/));
  });

  it('says of keys on curves that only gpg knows that it does not know them', async (t) => {
    const gpg = await withGpg(t);
    for (const algorithm of ['brainpoolP256r1', 'secp256k1']) {
      const fingerprint = await gpg.makeKey(algorithm, { algorithm });
      const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
      const message = await gpg.ok(['--local-user', fingerprint, '--sign'], payload);
      await assert.rejects(verifySimple(asSignature(message), keys, now()), rejected(/for gpg alone/));
      await assert.rejects(keySigner(gpg, fingerprint), { code: 'KEY_CANNOT_SIGN', message: /for gpg alone/ });
      // one of them in a keyring does not stand in the way of the others
      const other = await gpg.makeKey(`beside ${algorithm}`);
      const ring = [...keys, ...(await readKeyring(await gpg.exportPublic(other), 'pub'))];
      await verifySimple(asSignature(await gpg.ok(['--local-user', other, '--sign'], payload)), ring, now());
    }
  });

  it('reads the claim only when the signature over it is good, and then strictly', async (t) => {
    const gpg = await withGpg(t);
    const fingerprint = await gpg.makeKey('Nina');
    const keys = await readKeyring(await gpg.exportPublic(fingerprint), 'pub');
    const message = await gpg.ok(['--sign'], '{"critical":{},"critical":{},"optional":{}}');
    await assert.rejects(verifySimple(asSignature(message), keys, now()), { code: 'BAD_CLAIM', message: /twice/ });
    const bomb = await gpg.ok(['--compress-algo', 'zip', '--sign'], Buffer.alloc(8 << 20));
    await assert.rejects(verifySimple(asSignature(bomb), keys, now()), rejected(/size exceeded/));
  });
});

describe('beside skopeo', { skip: skip || skipWithout('skopeo') }, () => {
  const manifest = Buffer.from(
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}',
  );
  const about = { digest: digestOf(manifest), identity: 'example.com/a/b:c' };

  async function arranged(t: TestContext) {
    const [gpg, peers] = [await withGpg(t), await isolatedPeers(t)];
    const fingerprint = await gpg.makeKey('Oscar', { algorithm: 'rsa2048' });
    await writeFile(join(peers.folder, 'manifest.json'), manifest);
    await writeFile(join(peers.folder, 'pub.gpg'), await gpg.exportPublic(fingerprint));
    return { gpg, peers, fingerprint, keys: await readKeyring(await gpg.exportPublic(fingerprint), 'pub') };
  }

  it('is believed by it', async (t) => {
    const { gpg, peers, fingerprint } = await arranged(t);
    const signers = [
      await keySigner(gpg, fingerprint),
      await createGpgSigner({ signBy: fingerprint, creator, env: gpg.env }, session),
    ];
    for (const signer of signers) {
      const signature = simple(await signer.sign(session, about));
      await writeFile(join(peers.folder, 'ours.sig'), signature.message);
      const verify = [
        'standalone-verify',
        '--public-key-file',
        'pub.gpg',
        'manifest.json',
        about.identity,
        'any',
        'ours.sig',
      ];
      assert.match(await peers.ok('skopeo', verify), new RegExp(fingerprint));
      const wrong = verify.map((arg) => (arg === about.identity ? 'example.com/a/b:d' : arg));
      assert.notEqual((await peers.run('skopeo', wrong)).code, 0);
    }
  });

  it('believes it', async (t) => {
    const { gpg, peers, fingerprint, keys } = await arranged(t);
    const sign = ['standalone-sign', 'manifest.json', about.identity, fingerprint, '-o', 'theirs.sig'];
    await peers.ok('skopeo', sign, { env: { GNUPGHOME: gpg.home } });
    const { readFile } = await import('node:fs/promises');
    const verified = await verifySimple(asSignature(await readFile(join(peers.folder, 'theirs.sig'))), keys, now());
    assert.deepEqual([verified.claim.digest, verified.claim.identity], [about.digest, about.identity]);
    assert.equal(verified.fingerprint, fingerprint);
  });
});
