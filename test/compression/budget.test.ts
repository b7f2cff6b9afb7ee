import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { type Block, blockBytes, createBudget } from '../../src/compression/budget.ts';
import { CancelledError } from '../../src/foundation/errors.ts';

/** Whether a promise is settled once everything that can happen by itself has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await tick();
  return done;
}

test('jobs wait until there is memory for them, in the order in which they came', async () => {
  const budget = createBudget({ memory: 10 });
  const first = await budget.enter(6);
  const second = budget.enter(6);
  const third = budget.enter(1);
  assert.equal(await settled(second), false);
  assert.equal(await settled(third), false, 'nobody overtakes');
  first.leave();
  assert.equal(await settled(second), true);
  assert.equal(await settled(third), true);
});

test('a job that needs more than there is runs alone', async () => {
  const budget = createBudget({ memory: 10 });
  const large = await budget.enter(1000);
  const small = budget.enter(1);
  assert.equal(await settled(small), false);
  large.leave();
  (await small).leave();
  (await budget.enter(1000)).leave();
});

test('leaving twice gives back once', async () => {
  const budget = createBudget({ memory: 10 });
  const first = await budget.enter(6);
  first.leave();
  first.leave();
  await budget.enter(6);
  assert.equal(await settled(budget.enter(6)), false);
});

test('a job that is stopped while it waits does not hold up those behind it', async () => {
  const budget = createBudget({ memory: 10 });
  await budget.enter(5);
  const stop = new AbortController();
  const waiting = budget.enter(10, stop.signal);
  const behind = budget.enter(5);
  assert.equal(await settled(behind), false);
  stop.abort();
  await assert.rejects(waiting, CancelledError);
  assert.equal(await settled(behind), true);
  await assert.rejects(budget.enter(1, AbortSignal.abort()), CancelledError);
});

test('more compressors are for jobs that nobody waits behind', async () => {
  const budget = createBudget({ memory: 10 });
  const turn = await budget.enter(4);
  const giveBack = turn.tryMore(4);
  assert.ok(giveBack);
  assert.equal(turn.tryMore(4), undefined);
  const waiting = budget.enter(6);
  assert.equal(turn.tryMore(1), undefined, 'somebody waits');
  giveBack();
  giveBack();
  const other = await waiting;
  other.leave();
  assert.ok(turn.tryMore(6));
  turn.leave();
  assert.equal(turn.tryMore(1), undefined, 'it has left');
});

test('blocks are lent up to the limit, two always', async () => {
  const budget = createBudget({ memory: 10, blocks: 3 });
  const turn = await budget.enter(1);
  const blocks = [await turn.takeBlock(), await turn.takeBlock(), await turn.takeBlock()] as [Block, Block, Block];
  assert.equal(blocks[0].bytes.byteLength, blockBytes);
  const fourth = turn.takeBlock();
  assert.equal(await settled(fourth), false);

  const other = await budget.enter(1);
  await other.takeBlock();
  await other.takeBlock();
  assert.equal(await settled(other.takeBlock()), false);
  assert.equal(await settled(fourth), false);

  blocks[0].release();
  blocks[0].release();
  assert.equal(await settled(fourth), false, 'the two turns have all that there is');
  blocks[1].release();
  assert.equal(await settled(fourth), true);
  assert.equal((await fourth).bytes, blocks[1].bytes, 'it is the same memory');
});

test('a turn that has left gets no more blocks', async () => {
  const budget = createBudget({ memory: 10, blocks: 1 });
  const turn = await budget.enter(1);
  await turn.takeBlock();
  await turn.takeBlock();
  const third = turn.takeBlock();
  turn.leave();
  await assert.rejects(third, CancelledError);
  await assert.rejects(turn.takeBlock(), CancelledError);
});

test('compressors are kept for the next job of their kind, and destroyed when there is none', async () => {
  const budget = createBudget({ memory: 10 });
  const destroyed: string[] = [];
  const compressor = (name: string): { destroy(): void } => ({ destroy: () => void destroyed.push(name) });
  const turn = await budget.enter(1);
  const other = await budget.enter(1);
  const zstd = compressor('zstd');
  turn.putBy('zstd 3', zstd);
  assert.equal(other.reuse('zstd 4'), undefined);
  assert.equal(other.reuse('zstd 3'), zstd);
  assert.equal(other.reuse('zstd 3'), undefined, 'only one job has it');
  for (const name of ['a', 'b', 'c', 'd', 'e']) turn.putBy('zstd 3', compressor(name));
  assert.deepEqual(destroyed, ['a'], 'not any number of them');
  turn.leave();
  assert.deepEqual(destroyed, ['a']);
  other.leave();
  assert.deepEqual(destroyed, ['a', 'b', 'c', 'd', 'e']);
  other.putBy('zstd 3', compressor('late'));
  assert.deepEqual(destroyed.at(-1), 'late');
});
