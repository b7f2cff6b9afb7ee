/**
 * Archives and layouts that are damaged or made to harm, at random: each is read or refused with an error of ours; nothing
 * crashes, hangs, grows or is written elsewhere. They are read by a process of its own (`fuzz-reader.ts`), all by the same.
 * `SHEAF_SEED` repeats a run, `SHEAF_FUZZ` says how many to try (then without a limit of time).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { testEnv } from '../support/env.ts';
import { createRandom, type Random } from '../support/random.ts';
import type { Outcome } from './fuzz-reader.ts';
import { copy, writeKinds } from './support.ts';

const seed = Number(process.env['SHEAF_SEED'] ?? Date.now() % 1_000_000);
const asked = process.env['SHEAF_FUZZ'];
const count = Number(asked ?? 1500);
const deadline = asked === undefined ? Date.now() + 10_000 : Number.POSITIVE_INFINITY;
/** One reading of a few kilobytes: more than this is a hang. */
const hangMs = 20_000;
const blockSize = 512;

/** Headers of a sound archive, by their checksums. */
function headersOf(tar: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + blockSize <= tar.byteLength; at += blockSize) {
    if (tar.subarray(at + 257, at + 262).toString('latin1') === 'ustar') found.push(at);
  }
  return found;
}

function mend(tar: Buffer, at: number): void {
  tar.fill(0x20, at + 148, at + 156);
  let sum = 0;
  for (const byte of tar.subarray(at, at + blockSize)) sum += byte;
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

const names = [
  '../out',
  '/etc/passwd',
  'a/../../b',
  '',
  './',
  'x'.repeat(100),
  'manifest.json',
  'index.json',
  'blobs',
  'ü\u0000',
];
const sizes = [
  '00000000000',
  '77777777777',
  '00000001000',
  '\x80\0\0\0\0\0\0\x7f\xff\xff\xff\xff',
  '\xff'.repeat(12),
  '        12 ',
];
const types = ['0', '1', '2', '3', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', 'V', '\0', 'A'];

/** A header that says something else, and says it correctly. */
function lie(tar: Buffer, random: Random): Buffer {
  const at = random.pick(headersOf(tar));
  if (at === undefined) return tar;
  const field = (start: number, length: number, text: string): void => {
    tar.fill(0, at + start, at + start + length);
    tar.write(text.slice(0, length), at + start, 'latin1');
  };
  switch (random.below(6)) {
    case 0:
      field(0, 100, random.pick(names));
      break;
    case 1:
      field(124, 12, random.pick(sizes));
      break;
    case 2:
      field(156, 1, random.pick(types));
      break;
    case 3:
      field(156, 1, random.pick(['1', '2']));
      field(157, 100, random.pick(names));
      break;
    case 4:
      field(345, 155, random.pick(names));
      break;
    default:
      tar[at + random.below(blockSize)] = random.below(256);
  }
  if (random.below(8) > 0) mend(tar, at);
  return tar;
}

/** Texts that documents are made of, changed into others of the same kind. */
const words: ReadonlyArray<readonly [RegExp, readonly string[]]> = [
  [
    /sha256:[0-9a-f]{64}/g,
    ['sha256:..', `sha256:${'0'.repeat(64)}`, `md5:${'0'.repeat(32)}`, '../../x', '', `sha512:${'0'.repeat(128)}`],
  ],
  [/"size":\d+/g, ['"size":-1', '"size":1e300', '"size":0', '"size":99999999999999', '"size":"1"', '"size":null']],
  [
    /"mediaType":"[^"]*"/g,
    [
      '"mediaType":1',
      '"mediaType":""',
      '"mediaType":"application/vnd.oci.image.index.v1+json"',
      '"mediaType":"x","mediaType":"y"',
    ],
  ],
  [/\[[^[\]]*\]/g, ['[]', 'null', '{}', '[[[[]]]]', '["a","a"]', '[null]']],
  [
    /"(manifests|layers|config|Layers|Config|RepoTags|parent)"/g,
    ['"Manifests"', '"layers"', '"manifests"', '"__proto__"', '"Layers"'],
  ],
  [/[0-9a-f]{64}/g, ['..', '/', 'manifest.json', '0'.repeat(64)]],
];

/** The document with one word changed, of the same length where `length` is kept. */
function reword(bytes: Buffer, random: Random, sameLength: boolean): Buffer {
  const text = bytes.toString('latin1');
  const [pattern, others] = random.pick(words);
  const matches = [...text.matchAll(pattern)];
  const match = random.pick(matches);
  if (match === undefined) return bytes;
  let other = random.pick(others);
  if (sameLength) other = other.slice(0, match[0].length).padEnd(match[0].length, ' ');
  return Buffer.from(text.slice(0, match.index) + other + text.slice(match.index + match[0].length), 'latin1');
}

function mutate(original: Buffer, random: Random, isTar: boolean): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let round = random.below(3); round >= 0; round -= 1) {
    if (bytes.byteLength === 0) return bytes;
    switch (random.below(isTar ? 9 : 5)) {
      case 0:
        bytes[random.below(bytes.byteLength)] = random.below(256);
        break;
      case 1:
        bytes = bytes.subarray(0, random.below(bytes.byteLength));
        break;
      case 2: {
        const at = random.below(bytes.byteLength);
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.alloc(random.below(700), random.below(256)),
          bytes.subarray(at),
        ]);
        break;
      }
      case 3:
        bytes = reword(bytes, random, isTar);
        break;
      case 4: {
        const from = random.below(bytes.byteLength);
        const to = random.below(bytes.byteLength);
        bytes.copy(bytes, to, from, Math.min(from + random.below(2000), bytes.byteLength));
        break;
      }
      case 5: {
        // blocks doubled, left out or moved
        const at = random.below(bytes.byteLength / blockSize) * blockSize;
        const length = random.below(6) * blockSize;
        const part = bytes.subarray(at, at + length);
        const rest = random.below(2) === 0 ? bytes.subarray(at) : bytes.subarray(at + length);
        bytes = Buffer.concat([bytes.subarray(0, at), rest, part]);
        break;
      }
      default:
        bytes = lie(bytes, random);
    }
  }
  return bytes;
}

