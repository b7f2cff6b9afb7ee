import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { currentOwner } from '../../src/foundation/owner.ts';
import { isTemporary, removeAbandoned, temporaryName } from '../../src/foundation/temporary-names.ts';
import { testFolder } from '../support/folders.ts';

describe('temporary names', () => {
  it('are of the place that they are made for, and of no other', () => {
    const name = basename(temporaryName('/a/image.tar', 'part'));
    assert.ok(isTemporary(name));
    assert.ok(isTemporary(name, 'image.tar'));
    assert.ok(!isTemporary(name, 'image'));
    assert.ok(!isTemporary('image.tar', 'image.tar'));
  });

  it('are no longer than names may be, however long the name of the place is', async (t) => {
    const folder = await testFolder(t);
    for (const place of ['n'.repeat(255), 'é'.repeat(127), `a${'é'.repeat(127)}`]) {
      const path = temporaryName(join(folder, place), 'tar');
      assert.equal(dirname(path), folder);
      assert.ok(Buffer.byteLength(basename(path)) <= 255, basename(path));
      assert.ok(isTemporary(basename(path), place), place);
      await writeFile(path, '');
    }
    // they are a living process's
    await removeAbandoned(folder, 'n'.repeat(255));
    assert.equal((await readdir(folder)).length, 3);
  });

  it('are given up where their process has ended, although another has its number', {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const folder = await testFolder(t);
    const own = temporaryName(join(folder, 'a'), 'tmp');
    const { start } = currentOwner();
    const ofAnother = own.replace(`-${start}-`, start === 'ffffffff' ? '-eeeeeeee-' : '-ffffffff-');
    // where nobody knew when it began
    const ofUnknown = own.replace(`-${start}-`, '-00000000-');
    for (const path of [own, ofAnother, ofUnknown]) await writeFile(path, '');
    await removeAbandoned(folder);
    assert.deepEqual((await readdir(folder)).sort(), [own, ofUnknown].map((path) => basename(path)).sort());
  });
});
