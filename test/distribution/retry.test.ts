import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLanes } from '../../src/distribution/lanes.ts';
import { createRegistryPool } from '../../src/distribution/registry-pool.ts';
import { isTransient, retryAfter, retrying } from '../../src/distribution/retry.ts';
import { TryFailure, type TryFailureOptions } from '../../src/distribution/try-failure.ts';
import { CancelledError, RegistryError } from '../../src/foundation/errors.ts';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { createSession } from '../../src/foundation/session.ts';

function setUp(retry: { maxRetries: number; delayMs?: number; maxWaitMs?: number }) {
  const waits: number[] = [];
  const events: ProgressEvent[] = [];
  let now = 1_000_000;
  const abort = new AbortController();
  const session = createSession({
    signal: abort.signal,
    clock: {
      now: () => now,
      sleep: async (ms, signal) => {
        if (signal?.aborted) throw new CancelledError();
        waits.push(ms);
        now += ms;
      },
    },
    onEvent: (event) => events.push(event),
  });
  return { env: { session, retry, lanes: createLanes(session) }, waits, events, abort };
}

function failure(options: Partial<TryFailureOptions> = {}): TryFailure {
  return new TryFailure({
    reason: 'r.test answered 503',
    transient: true,
    toError: (tries) => new RegistryError(`failed ${tries} times`, { status: 503 }),
    ...options,
  });
}

test('a pool wants to know how often: what is no number would be tried for ever', () => {
  const open = (maxRetries: number) =>
    createRegistryPool(createSession(), { retry: { maxRetries } }, async () => undefined);
  for (const count of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5]) {
    assert.throws(() => open(count), { code: 'RETRIES' }, String(count));
  }
});

test('waits grow by doubling, with up to 10 % on top, and are told', async () => {
  const { env, waits, events } = setUp({ maxRetries: 4 });
  let tries = 0;
  const result = await retrying(env, 'do it', async () => {
    tries += 1;
    if (tries < 5) throw failure();
    return 'done';
  });
  assert.equal(result, 'done');
  for (const [at, base] of [1000, 2000, 4000, 8000].entries()) {
    const wait = waits[at] ?? 0;
    assert.ok(wait >= base && wait <= base * 1.1 + 1, `${wait}`);
  }
  assert.deepEqual(events[1], {
    type: 'retry',
    what: 'do it',
    attempt: 2,
    of: 4,
    delayMs: waits[1],
    reason: 'r.test answered 503',
  });
});

test('a fixed wait', async () => {
  const { env, waits } = setUp({ maxRetries: 2, delayMs: 50 });
  await assert.rejects(
    retrying(env, 'do it', () => Promise.reject(failure())),
    /failed 3 times/,
  );
  assert.deepEqual(waits, [50, 50]);
});

test('what cannot be mended is not tried again', async () => {
  const { env, waits } = setUp({ maxRetries: 5 });
  await assert.rejects(
    retrying(env, 'do it', () => Promise.reject(failure({ transient: false }))),
    /failed 1 times/,
  );
  await assert.rejects(
    retrying(env, 'do it', () => Promise.reject(new TypeError('other'))),
    /other/,
  );
  assert.deepEqual(waits, []);
});

test('Retry-After is waited for in full, and every other request to the host waits too', async () => {
  const { env, waits } = setUp({ maxRetries: 1, delayMs: 1 });
  let tries = 0;
  const busy = { host: 'r.test', since: env.session.clock.now() };
  await retrying(env, 'do it', async () => {
    tries += 1;
    if (tries === 1) throw failure({ waitMs: 7000, busy });
  });
  assert.deepEqual(waits, [7000]);
  const paused: number[] = [];
  const { limiter } = env.session;
  const original = limiter.pause.bind(limiter);
  limiter.pause = (key, ms) => {
    paused.push(ms);
    original(key, ms);
  };
  // told twice of the same overload, the host is slowed down once
  const since = env.session.clock.now();
  env.lanes.pause('r.test', 5000, since);
  env.lanes.pause('r.test', 5000, since);
  assert.deepEqual(paused, [5000, 5000], 'one pause, for both lanes of the host');
  await env.lanes.run('r.test', false, async () => {});
  await env.lanes.run('r.test', true, async () => {});
  assert.deepEqual(waits, [7000, 5000]);
});

test('a wait longer than allowed is an error at once', async () => {
  const { env, waits } = setUp({ maxRetries: 5, maxWaitMs: 60_000 });
  await assert.rejects(
    retrying(env, 'do it', () => Promise.reject(failure({ waitMs: 3_600_000 }))),
    (error: RegistryError) => /asks to wait 3600 s/.test(error.message) && /3600 s/.test(error.hint ?? ''),
  );
  assert.deepEqual(waits, []);
});

test('stopping ends the wait', async () => {
  const { env, abort } = setUp({ maxRetries: 5 });
  const running = retrying(env, 'do it', async () => {
    abort.abort();
    throw failure();
  });
  await assert.rejects(running, CancelledError);
});

test('Retry-After in seconds and as a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfter('3', now), 3000);
  assert.equal(retryAfter(' 0 ', now), 0);
  assert.equal(retryAfter('Thu, 01 Jan 2026 00:00:20 GMT', now), 20_000);
  assert.equal(retryAfter('Thu, 01 Jan 2020 00:00:20 GMT', now), 0);
  assert.equal(retryAfter('soon', now), undefined);
  assert.equal(retryAfter('-5', now), undefined);
  assert.equal(retryAfter(undefined, now), undefined);
});

test('statuses that another try may mend', () => {
  assert.deepEqual(
    [200, 400, 401, 403, 404, 408, 409, 416, 425, 429, 500, 501, 502, 503, 504].filter(isTransient),
    [408, 425, 429, 500, 502, 503, 504],
  );
});