async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  const bytes = buffer(tar);
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, Buffer.from(content));
  tar.finalize();
  return bytes;
}

/** As Docker 25 and later write it: a layout, with a manifest.json beside. */
async function modernArchive(layout: string, docker: Buffer): Promise<Buffer> {
  const files: Record<string, Uint8Array> = {};
  for (const file of await readdir(layout, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    files[path.slice(layout.length + 1)] = await readFile(path);
  }
  const at = docker.indexOf('[{"Config"');
  files['manifest.json'] = docker.subarray(at, docker.indexOf('}]', at) + 2);
  return tarOf(files);
}

/** Extended headers of every kind before a sound entry: long names, sizes in pax records, sparse files, attributes. */
async function oddHeaders(): Promise<Buffer> {
  const tar = pack();
  const bytes = buffer(tar);
  const mtime = new Date(0);
  const content = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
  tar.entry({ name: 'x'.repeat(300), mtime }, content);
  tar.entry(
    { name: 'big', mtime, pax: { size: String(content.length), 'SCHILY.xattr.user.a': 'b', path: 'ü/big' } },
    content,
  );
  tar.entry(
    { name: 'holes', mtime, pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '99999999999999' } },
    content,
  );
  tar.entry({ name: 'link', mtime, type: 'symlink', linkname: 'oci-layout' });
  tar.entry({ name: 'hard', mtime, type: 'link', linkname: 'link' });
  tar.entry({ name: 'index.json', mtime, type: 'symlink', linkname: './hard' });
  tar.entry({ name: 'oci-layout', mtime, uid: 2 ** 40, gid: 2 ** 33 }, content);
  tar.entry({ name: 'manifest.json', mtime, type: 'link', linkname: 'index.json' });
  tar.finalize();
  return bytes;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Base {
  readonly transport: string;
  /** A whole archive, or one file of a folder that is sound otherwise. */
  readonly bytes: Buffer;
  readonly folder?: string;
  readonly file?: string;
  readonly wrap?: (bytes: Buffer) => Buffer;
}

/** The process that reads: takes a line, gives what came of it. */
async function startReader(t: TestContext, temporary: string) {
  const program = fileURLToPath(new URL('fuzz-reader.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const gone = new Promise<never>((_resolve, reject) => {
    child.once('close', (code) => reject(new Error(`the reader ended with ${code}`)));
  });
  gone.catch(() => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (line: string): Promise<Outcome> => {
    let timer: NodeJS.Timeout | undefined;
    const hang = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`still at it after ${hangMs} ms`)), hangMs);
    });
    try {
      child.stdin.write(`${line}\n`);
      const { value } = await Promise.race([answers.next(), hang, gone]);
      return JSON.parse(value ?? '') as Outcome;
    } finally {
      clearTimeout(timer);
    }
  };
}

