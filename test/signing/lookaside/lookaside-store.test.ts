import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Repository } from '../../../src/distribution/registry-client.ts';
import { createLookasideStore } from '../../../src/signing/lookaside/lookaside-store.ts';
import type { SimpleSignature } from '../../../src/signing/signature.ts';
import { testFolder } from '../../support/folders.ts';
import { takeAny } from '../support.ts';

const repository = { keepsSignatures: async () => false } as unknown as Repository;
const digest = `sha256:${'ab'.repeat(32)}` as const;
const saidBy = { read: '/etc/read.yaml', write: '/etc/write.yaml' };
const openAt = (base: string, write = base) =>
  createLookasideStore(repository, 'ns/app', { read: base, write, saidBy });
const manifest = { digest, mediaType: '', size: 0 };

describe('a lookaside', () => {
  it('may be named in every form of a file URL that the peers read as this folder', async (t) => {
    const folder = await testFolder(t);
    const image = join(folder, 'a b', `ns/app@${digest.replace(':', '=')}`);
    await mkdir(image, { recursive: true });
    await writeFile(join(image, 'signature-1'), 'x');
    for (const begin of ['file://', 'file:', 'FILE://', 'file://localhost', 'file://LOCALHOST']) {
      const { signatures, problems } = await openAt(`${begin}${folder}/a%20b`).open(manifest, takeAny);
      assert.equal(signatures.length + problems.length, 1, begin);
    }
  });

  it('is refused where no folder or server is named, as a mistake in registries.d', () => {
    for (const base of [
      'file:///tmp/%zz',
      'file:///tmp/%',
      'file:///tmp/%ff',
      'file:///tmp/%00',
      'file:///tmp/a%2fb',
      'file:///tmp/a\tb',
      'file:tmp',
      'file:\\\\tmp',
      'file://tmp/x',
      'http://127.0.0.1/%zz',
      'ftp://127.0.0.1/x',
      '/tmp',
      '',
    ]) {
      assert.throws(() => openAt(base), { name: 'UsageError', code: 'BAD_LOOKASIDE', message: /^\/etc\/read/ }, base);
      assert.throws(() => openAt('file:///tmp', base), { code: 'BAD_LOOKASIDE', message: /^\/etc\/write/ }, base);
    }
  });

  it('waits for no memory where it adds to a folder beside the one that is read', async (t) => {
    const folder = await testFolder(t);
    const [read, write] = [`file://${folder}/read`, `file://${folder}/staged`];
    const message = (text: string): SimpleSignature => ({
      kind: 'simple',
      message: Buffer.from([0x89, ...Buffer.from(text)]),
    });
    const staged = await openAt(write).open(manifest, takeAny);
    assert.equal(await staged.add([message('before')]), 1);
    // who has all of it may wait for a turn to write, which this one has
    const beside = await openAt(read, write).open(manifest, async () => assert.fail('waits'));
    assert.equal(await beside.add([message('after')]), 1);
    const { signatures } = await openAt(write).open(manifest, takeAny);
    assert.equal(signatures.length, 2);
  });

  it('tells before anything is written that nothing can be', async (t) => {
    const folder = await testFolder(t);
    const told = async (base: string) => (await openAt(base).open(manifest, takeAny)).expectWritable?.();
    await told(`file://${folder}/not/there/yet`);
    assert.deepEqual(await readdir(folder), []);
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(told(`file://${folder}/file`), {
      name: 'StorageError',
      message: /cannot write .*signature-1/,
    });
    await mkdir(join(folder, 'locked'), { mode: 0o555 });
    // whoever may do everything may do that too
    if (process.getuid?.() !== 0) await assert.rejects(told(`file://${folder}/locked`), { name: 'StorageError' });
    const published = { ...repository, getFile: async () => undefined } as unknown as Repository;
    const places = { read: 'https://a.org/s', write: 'https://a.org/s', saidBy };
    const content = await createLookasideStore(published, 'ns/app', places).open(manifest, takeAny);
    await assert.rejects(async () => content.expectWritable?.(), { code: 'LOOKASIDE_READ_ONLY' });
  });
});
