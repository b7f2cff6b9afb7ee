/** Limits of archives, and what they are set by. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { archiveLimits } from '../../src/transports/archive-limits.ts';
import { testEnv } from '../support/env.ts';
import { copy, readAll, writeKinds } from './support.ts';

function set(t: TestContext, name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

describe('limits of archives', () => {
  it('are numbers and sizes', () => {
    const usual = archiveLimits({});
    assert.deepEqual([usual.entries, usual.unpackedBytes], [200_000, 256 * 2 ** 30]);
    const set = archiveLimits({ SHEAF_ARCHIVE_ENTRIES: '5', SHEAF_ARCHIVE_SIZE: '3GiB' });
    assert.deepEqual([set.entries, set.unpackedBytes], [5, 3 * 2 ** 30]);
    assert.equal(archiveLimits({ SHEAF_ARCHIVE_SIZE: '10k' }).unpackedBytes, 10_240);
    assert.equal(archiveLimits({ SHEAF_ARCHIVE_SIZE: '' }).unpackedBytes, usual.unpackedBytes);
    for (const text of ['0', '-1', 'much', '1.5g', '99999999999999999999']) {
      assert.throws(() => archiveLimits({ SHEAF_ARCHIVE_SIZE: text }), { code: 'INVALID_LIMIT' }, text);
      assert.throws(() => archiveLimits({ SHEAF_ARCHIVE_ENTRIES: text }), { code: 'INVALID_LIMIT' }, text);
    }
  });

  it('hold for what is read, plain and compressed, and for layers that are unpacked', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    const [plain, packed, docker] = ['a.tar', 'a.tar.gz', 'd.tar'].map((name) => join(env.folder, name)) as [
      string,
      string,
      string,
    ];
    await copy(env, `oci:${layout}:list`, `oci-archive:${plain}:one`);
    await copy(env, `oci:${layout}:image`, `docker-archive:${docker}:app:1`);
    await writeFile(packed, gzipSync(await readFile(plain)));
    set(t, 'SHEAF_ARCHIVE_ENTRIES', '3');
    for (const name of [`oci-archive:${plain}`, `oci-archive:${packed}`, `docker-archive:${docker}`]) {
      await assert.rejects(readAll(env, name), { code: 'TAR_TOO_LARGE', message: /more than 3 entries, at byte \d+/ });
    }
    process.env['SHEAF_ARCHIVE_ENTRIES'] = '100';
    set(t, 'SHEAF_ARCHIVE_SIZE', '1k');
    await readAll(env, `oci-archive:${plain}`);
    await assert.rejects(readAll(env, `oci-archive:${packed}`), {
      code: 'TAR_TOO_LARGE',
      message: /1024 bytes allowed/,
    });
    await assert.rejects(copy(env, `oci:${layout}:image`, `docker-archive:${env.folder}/e.tar`), {
      code: 'LAYER_TOO_LARGE',
    });
    process.env['SHEAF_ARCHIVE_SIZE'] = '1m';
    await readAll(env, `oci-archive:${packed}`);
  });
});
