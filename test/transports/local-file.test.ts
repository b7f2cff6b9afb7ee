import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { StorageError } from '../../src/foundation/errors.ts';
import { openFile } from '../../src/transports/local-file.ts';
import { testFolder } from '../support/folders.ts';

describe('openFile', () => {
  it('gives all of a file, or a part', async (t) => {
    const path = join(await testFolder(t), 'file');
    await writeFile(path, '0123456789');
    assert.equal((await buffer(openFile(path))).toString(), '0123456789');
    assert.equal((await buffer(openFile(path, undefined, 10))).toString(), '0123456789');
    assert.equal((await buffer(openFile(path, { start: 2, end: 4 }, 10))).toString(), '234');
  });

  it('tells of a file that cannot be opened or read as of one', async (t) => {
    const folder = await testFolder(t);
    const error = (path: string) => (thrown: unknown) =>
      thrown instanceof StorageError && thrown.message.startsWith(`cannot read ${path}: `);
    const missing = join(folder, 'missing');
    await assert.rejects(buffer(openFile(missing)), error(missing));
    await assert.rejects(buffer(openFile(folder)), error(folder));
  });
});
