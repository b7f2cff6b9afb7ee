import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Repository } from '../../../src/distribution/registry-client.ts';
import { createLookasideStore } from '../../../src/signing/lookaside/lookaside-store.ts';
import { testFolder } from '../../support/folders.ts';

const repository = { keepsSignatures: async () => false } as unknown as Repository;
const digest = `sha256:${'ab'.repeat(32)}` as const;
const openAt = (base: string) => createLookasideStore(repository, 'ns/app', { read: base, write: base });

describe('a lookaside', () => {
  it('may be named in every form of a file URL that the peers read as this folder', async (t) => {
    const folder = await testFolder(t);
    const image = join(folder, 'a b', `ns/app@${digest.replace(':', '=')}`);
    await mkdir(image, { recursive: true });
    await writeFile(join(image, 'signature-1'), 'x');
    for (const begin of ['file://', 'file:', 'FILE://', 'file://localhost', 'file://LOCALHOST']) {
      const { signatures, problems } = await openAt(`${begin}${folder}/a%20b`).open({ digest, mediaType: '', size: 0 });
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
      assert.throws(() => openAt(base), { name: 'UsageError', code: 'BAD_LOOKASIDE' }, base);
    }
  });
});
