import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../src/foundation/clock.ts';
import { CancelledError } from '../../src/foundation/errors.ts';
import { createLimiter } from '../../src/foundation/limiter.ts';

/** A clock that moves when somebody sleeps. */
function fakeClock(): Clock & { slept: number[] } {
  let now = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
  };
}

const signal = new AbortController().signal;

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

/** Lets everything that can go on go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('createLimiter', () => {
  it('runs no more than the slots of a key at once, and every key for itself', async () => {
    const limiter = createLimiter(fakeClock(), { slots: 2 });
    const started: string[] = [];
    const works = ['a1', 'a2', 'a3', 'b1'].map((name) => {
      const one = held();
      const done = limiter.run(name.slice(0, 1), signal, () => {
        started.push(name);
        return one.work();
      });
      return { ...one, done };
    });
    await settle();
    assert.deepEqual(started, ['a1', 'a2', 'b1']);
    works[0]?.end();
    await settle();
    assert.deepEqual(started, ['a1', 'a2', 'b1', 'a3']);
    for (const one of works) one.end();
    await Promise.all(works.map((one) => one.done));
  });

  it('gives the slot back when the work fails', async () => {
    const limiter = createLimiter(fakeClock(), { slots: 1 });
    await assert.rejects(
      limiter.run('a', signal, () => Promise.reject(new Error('broken'))),
      /broken/,
    );
    assert.equal(await limiter.run('a', signal, async () => 'next'), 'next');
  });

  it('holds back new starts on a paused key, and on no other', async () => {
    const clock = fakeClock();
    const limiter = createLimiter(clock, { slots: 4 });
    limiter.pause('a', 5000);
    await limiter.run('b', signal, async () => {});
    assert.deepEqual(clock.slept, []);
    await limiter.run('a', signal, async () => {});
    assert.deepEqual(clock.slept, [5000]);
  });

  it('tells how many more could start now', async () => {
    const clock = fakeClock();
    const limiter = createLimiter(clock, { slots: 2 });
    const one = held();
    const running = limiter.run('a', signal, one.work);
    await settle();
    assert.deepEqual([limiter.free('a'), limiter.free('b')], [1, 2]);
    limiter.pause('b', 1);
    assert.equal(limiter.free('b'), 0);
    await clock.sleep(1);
    assert.equal(limiter.free('b'), 1);
    one.end();
    await running;
    assert.equal(limiter.free('a'), 2);
  });

  it('halves the slots on a pause and grows again with success', async () => {
    const limiter = createLimiter(fakeClock(), { slots: 4 });
    limiter.pause('a', 1);
    const running = async (): Promise<number> => {
      const works = Array.from({ length: 4 }, held);
      let count = 0;
      const done = works.map((one) =>
        limiter.run('a', signal, () => {
          count += 1;
          return one.work();
        }),
      );
      await settle();
      const at = count;
      for (const one of works) one.end();
      await Promise.all(done);
      return at;
    };
    assert.equal(await running(), 2);
    for (let good = 0; good < 2; good += 1) limiter.succeeded('a');
    assert.equal(await running(), 3);
  });

  it('lets go of those who wait when they are stopped', async () => {
    const limiter = createLimiter(fakeClock(), { slots: 1 });
    const first = held();
    const done = limiter.run('a', signal, first.work);
    const stop = new AbortController();
    const waiting = limiter.run('a', stop.signal, async () => assert.fail('must not start'));
    stop.abort();
    await assert.rejects(waiting, CancelledError);
    first.end();
    await done;
    assert.equal(await limiter.run('a', signal, async () => 'still works'), 'still works');
  });

  /** Slots after `rounds` in each of which the key is crowded and one round of requests takes what `took` says. */
  async function slotsAfter(rounds: number, took: (slots: number) => number): Promise<number[]> {
    const clock = fakeClock();
    const limiter = createLimiter(clock, { slots: 4, ceiling: 20 });
    const seen: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const works = Array.from({ length: 40 }, held);
      let started = 0;
      const stop = new AbortController();
      const done = works.map((one) =>
        limiter
          .run('a', stop.signal, () => {
            started += 1;
            return one.work();
          })
          .catch(() => {}),
      );
      await settle();
      seen.push(started);
      await clock.sleep(took(started), signal);
      for (let good = 0; good < started; good += 1) limiter.succeeded('a');
      stop.abort();
      for (const one of works) one.end();
      await Promise.all(done);
    }
    return seen;
  }

  it('grows up to its ceiling while more at once gets more done', async () => {
    assert.deepEqual(await slotsAfter(6, () => 100), [4, 6, 9, 14, 20, 20]);
  });

  it('stops growing where more at once only takes longer', async () => {
    assert.deepEqual(await slotsAfter(5, (slots) => slots * 10), [4, 6, 6, 6, 6]);
  });
});
