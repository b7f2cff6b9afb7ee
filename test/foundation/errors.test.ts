import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/foundation/clock.ts';
import { CancelledError, cancelledBy } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';

function abortedWith(reason?: unknown): AbortSignal {
  const controller = new AbortController();
  controller.abort(reason);
  return controller.signal;
}

describe('CancelledError', () => {
  it('has the reason of the signal for its cause, where there is one', async () => {
    const reason = new Error('the build was superseded');
    assert.equal(cancelledBy(abortedWith(reason)).cause, reason);
    assert.equal(cancelledBy(abortedWith('a word')).cause, 'a word');
    const timeout = new DOMException('too late', 'TimeoutError');
    assert.equal(cancelledBy(abortedWith(timeout)).cause, timeout);
    for (const signal of [abortedWith(), abortedWith(new CancelledError()), undefined]) {
      assert.equal(cancelledBy(signal).cause, undefined);
    }
    const { signal, limiter } = createSession({ signal: abortedWith(reason) });
    await assert.rejects(systemClock.sleep(1, signal), { name: 'CancelledError', cause: reason });
    await assert.rejects(
      limiter.run('a', signal, async () => {}),
      { name: 'CancelledError', cause: reason },
    );
  });
});
