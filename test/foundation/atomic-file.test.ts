import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeAtomically } from '../../src/foundation/atomic-file.ts';
import { StorageError } from '../../src/foundation/errors.ts';
import { testFolder } from '../support/folders.ts';

describe('writeAtomically', () => {
  it('writes a new file, and folders on the way to it', async (t) => {
    const path = join(await testFolder(t), 'a', 'b', 'file');
    await writeAtomically(path, Buffer.from('content'));
    assert.equal(await readFile(path, 'utf8'), 'content');
  });

  it('takes the place of an older file and leaves nothing beside it', async (t) => {
    const folder = await testFolder(t);
    await writeFile(join(folder, 'file'), 'a much longer older content');
    await writeAtomically(join(folder, 'file'), Buffer.from('new'));
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'new');
    assert.deepEqual(await readdir(folder), ['file']);
  });

  it('fails with a StorageError that names the path, and leaves nothing', async (t) => {
    const folder = await testFolder(t);
    await writeFile(join(folder, 'file'), '');
    const inside = join(folder, 'file', 'inside');
    await assert.rejects(
      writeAtomically(inside, Buffer.from('x')),
      (thrown: unknown) => thrown instanceof StorageError && thrown.message.includes(inside),
    );
    assert.deepEqual(await readdir(folder), ['file']);
  });

  it('writes straight to what is no regular file', async (t) => {
    const folder = await testFolder(t);
    await mkdir(join(folder, 'taken'));
    await assert.rejects(writeAtomically(join(folder, 'taken'), Buffer.from('x')));
    await writeAtomically('/dev/null', Buffer.from('x'));
    assert.deepEqual(await readdir(folder), ['taken']);
  });
});
