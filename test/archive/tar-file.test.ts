import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { open as openFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type Header, pack } from 'tar-stream';
import { TarFile } from '../../src/archive/tar-file.ts';
import { standardTarLimits, type TarLimits } from '../../src/archive/tar-index.ts';
import { TarPacker } from '../../src/archive/tar-packer.ts';
import { IntegrityError } from '../../src/foundation/errors.ts';
import { testFolder } from '../support/folders.ts';
import { run } from '../support/peers.ts';

type Member = Partial<Header> & { name: string; content?: string };

async function tarOf(...members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  const bytes = buffer(tar);
  for (const { content = '', ...header } of members) tar.entry({ mtime: new Date(0), ...header }, content);
  tar.finalize();
  return bytes;
}

async function opened(t: TestContext, bytes: Uint8Array, limits: Partial<TarLimits> = {}): Promise<TarFile> {
  const path = join(await testFolder(t), 'a.tar');
  await writeFile(path, bytes);
  const file = await TarFile.open(path, { limits: { ...standardTarLimits, ...limits } });
  t.after(() => file[Symbol.asyncDispose]());
  return file;
}

const text = async (file: TarFile, name: string): Promise<string | undefined> => {
  const bytes = await file.read(name, 1 << 20);
  return bytes && Buffer.from(bytes).toString();
};

test('contents are found by name, whatever the form of the name', async (t) => {
  const long = `${'folder/'.repeat(40)}file-ü`;
  const file = await opened(
    t,
    await tarOf({ name: './a', content: 'A' }, { name: 'b//c/', content: 'C' }, { name: long, content: 'L' }),
  );
  assert.equal(await text(file, 'a'), 'A');
  assert.equal(await text(file, 'b/c'), 'C');
  assert.equal(await text(file, long), 'L');
  assert.equal(await text(file, 'absent'), undefined);
  assert.equal(file.size('absent'), undefined);
});

test('streams give ranges, both ends inclusive, and may be open side by side', async (t) => {
  const content = 'x'.repeat(700_000);
  const file = await opened(t, await tarOf({ name: 'empty' }, { name: 'big', content: `${content}end` }));
  const [whole, part, none, tail] = await Promise.all([
    buffer(file.open('big')),
    buffer(file.open('big', { start: 699_999, end: 700_001 })),
    buffer(file.open('empty')),
    buffer(file.open('big', { start: 700_002 })),
  ]);
  assert.equal(whole.byteLength, 700_003);
  assert.equal(part.toString(), 'xen');
  assert.equal(none.byteLength, 0);
  assert.equal(tail.toString(), 'd');
  // giving a stream up does not close the archive under the others
  file.open('big').destroy();
  assert.equal((await buffer(file.open('big'))).byteLength, 700_003);
});

test('links are followed inside of the archive', async (t) => {
  const file = await opened(
    t,
    await tarOf(
      { name: 'x/layer.tar', content: 'layer' },
      { name: 'y/symbolic', type: 'symlink', linkname: '../x/layer.tar' },
      { name: 'y/again', type: 'symlink', linkname: 'symbolic' },
      { name: 'y/hard', type: 'link', linkname: 'x/layer.tar' },
      { name: 'y/dangling', type: 'symlink', linkname: 'nothing' },
      { name: 'loop-a', type: 'symlink', linkname: 'loop-b' },
      { name: 'loop-b', type: 'symlink', linkname: 'loop-a' },
    ),
  );
  for (const name of ['y/symbolic', 'y/again', 'y/hard']) assert.equal(await text(file, name), 'layer', name);
  assert.equal(await text(file, 'y/dangling'), undefined);
  assert.throws(() => file.size('loop-a'), { code: 'LINK_LOOP' });
});

test('names and links that lead out are refused', async (t) => {
  const wrong: Member[] = [
    { name: '../escape', content: 'x' },
    { name: 'a/../../escape', content: 'x' },
    { name: '/etc/passwd', content: 'x' },
    { name: 'a', type: 'symlink', linkname: '../b' },
    { name: 'a/b', type: 'symlink', linkname: '../../b' },
    { name: 'a', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'a', type: 'link', linkname: '../b' },
  ];
  for (const member of wrong) {
    const bytes = await tarOf({ name: 'fine', content: 'x' }, member);
    await assert.rejects(opened(t, bytes), { code: 'UNSAFE_TAR_ENTRY', message: /at byte 1024/ }, member.name);
  }
});

