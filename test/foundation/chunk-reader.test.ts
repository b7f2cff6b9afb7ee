import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { ChunkReader } from '../../src/foundation/chunk-reader.ts';

describe('ChunkReader', () => {
  it('gives the chunks as they were put in, and then nothing', async () => {
    const reader = new ChunkReader(Readable.from([Buffer.from('a'), Buffer.from('bc'), Buffer.from('d')]));
    const seen: string[] = [];
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next())
      seen.push(Buffer.from(chunk).toString());
    assert.deepEqual(seen, ['a', 'bc', 'd']);
    assert.equal(await reader.next(), undefined);
  });

  it('gives what came before a failure, and then the failure', async () => {
    const stream = new PassThrough();
    const reader = new ChunkReader(stream);
    stream.write('a');
    assert.equal(Buffer.from((await reader.next()) ?? []).toString(), 'a');
    stream.destroy(new Error('cut'));
    await assert.rejects(reader.next(), /cut/);
  });

  it('gives the whole stream, or an error where it was closed before its end', async () => {
    const all = async (stream: Readable): Promise<string> => {
      let text = '';
      for await (const chunk of new ChunkReader(stream).whole()) text += Buffer.from(chunk).toString();
      return text;
    };
    assert.equal(await all(Readable.from([Buffer.from('a'), Buffer.from('bc')])), 'abc');
    const stream = new PassThrough();
    stream.write('a');
    setImmediate(() => stream.destroy());
    await assert.rejects(all(stream), /closed before its end/);
  });

  it('is told of what befell the stream before', async () => {
    const failed = new PassThrough().on('error', () => {});
    failed.destroy(new Error('cut'));
    const closed = new PassThrough();
    closed.destroy();
    const ended = Readable.from([]);
    ended.resume();
    await Promise.all([failed, closed, ended].map((each) => new Promise((resolve) => each.once('close', resolve))));
    await assert.rejects(new ChunkReader(failed).next(), /cut/);
    assert.equal(await new ChunkReader(closed).next(), undefined);
    assert.equal(await new ChunkReader(ended).next(), undefined);
  });

  it('holds the stream back while nobody reads', async () => {
    let made = 0;
    const stream = new Readable({
      highWaterMark: 1,
      read() {
        made += 1;
        this.push(made > 1000 ? null : Buffer.alloc(10));
      },
    });
    const reader = new ChunkReader(stream);
    await reader.next();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(made < 20, `${made} chunks were made for one that was read`);
  });
});
