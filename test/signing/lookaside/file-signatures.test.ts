import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { IntegrityError } from '../../../src/foundation/errors.ts';
import { readNumbered } from '../../../src/signing/lookaside/file-signatures.ts';
import { testFolder } from '../../support/folders.ts';
import { run } from '../../support/peers.ts';
import { takeAny } from '../support.ts';

describe('numbered files of signatures', () => {
  it('are read until the first that is missing', async (t) => {
    const folder = await testFolder(t);
    for (const n of [1, 2, 4]) await writeFile(join(folder, `signature-${n}`), String(n));
    const blobs = await readNumbered((n) => join(folder, `signature-${n}`), takeAny);
    assert.deepEqual(blobs.map(String), ['1', '2']);
  });

  it('are plain files: a pipe would be waited for', async (t) => {
    const folder = await testFolder(t);
    assert.equal((await run('mkfifo', [join(folder, 'pipe-1')])).code, 0);
    await mkdir(join(folder, 'folder-1'));
    for (const kind of ['pipe', 'folder']) {
      await assert.rejects(
        readNumbered((n) => join(folder, `${kind}-${n}`), takeAny),
        (error: unknown) => {
          assert.ok(error instanceof IntegrityError, String(error));
          assert.equal(error.code, 'SIGNATURE_NOT_A_FILE');
          assert.match(error.message, new RegExp(`${kind}-1 is no plain file$`));
          assert.ok(error.hint);
          return true;
        },
      );
    }
  });
});
