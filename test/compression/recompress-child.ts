/** Recompresses a long layer made on the fly, and prints what it took: `MIB FROM TO JOBS`, where TO may be `peers`. Run by `memory.test.ts`. */
import { Readable } from 'node:stream';
import { createGzip, createZstdCompress } from 'node:zlib';
import { parseCompressionFormat } from '../../src/compression/compression.ts';
import { recompress } from '../../src/compression/recompress.ts';
import { sampleBytes } from './support.ts';
import { headerBlock } from './tars.ts';

const [mebibytes = '1', from = 'none', to = 'gzip', jobs = '1'] = process.argv.slice(2);
const size = Number(mebibytes) << 20;
const unit = sampleBytes(3 << 20, 17);

/** A tar with one file of `size` bytes. */
function* tar(): Generator<Uint8Array> {
  yield headerBlock({ name: 'file' }, size);
  for (let at = 0; at < size; at += 1 << 16) {
    const start = (at * 7) % (unit.byteLength - (1 << 16));
    yield unit.subarray(start, start + Math.min(1 << 16, size - at));
  }
  yield Buffer.alloc(1024);
}

function source(): Readable {
  const plain = Readable.from(tar(), { objectMode: false });
  if (from === 'gzip') return plain.pipe(createGzip({ level: 1 }));
  return from === 'zstd' ? plain.pipe(createZstdCompress()) : plain;
}

async function job(): Promise<number> {
  const asPeers = to === 'peers';
  const { stream, done } = await recompress(source(), {
    format: asPeers ? 'gzip' : parseCompressionFormat(to),
    asPeers,
  });
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Uint8Array).byteLength;
  const result = await done;
  if (result.size !== bytes || result.plainSize !== size + 1536) throw new Error('not all of it came out');
  return bytes;
}

const sizes = await Promise.all(Array.from({ length: Number(jobs) }, job));
console.log(JSON.stringify({ maxRssMib: Math.round(process.resourceUsage().maxRSS / 1024), sizes }));
