import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';

describe('createSession', () => {
  it('refuses a number of requests with which nothing would ever happen', async () => {
    for (const parallel of [0, -3, Number.NaN, 0.5, Number.POSITIVE_INFINITY]) {
      assert.throws(
        () => createSession({ parallel }),
        (error: unknown) => {
          assert.ok(error instanceof UsageError);
          assert.equal(error.code, 'PARALLEL');
          assert.match(error.message, new RegExp(`^${parallel} requests`));
          return true;
        },
      );
    }
    const session = createSession({ parallel: 1 });
    assert.equal(await session.limiter.run('a', session.signal, async () => 'done'), 'done');
  });
});
