import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withOpenFile } from '../../src/foundation/open-files.ts';

it('only so many files are open at once, and all get their turn', async () => {
  let [open, most] = [0, 0];
  const read = async (index: number): Promise<number> => {
    open += 1;
    most = Math.max(most, open);
    await new Promise(setImmediate);
    open -= 1;
    if (index === 7) throw new Error('unreadable');
    return index;
  };
  const results = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => withOpenFile(() => read(index))));
  assert.equal(most, 16);
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : -1)),
    Array.from({ length: 200 }, (_, index) => (index === 7 ? -1 : index)),
  );
});