test('what is cut off or no archive at all is one error with the offset', async (t) => {
  const bytes = await tarOf({ name: 'a', content: 'a'.repeat(2000) }, { name: 'b'.repeat(300), content: 'b' });
  // 512 + 2048 for the first; cut in its header, in its data, in the pax header, in its data, in the second header, in its data
  for (const at of [100, 700, 2600, 3200, 3600]) {
    await assert.rejects(
      opened(t, bytes.subarray(0, at)),
      (thrown) => thrown instanceof IntegrityError && /at byte \d+/.test(thrown.message) && thrown.hint !== undefined,
      String(at),
    );
  }
  await assert.rejects(opened(t, Buffer.alloc(0)), { code: 'UNREADABLE_TAR' });
  await assert.rejects(opened(t, Buffer.from('garbage'.repeat(1000))), {
    code: 'UNREADABLE_TAR',
    message: /at byte 0/,
  });
  const damaged = Buffer.from(bytes);
  damaged[2561] = 0x7f;
  await assert.rejects(opened(t, damaged), { code: 'UNREADABLE_TAR', message: /at byte 2560/ });
});

test('there is a limit to the number of entries', async (t) => {
  const bytes = await tarOf({ name: 'a' }, { name: 'b' }, { name: 'c' });
  await opened(t, bytes, { entries: 3 });
  await assert.rejects(opened(t, bytes, { entries: 2 }), { code: 'TAR_TOO_LARGE' });
  await opened(t, bytes, { nameLength: 100 });
  await assert.rejects(opened(t, bytes, { nameLength: 2 }), { code: 'TAR_TOO_LARGE' });
});

test('a document that is there twice is not read', async (t) => {
  const file = await opened(
    t,
    await tarOf(
      { name: 'index.json', content: '1' },
      { name: './index.json', content: '2' },
      { name: 'b', content: 'b' },
    ),
  );
  await assert.rejects(file.read('index.json', 100), { code: 'AMBIGUOUS_ARCHIVE' });
  await assert.rejects(file.read('b', 0), { code: 'FILE_TOO_LARGE' });
});

test('an archive that somebody cuts while it is read is told', async (t) => {
  const path = join(await testFolder(t), 'a.tar');
  await writeFile(path, await tarOf({ name: 'a', content: 'a'.repeat(5000) }));
  await using file = await TarFile.open(path);
  await writeFile(path, (await readFile(path)).subarray(0, 2000));
  await assert.rejects(file.read('a', 10_000), { code: 'UNREADABLE_TAR', message: /"a"/ });
  await assert.rejects(buffer(file.open('a')), { code: 'UNREADABLE_TAR', message: /"a"/ });
});

test('the packer writes the same bytes for the same contents, and fails with what its output fails with', async (t) => {
  const folder = await testFolder(t);
  const write = async (name: string): Promise<Buffer> => {
    const packer = new TarPacker(createWriteStream(join(folder, name)));
    await packer.folder('f/', 0o755);
    await packer.file('f/a', Buffer.from('a'), 0o444);
    await packer.link('f/l', 'a');
    await packer.stream('f/s', 300_000, Readable.from([Buffer.alloc(100_000, 1), Buffer.alloc(200_000, 2)]), 0o644);
    await packer.finish();
    return readFile(join(folder, name));
  };
  const bytes = await write('one');
  assert.deepEqual(await write('two'), bytes);
  const file = await opened(t, bytes);
  assert.deepEqual([...file.names()], ['f', 'f/a', 'f/l', 'f/s']);
  assert.equal(await text(file, 'f/l'), 'a');

  const broken = new TarPacker(
    new Writable({
      write: (_chunk, _encoding, done) => done(new Error('the disk is full')),
    }),
  );
  await assert.rejects(
    async () => {
      await broken.file('a', Buffer.from('a'), 0o444);
      await broken.stream('b', 1 << 20, Readable.from([Buffer.alloc(1 << 20)]), 0o444);
      await broken.finish();
    },
    { message: 'the disk is full' },
  );
  await broken.abort();
});

test('a content of another size than was said is refused', async () => {
  for (const size of [9, 11]) {
    const packer = new TarPacker(new Writable({ write: (_chunk, _encoding, done) => done() }));
    await assert.rejects(packer.stream('a', 10, Readable.from([Buffer.alloc(size)]), 0o444));
    await packer.abort();
  }
});

test('a sparse file that is asked for is named as one, in all forms of GNU tar', async (t) => {
  const folder = await testFolder(t);
  await writeFile(join(folder, 'plain'), 'plain');
  const file = await openFile(join(folder, 'holes'), 'w');
  await file.truncate(1 << 20);
  await file.close();
  for (const form of ['--format=gnu', '--sparse-version=0.0', '--sparse-version=0.1', '--sparse-version=1.0']) {
    const path = join(folder, 'a.tar');
    await run('tar', [
      '-S',
      form,
      ...(form.includes('gnu') ? [] : ['--format=pax']),
      '-cf',
      path,
      '-C',
      folder,
      'plain',
      'holes',
    ]);
    await using tar = await TarFile.open(path);
    assert.equal(await text(tar, 'plain'), 'plain', form);
    const sparse = {
      name: 'UnsupportedError',
      code: 'SPARSE_IN_ARCHIVE',
      message: /"holes" in .*a\.tar is kept as a sparse/,
    };
    assert.throws(() => tar.size('holes'), sparse, form);
    await assert.rejects(tar.read('holes', 1 << 20), sparse, form);
  }
});
