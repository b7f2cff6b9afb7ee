/** A large upload that a run leaves half done is gone on with by the next one. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import { digestOf } from '../../../src/oci/digest.ts';
import { startRegistry } from '../../../src/registry-server/server.ts';
import { locate } from '../../../src/transports/image-names.ts';
import { testEnv } from '../../support/env.ts';

it('goes on where a stopped run was, and sends only the rest', async (t) => {
  const MiB = 1024 * 1024;
  const bytes = Buffer.alloc(36 * MiB, 'large layer ');
  const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
  const requests: string[] = [];
  const registry = await startRegistry({
    storage: 'memory',
    onRequest: ({ method, target }) => requests.push(`${method} ${target}`),
  });
  t.after(() => registry.close());
  const location = locate(`docker://${registry.host}/a/large:1`);

  const stop = new AbortController();
  const first = await testEnv(t, { signal: stop.signal });
  await using destination = await location.openDestination(first);
  async function* firstHalf() {
    for (let at = 0; at < 20 * MiB; at += MiB) yield bytes.subarray(at, at + MiB);
    // the rest never comes: the run is stopped when all of this is on its way
    stop.abort();
    await new Promise(() => {});
  }
  await assert.rejects(destination.putBlob({ descriptor, open: async () => Readable.from(firstHalf()) }));
  first.store().close();

  requests.length = 0;
  const second = await testEnv(t, { folder: first.folder });
  await using again = await location.openDestination(second);
  const offsets: number[] = [];
  await again.putBlob({
    descriptor,
    open: async (offset = 0) => {
      offsets.push(offset);
      return Readable.from([bytes.subarray(offset)]);
    },
  });
  assert.equal(await again.hasBlob(descriptor), true);
  assert.equal(
    requests.some((request) => request.startsWith('POST ')),
    false,
  );
  assert.ok(
    offsets.every((offset) => offset > 0),
    `opened at ${offsets.join(', ')}`,
  );

  requests.length = 0;
  await again.putBlob({ descriptor, open: async (offset = 0) => Readable.from([bytes.subarray(offset)]) });
  assert.equal(requests[0]?.startsWith('POST '), true, 'a finished upload is forgotten');
});
