import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { writeNamedFile } from '../../src/foundation/atomic-file.ts';
import { writeTarget } from '../../src/foundation/write-target.ts';
import { testFolder } from '../support/folders.ts';

describe('where a named file is written', () => {
  it('is what a symbolic link leads to, be it there or not', async (t) => {
    const folder = await testFolder(t);
    await mkdir(join(folder, 'below'));
    await symlink('../real', join(folder, 'below', 'link'));
    await symlink('below/link', join(folder, 'twice'));
    assert.deepEqual(await writeTarget(join(folder, 'twice')), { kind: 'absent', path: join(folder, 'real') });
    await writeNamedFile(join(folder, 'twice'), Buffer.from('content'));
    assert.equal(await readFile(join(folder, 'real'), 'utf8'), 'content');
    for (const link of ['twice', 'below/link']) assert.ok((await lstat(join(folder, link))).isSymbolicLink());
    assert.equal((await writeTarget(join(folder, 'twice'))).kind, 'file');
    assert.equal((await writeTarget(join(folder, 'below'))).kind, 'folder');
  });

  it('is no file for what is open already, whatever file that may be', async (t) => {
    const folder = await testFolder(t);
    for (const path of ['/dev/stdout', '/dev/fd/3', '/proc/self/fd/1', '/dev/null']) {
      assert.deepEqual(await writeTarget(path), { kind: 'stream', path });
    }
    await symlink('/dev/stdout', join(folder, 'out'));
    assert.equal((await writeTarget(join(folder, 'out'))).kind, 'stream');
    await symlink('circle', join(folder, 'circle'));
    await assert.rejects(writeTarget(join(folder, 'circle')), { code: 'ELOOP' });
  });

  it('keeps what a shell has sent to a file, and adds to it', async (t) => {
    const folder = await testFolder(t);
    const module = new URL('../../src/foundation/atomic-file.ts', import.meta.url);
    await writeFile(
      join(folder, 'write.mjs'),
      `import { writeNamedFile } from ${JSON.stringify(module.href)}; await writeNamedFile('/dev/fd/3', Buffer.from('2'));`,
    );
    // no standard stream: what goes wrong here is not to hit the machine
    await promisify(execFile)('sh', ['-c', `{ echo 1 >&3; "$0" write.mjs; } 3> out`, process.execPath], {
      cwd: folder,
    });
    assert.equal(await readFile(join(folder, 'out'), 'utf8'), '1\n2');
  });
});
