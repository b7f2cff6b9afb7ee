import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRawTarWalker, type TarHeader } from '../../src/archive/raw-tar.ts';
import { IntegrityError } from '../../src/foundation/errors.ts';
import { fuzzSeed, piecesOf, randomFrom, sampleBytes } from '../compression/support.ts';
import { headerBlock, paxRecords, type TarEntry, tarOf, withChecksum } from '../compression/tars.ts';

interface Walked {
  headers: TarHeader[];
  /** Data of the entries, in order. */
  data: Buffer[];
  all: Buffer;
}

function walk(tar: Uint8Array, size: () => number = () => tar.byteLength): Walked {
  const walker = createRawTarWalker();
  const walked: Walked = { headers: [], data: [], all: Buffer.alloc(0) };
  const all: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  for (const piece of piecesOf(tar, size)) {
    // a chunk of its own, spoilt afterwards: what is kept beyond the call must have been copied
    const chunk = Buffer.from(piece);
    for (const part of walker.push(chunk)) {
      if (part.kind === 'header') walked.headers.push(part.header);
      if (part.kind === 'data') open.push(Buffer.from(part.bytes));
      if (part.kind === 'entry-end') walked.data.push(Buffer.concat(open.splice(0)));
      else all.push(Buffer.from(part.bytes));
    }
    chunk.fill(0xee);
  }
  walker.end();
  open = [];
  walked.all = Buffer.concat(all);
  return walked;
}

function only(...entries: TarEntry[]): TarHeader {
  const { headers } = walk(tarOf(entries));
  assert.equal(headers.length, 1);
  return headers[0] as TarHeader;
}

function refuses(tar: Uint8Array, message: RegExp): void {
  for (const size of [tar.byteLength, 100]) {
    assert.throws(
      () => walk(tar, () => size),
      (error) => error instanceof IntegrityError && error.code === 'UNREADABLE_TAR' && message.test(error.message),
    );
  }
}

/** A GNU entry: `magic` and version as GNU tar writes them. */
function gnu(entry: TarEntry, change: (block: Buffer) => void = () => {}): Buffer {
  const data = Buffer.from(entry.data ?? []);
  const block = headerBlock(entry, data.byteLength);
  block.write('ustar  \0', 257, 'latin1');
  change(block);
  return Buffer.concat([withChecksum(block), data, Buffer.alloc((512 - (data.byteLength % 512)) % 512)]);
}

const end = Buffer.alloc(1024);
const longName = `${'x/'.repeat(90)}name`;

test('every byte comes out once, however the archive is cut', (t) => {
  const seed = fuzzSeed();
  t.diagnostic(`SHEAF_SEED=${seed}`);
  const random = randomFrom(seed);
  const tar = Buffer.concat([
    tarOf(
      [
        { name: 'a/' },
        { name: 'a/one', data: sampleBytes(512) },
        { name: 'a/odd', data: sampleBytes(5001), padding: 0x77 },
        { name: 'none' },
        { name: 'l', typeFlag: '1', linkName: 'a/one', size: 512 },
        { name: 'p', pax: { path: longName, 'SCHILY.xattr.user.x': Buffer.from([0xff, 0x00]) }, data: sampleBytes(10) },
      ],
      0,
    ),
    gnu({ name: '././@LongLink', typeFlag: 'L', data: Buffer.from(`${longName}\0`) }),
    gnu({ name: 'cut', data: sampleBytes(700) }),
    end,
    Buffer.from('whatever follows'),
  ]);
  const whole = walk(tar);
  assert.deepEqual(
    whole.headers.map(({ name }) => name),
    ['a/', 'a/one', 'a/odd', 'none', 'l', longName, longName],
  );
  assert.deepEqual(
    whole.data.map(({ byteLength }) => byteLength),
    [0, 512, 5001, 0, 0, 10, 700],
  );
  for (let round = 0; round < 60; round += 1) {
    const most = round < 3 ? 1 : 1 + random() * 1500;
    const walked = walk(tar, () => 1 + random() * most);
    assert.ok(walked.all.equals(tar));
    assert.deepEqual(walked.headers, whole.headers);
    assert.deepEqual(walked.data, whole.data);
  }
});