async function bases(folder: string, env: Awaited<ReturnType<typeof testEnv>>): Promise<Base[]> {
  const layout = join(folder, 'layout');
  await writeKinds(layout);
  await copy(env, `oci:${layout}:image`, `docker-archive:${folder}/d.tar:app:1`);
  await copy(env, `oci:${layout}:zstd-list`, `oci-archive:${folder}/o.tar:one`);
  await copy(env, `oci:${layout}:list`, `oci:${folder}/single:one`);
  await copy(env, `oci:${layout}:list`, `dir:${folder}/plain`);
  const docker = await readFile(join(folder, 'd.tar'));
  const oci = await readFile(join(folder, 'o.tar'));
  const layer = await tarOf({ a: 'content' });
  const old = await tarOf({
    't/json': JSON.stringify({ id: 't', parent: 'b', os: 'linux' }),
    't/layer.tar': layer,
    'b/json': '{"id":"b"}',
    'b/layer.tar': gzipSync(layer),
    repositories: '{"app":{"1":"t"}}',
  });
  const modern = await modernArchive(join(folder, 'single'), docker);
  const crane = await tarOf({
    'sha256:config': JSON.stringify({ rootfs: { type: 'layers', diff_ids: [digestOf(layer), digestOf(layer)] } }),
    'a.tar.gz': gzipSync(layer),
    'b.tar.zst': zstdCompressSync(layer),
    'manifest.json': '[{"Config":"sha256:config","RepoTags":["app:1"],"Layers":["a.tar.gz","b.tar.zst"]}]',
  });
  const headers = await oddHeaders();
  const found: Base[] = [
    { transport: 'docker-archive', bytes: docker },
    { transport: 'docker-archive', bytes: docker, wrap: (bytes) => gzipSync(bytes) },
    { transport: 'docker-archive', bytes: gzipSync(docker) },
    { transport: 'docker-archive', bytes: old },
    { transport: 'docker-archive', bytes: oci },
    { transport: 'docker-archive', bytes: modern },
    { transport: 'docker-archive', bytes: crane },
    { transport: 'docker-archive', bytes: crane, wrap: (bytes) => zstdCompressSync(bytes) },
    { transport: 'docker-archive', bytes: headers },
    { transport: 'oci-archive', bytes: headers },
    { transport: 'oci-archive', bytes: oci },
    { transport: 'oci-archive', bytes: oci, wrap: (bytes) => zstdCompressSync(bytes) },
    { transport: 'oci-archive', bytes: zstdCompressSync(oci) },
  ];
  for (const [transport, name] of [
    ['oci', 'single'],
    ['dir', 'plain'],
  ] as const) {
    const of = join(folder, name);
    for (const file of await readdir(of, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      found.push({ transport, folder: of, file: path.slice(of.length + 1), bytes: await readFile(path) });
    }
  }
  return found;
}

test(`${count} mutated archives and layouts are read or refused`, async (t) => {
  const env = await testEnv(t);
  const random = createRandom(seed);
  t.diagnostic(`SHEAF_SEED=${seed}`);
  const work = join(env.folder, 'work');
  await mkdir(work);
  const sound = await bases(join(env.folder, 'sound'), env);
  // what is unpacked on the way goes to a folder of this test alone
  const spool = join(env.folder, 'spool');
  await mkdir(spool);
  const read = await startReader(t, spool);
  let memory = 0;
  const outcomes = new Map<string, number>();
  let tried = 0;
  for (; tried < count && Date.now() < deadline; tried += 1) {
    const base = random.pick(sound);
    const isTar = base.folder === undefined && base.bytes.byteLength % blockSize === 0;
    const mutated = mutate(base.bytes, random, isTar);
    const bytes = base.wrap?.(mutated) ?? mutated;
    const place = join(work, 'in');
    if (base.folder === undefined) await writeFile(place, bytes);
    else {
      await cp(base.folder, place, { recursive: true });
      await writeFile(join(place, base.file ?? ''), bytes);
    }
    const name = `${base.transport}:${place}`;
    // writing waits for the disk, reading does not
    const copies = random.below(50) === 0;
    const to = copies ? ` ${random.pick(['oci', 'dir'])}:${join(work, 'out')}` : '';
    let outcome: Outcome;
    try {
      outcome = await read(`${name}${to}`);
    } catch (thrown) {
      throw new Error(
        `SHEAF_SEED=${seed}, number ${tried} (${name}${to}, ${base.file ?? 'archive'}): ${String(thrown)}`,
      );
    }
    assert.equal(
      outcome.stack,
      undefined,
      `SHEAF_SEED=${seed}, number ${tried} (${name}${to}, ${base.file ?? 'archive'})`,
    );
    memory = outcome.mebibytes;
    outcomes.set(outcome.outcome, (outcomes.get(outcome.outcome) ?? 0) + 1);
    for (const left of await readdir(work)) assert.ok(left === 'in' || left === 'out', `number ${tried} left ${left}`);
    await rm(join(work, 'in'), { recursive: true, force: true });
    await rm(join(work, 'out'), { recursive: true, force: true });
  }
  assert.deepEqual(await readdir(spool), [], 'temporary archives are left behind');
  assert.deepEqual(
    (await readdir(env.folder)).filter(
      (name) => !['sound', 'spool', 'store', 'work'].some((known) => name.startsWith(known)),
    ),
    [],
  );
  t.diagnostic(`${tried} tried, at most ${memory} MiB: ${JSON.stringify(Object.fromEntries(outcomes))}`);
  assert.ok(memory <= 150, `${memory} MiB`);
  assert.ok(outcomes.size > 5, 'the mutations are too much alike to prove anything');
});
