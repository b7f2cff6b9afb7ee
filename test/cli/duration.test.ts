import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from '../../src/cli/duration.ts';
import { UsageError } from '../../src/foundation/errors.ts';

describe('parseDuration', () => {
  it('reads what Go reads', () => {
    assert.equal(parseDuration('4s', 'delay'), 4000);
    assert.equal(parseDuration('250ms', 'delay'), 250);
    assert.equal(parseDuration('1m30s', 'delay'), 90_000);
    assert.equal(parseDuration('1.5h', 'delay'), 5_400_000);
    assert.equal(parseDuration('.5s', 'delay'), 500);
    assert.equal(parseDuration('1500µs', 'delay'), 1.5);
    assert.equal(parseDuration('0', 'delay'), 0);
  });

  it('refuses what Go refuses, naming the value', () => {
    for (const text of ['', '4', 's', '4 s', '4x', '-4s', 's4', '4s5', '1..5s']) {
      assert.throws(
        () => parseDuration(text, 'retryDelay'),
        (thrown: unknown) =>
          thrown instanceof UsageError && thrown.message.startsWith(`unable to parse retryDelay "${text}"`),
        text,
      );
    }
  });
});