test('pax records win over the block, byte by byte', () => {
  const value = Buffer.from([0, 0x0a, 0x3d, 0xff]);
  const header = only({
    name: 'short',
    uid: 5,
    pax: {
      path: 'Größe',
      linkpath: 'to/there',
      uid: '3000000',
      gid: '4000000',
      mtime: '1700000000.123456789999',
      atime: '-1.5',
      'SCHILY.xattr.security.capability': value,
      comment: 'of no matter',
      uname: '',
    },
  });
  assert.equal(header.name, 'Größe');
  assert.equal(header.linkName, 'to/there');
  assert.deepEqual([header.uid, header.gid], [3_000_000, 4_000_000]);
  assert.deepEqual(header.modified, { seconds: 1_700_000_000, nanoseconds: 123_456_789 });
  assert.deepEqual(header.accessed, { seconds: -1, nanoseconds: -500_000_000 });
  assert.deepEqual(Buffer.from(header.attributes.get('security.capability') ?? []), value);
  assert.equal(header.textIsExact, true);
});

test('numbers may be in base 256, old archives have no magic, sparse files are told', () => {
  const large = gnu({ name: 'f' }, (block) => {
    block.fill(0, 108, 116);
    block[108] = 0x80;
    block.writeUInt32BE(3_000_000_000, 112);
    block.fill(0xff, 136, 148);
  });
  const [header] = walk(Buffer.concat([large, end])).headers;
  assert.equal(header?.uid, 3_000_000_000);
  assert.equal(header?.modified.seconds, -1);

  const old = headerBlock({ name: 'folder/', typeFlag: '\0' }, 0);
  old.fill(0, 257);
  assert.equal(walk(Buffer.concat([withChecksum(old), end])).headers[0]?.typeFlag, '5');

  assert.equal(only({ name: 's', pax: { 'GNU.sparse.major': '1' } }).sparse, true);
  const map = Buffer.alloc(512);
  const sparse = gnu({ name: 's', typeFlag: 'S', size: 3 }, (block) => {
    block[482] = 1;
  });
  const tar = Buffer.concat([sparse, map, Buffer.from('abc'), Buffer.alloc(509), end]);
  const walked = walk(tar);
  assert.equal(walked.headers[0]?.sparse, true);
  assert.deepEqual(walked.data, [Buffer.from('abc')]);
  assert.ok(walked.all.equals(tar));
});

test('a name that is not UTF-8 is told to be inexact', () => {
  const block = headerBlock({ name: 'x' }, 0);
  block[0] = 0xff;
  const [header] = walk(Buffer.concat([withChecksum(block), end])).headers;
  assert.equal(header?.textIsExact, false);
});

test('archives without an end, or with half of one, are read as others do', () => {
  const entry = tarOf([{ name: 'f', data: Buffer.from('x') }], 0);
  for (const blocks of [0, 1, 2, 7]) {
    const tar = Buffer.concat([entry, Buffer.alloc(blocks * 512)]);
    assert.ok(walk(tar).all.equals(tar));
  }
  assert.equal(walk(Buffer.alloc(0)).headers.length, 0);
});

test('what is no archive is refused with the place', () => {
  const tar = tarOf([{ name: 'f', data: sampleBytes(1000) }]);
  refuses(sampleBytes(2000), /at byte 0: the checksum of the header is wrong/);
  refuses(tar.subarray(0, 600), /at byte 600: it ends in the middle of an entry/);
  refuses(tar.subarray(0, 300), /at byte 300: it ends in the middle/);
  refuses(Buffer.concat([Buffer.alloc(512), tar]), /at byte 512: a header follows a zero block/);
  refuses(tarOf([{ name: 'p', typeFlag: 'x', data: paxRecords({ path: 'a' }) }]), /followed by the end of the archive/);
  for (const records of ['5 a=b\n', '99 path=x\n', 'x path=y\n', '6 path\n']) {
    const bad = tarOf([{ name: 'p', typeFlag: 'x', data: Buffer.from(records) }, { name: 'f' }]);
    refuses(bad, /a record of the pax header is malformed/);
  }
  refuses(tarOf([{ name: 'f', pax: { size: 'many' } }]), /"size" in the pax header is no number/);
  refuses(tarOf([{ name: 'f', pax: { path: Buffer.from('a\0b') } }]), /holds a NUL/);
  refuses(tarOf([{ name: 'p', typeFlag: 'x', size: 2 << 20 }]), /an extension header has 2097152 bytes/);
});
