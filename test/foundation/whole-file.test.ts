import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readWholeFile } from '../../src/foundation/whole-file.ts';
import { testFolder } from '../support/folders.ts';

describe('readWholeFile', () => {
  it('gives the bytes of a file, up to as many as it may have', async (t) => {
    const path = join(await testFolder(t), 'file');
    const bytes = Buffer.alloc(200_000, 'abc');
    await writeFile(path, bytes);
    assert.deepEqual(await readWholeFile(path), bytes);
    assert.deepEqual(await readWholeFile(path, bytes.byteLength), bytes);
    await assert.rejects(readWholeFile(path, bytes.byteLength - 1), {
      code: 'EFBIG',
      message: 'it has more than 199999 bytes',
    });
    await writeFile(path, '');
    assert.equal((await readWholeFile(path)).byteLength, 0);
  });

  it('ends at what has no end', { skip: process.platform === 'win32' && 'needs /dev/zero' }, async () => {
    await assert.rejects(readWholeFile('/dev/zero'), { code: 'EFBIG' });
  });

  it('throws what the file system says of a folder and of nothing', async (t) => {
    const folder = await testFolder(t);
    await assert.rejects(readWholeFile(folder), { code: 'EISDIR' });
    await assert.rejects(readWholeFile(join(folder, 'missing')), { code: 'ENOENT' });
  });
});
