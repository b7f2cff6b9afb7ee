import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/foundation/clock.ts';
import { StorageError } from '../../src/foundation/errors.ts';
import { withFileLock } from '../../src/foundation/file-lock.ts';
import { testFolder } from '../support/folders.ts';

const { signal } = new AbortController();
/** Elsewhere nothing tells when a process began. */
const onLinux = { skip: process.platform !== 'linux' };

describe('withFileLock', () => {
  it('lets one in at a time', async (t) => {
    const path = join(await testFolder(t), 'lock');
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withFileLock(path, { clock: systemClock, signal }, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        }),
      ),
    );
    assert.equal(most, 1);
  });

  it('leaves nothing behind, also when the work fails', async (t) => {
    const folder = await testFolder(t);
    const fail = withFileLock(join(folder, 'lock'), { clock: systemClock, signal }, () =>
      Promise.reject(new Error('broken')),
    );
    await assert.rejects(fail, /broken/);
    assert.deepEqual(await readdir(folder), []);
  });

  it('takes over the lock of a process that is gone', async (t) => {
    const folder = await testFolder(t);
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(join(folder, 'lock'), String(pid));
    assert.equal(await withFileLock(join(folder, 'lock'), { clock: systemClock, signal }, async () => 'in'), 'in');
    assert.deepEqual(await readdir(folder), []);
  });

  it('takes over the lock of a process whose number somebody else has by now', onLinux, async (t) => {
    const folder = await testFolder(t);
    const path = join(folder, 'lock');
    let held = '';
    await withFileLock(path, { clock: systemClock, signal }, async () => {
      held = await readFile(path, 'utf8');
    });
    const [number, host, start] = held.split(' ');
    assert.equal(number, String(process.pid));
    // of a run with our number before the power was cut, or in a container that was killed
    await writeFile(path, `${number} ${host} ${start === 'ffffffff' ? 'eeeeeeee' : 'ffffffff'}`);
    const options = { clock: systemClock, signal, timeoutMs: 200 };
    assert.equal(await withFileLock(path, options, async () => 'in'), 'in');
    assert.deepEqual(await readdir(folder), []);
    await writeFile(path, held);
    await assert.rejects(
      withFileLock(path, options, async () => {}),
      { code: 'LOCKED' },
    );
  });

  it('takes over a lock that has lost its text with the power', async (t) => {
    const folder = await testFolder(t);
    const path = join(folder, 'lock');
    const options = { clock: systemClock, signal, timeoutMs: 200 };
    for (const text of ['', '\0'.repeat(20)]) {
      await writeFile(path, text);
      assert.equal(await withFileLock(path, options, async () => 'in'), 'in');
    }
    assert.deepEqual(await readdir(folder), []);
  });

  it('waits for another machine, but not for ever', async (t) => {
    const folder = await testFolder(t);
    const path = join(folder, 'lock');
    const held = `${process.pid} ffffffff`;
    await writeFile(path, held);
    let now = 0;
    const clock = {
      now: () => now,
      sleep: async (ms: number) => {
        now += ms;
      },
    };
    await assert.rejects(
      withFileLock(path, { clock, signal, timeoutMs: 200 }, async () => {}),
      { code: 'LOCKED' },
    );
    assert.equal(await readFile(path, 'utf8'), held);
    const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
    await utimes(path, longAgo, longAgo);
    assert.equal(await withFileLock(path, { clock: systemClock, signal }, async () => 'in'), 'in');
    assert.deepEqual(await readdir(folder), []);
  });

  it('gives up after its time with an error that names the file', async (t) => {
    const path = join(await testFolder(t), 'lock');
    await writeFile(path, String(process.pid));
    let now = 0;
    const clock = {
      now: () => now,
      sleep: async (ms: number) => {
        now += ms;
      },
    };
    await assert.rejects(
      withFileLock(path, { clock, signal, timeoutMs: 200 }, async () => {}),
      (thrown: unknown) => thrown instanceof StorageError && thrown.code === 'LOCKED' && thrown.message.includes(path),
    );
  });
});
