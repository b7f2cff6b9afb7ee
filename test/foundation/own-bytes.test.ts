import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeBuffer, giveBack, handOver, handOverInTurn, handOverLast } from '../../src/foundation/own-bytes.ts';

const size = 1 << 20;

describe('giving back', () => {
  it('frees at once what was handed over, and only once', () => {
    const bytes = handOver(Buffer.alloc(size, 1));
    const { buffer } = bytes;
    giveBack(bytes);
    assert.equal(buffer.byteLength, 0);
    assert.equal(bytes.byteLength, 0);
    giveBack(bytes);
  });

  it('leaves alone what nobody has handed over', () => {
    const bytes = Buffer.alloc(size, 1);
    giveBack(bytes);
    assert.equal(bytes.at(-1), 1);
  });

  it('leaves the buffer alone that Node.js shares out', () => {
    const small = Buffer.from('a few bytes');
    giveBack(handOver(small));
    assert.equal(small.toString(), 'a few bytes');
    assert.equal(Buffer.from('others').toString(), 'others');
  });

  it('leaves it alone where it is longer than Node.js says, as from 26.8 on', (t) => {
    const { poolSize } = Buffer;
    t.after(() => (Buffer.poolSize = poolSize));
    const small = Buffer.from('a few bytes');
    Buffer.poolSize = 1;
    giveBack(handOverLast(small));
    assert.equal(small.toString(), 'a few bytes');
    freeBuffer(small);
    assert.equal(small.toString(), 'a few bytes');
  });

  it('leaves parts of a buffer alone, of which others may have the rest', () => {
    const buffer = Buffer.alloc(size, 1);
    giveBack(handOver(buffer.subarray(1)));
    assert.equal(buffer.byteLength, size);
  });

  it('frees nothing for another view of what was handed over', () => {
    const bytes = handOver(Buffer.alloc(size, 1));
    giveBack(bytes.subarray(0, 10));
    giveBack(bytes.subarray());
    assert.equal(bytes.byteLength, size);
  });

  it('waits for the view that ends a buffer that is handed out in turn, in whatever order they were made', () => {
    const buffer = Buffer.alloc(size, 1);
    const [first, last] = [buffer.subarray(0, 1000), buffer.subarray(1000)].map((view) => handOverInTurn(view));
    assert.ok(first !== undefined && last !== undefined);
    giveBack(first);
    assert.equal(buffer.byteLength, size);
    giveBack(last);
    assert.equal(buffer.byteLength, 0);
  });

  it('frees the buffer of the last view of all, which need not end it', () => {
    const buffer = Buffer.alloc(size, 1);
    giveBack(handOverInTurn(buffer.subarray(0, 1000)));
    assert.equal(buffer.byteLength, size);
    giveBack(handOverLast(buffer.subarray(1000, 2000)));
    assert.equal(buffer.byteLength, 0);
  });
});
