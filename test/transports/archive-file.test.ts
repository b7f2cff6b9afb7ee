/** What happens where an archive cannot be brought here, or is none. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { IntegrityError, StorageError } from '../../src/foundation/errors.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { copy, writeKinds } from './support.ts';

function temporaryFolder(t: TestContext, path: string): void {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = path;
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
}

async function open(env: TestEnv, name: string): Promise<void> {
  await using source = await openVerifiedSource(locate(name), env);
  await source.getManifest();
}

/** Names in a folder of its own, in which nothing may be left, and how much of `chunk` over and over was asked for. */
async function endless(t: TestContext, chunk: Buffer) {
  const env = await testEnv(t);
  const folder = join(env.folder, 'tmp');
  await mkdir(folder);
  temporaryFolder(t, folder);
  let asked = 0;
  const standardInput = (): Readable =>
    Readable.from(
      (function* () {
        // enough, where nobody looks, to fail and not to fill the disk
        for (; asked < 1000; asked += 1) yield chunk;
      })(),
      { objectMode: false },
    );
  return { env: { ...env, standardInput } as TestEnv, left: () => readdir(folder), asked: () => asked };
}

describe('a temporary folder that is none', () => {
  for (const [what, path] of [
    ['a file', '/dev/null'],
    ['absent', 'absent'],
  ] as const) {
    it(`is told where it is ${what}, and nothing is made`, async (t) => {
      const env = await testEnv(t);
      const layout = join(env.folder, 'layout');
      const [plain, packed] = [join(env.folder, 'a.tar'), join(env.folder, 'a.tar.gz')];
      await writeKinds(layout);
      await copy(env, `oci:${layout}:image`, `oci-archive:${plain}:one`);
      const bytes = await readFile(plain);
      await writeFile(packed, gzipSync(bytes));
      const folder = join(env.folder, path);
      temporaryFolder(t, path === 'absent' ? folder : path);
      const piped = { ...env, standardInput: () => Readable.from([bytes]) } as TestEnv;
      for (const name of [`oci-archive:${packed}`, 'oci-archive:-']) {
        await assert.rejects(open(piped, name), (thrown: unknown) => {
          assert.ok(thrown instanceof StorageError, String(thrown));
          assert.ok(thrown.message.includes(`temporary folder ${path === 'absent' ? folder : path}`), thrown.message);
          assert.match(thrown.hint ?? '', /TMPDIR/);
          return true;
        });
      }
      const taken = new PassThrough().resume();
      const writing = copy({ ...env, standardOutput: () => taken } as TestEnv, `oci:${layout}:image`, 'oci-archive:-');
      await assert.rejects(writing, { name: 'StorageError', message: /temporary folder/, hint: /TMPDIR/ });
      assert.equal(existsSync(folder), false);
    });
  }
});

describe('a stream that is no archive', () => {
  const other = Buffer.alloc(1 << 16, 'no archive');
  for (const [what, chunk] of [
    ['plain', other],
    ['packed', gzipSync(other)],
  ] as const) {
    it(`is refused by its first header, ${what}`, async (t) => {
      const { env, left, asked } = await endless(t, chunk);
      await assert.rejects(open(env, 'oci-archive:-'), (thrown: unknown) => {
        assert.ok(thrown instanceof IntegrityError, String(thrown));
        assert.equal(thrown.code, 'UNREADABLE_TAR');
        assert.match(thrown.message, /^the archive on standard input cannot be used: .*at byte 0/);
        return true;
      });
      assert.ok(asked() < 100, `${asked()} chunks were asked for`);
      assert.deepEqual(await left(), []);
    });
  }

  it('is read no further than to the end with which it begins', async (t) => {
    const { env, left, asked } = await endless(t, Buffer.alloc(1 << 16));
    await assert.rejects(open(env, 'oci-archive:-'), { code: 'LAYOUT_NOT_FOUND' });
    assert.ok(asked() < 100, `${asked()} chunks were asked for`);
    assert.deepEqual(await left(), []);
  });

  it('that cannot be read is told as that', async (t) => {
    const env = await testEnv(t);
    const broken = new Readable({
      read() {
        this.destroy(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
      },
    });
    await assert.rejects(open({ ...env, standardInput: () => broken } as TestEnv, 'oci-archive:-'), {
      name: 'StorageError',
      message: 'cannot read the archive on standard input: EIO: i/o error, read',
    });
  });
});
