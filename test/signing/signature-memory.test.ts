import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TakeMemory, withSignatureMemory } from '../../src/signing/signature-memory.ts';

const MiB = 1 << 20;

/** Manifests that take so many bytes each, twice: how many bytes there were at once, and how many manifests. */
async function looking(bytes: readonly number[], fails = false) {
  const most = { bytes: 0, manifests: 0 };
  let [held, manifests] = [0, 0];
  const look = async (size: number, take: TakeMemory): Promise<void> => {
    let mine = 0;
    for (let part = 0; part < 2; part += 1) {
      await take(size);
      held += size;
      mine += size;
      most.bytes = Math.max(most.bytes, held);
      if (part === 0) manifests += 1;
      most.manifests = Math.max(most.manifests, manifests);
      await new Promise(setImmediate);
    }
    held -= mine;
    manifests -= 1;
    if (fails) throw new Error('damaged');
  };
  await Promise.allSettled(bytes.map((size) => withSignatureMemory((take) => look(size, take))));
  assert.deepEqual([held, manifests], [0, 0]);
  return most;
}

describe('memory for signatures', () => {
  it('is there for all at once where they are small', async () => {
    assert.equal((await looking(Array.from({ length: 1000 }, () => 4096))).manifests, 1000);
  });

  it('is bounded over all manifests, and as much for one as that one may have', async () => {
    const { bytes } = await looking(Array.from({ length: 20 }, () => 64 * MiB));
    assert.equal(bytes, 128 * MiB);
    // half of it fits beside the others, and the other half does not
    assert.ok((await looking(Array.from({ length: 20 }, () => 10 * MiB))).bytes <= (32 + 20) * MiB);
  });

  it('comes back from those that fail', async () => {
    await looking(
      Array.from({ length: 20 }, () => 30 * MiB),
      true,
    );
    assert.equal((await looking(Array.from({ length: 1000 }, () => 4096))).manifests, 1000);
  });
});
