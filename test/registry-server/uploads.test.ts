import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { cutRequestBodyAfter } from '../support/fault-kinds.ts';
import { errorCodes, type HttpAnswer, http } from '../support/http.ts';
import type { TestRegistry } from '../support/registry.ts';
import { content, pushBlob } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

const repository = 'team/app';
const octets = { 'content-type': 'application/octet-stream' };
const zero = `sha256:${'0'.repeat(64)}`;

async function begin(registry: TestRegistry, query = ''): Promise<string> {
  const answer = await http(`${registry.url}/v2/${repository}/blobs/uploads/${query}`, { method: 'POST' });
  assert.equal(answer.status, 202, answer.text);
  return locationOf(registry, answer);
}

function locationOf(registry: TestRegistry, answer: HttpAnswer): string {
  return new URL(answer.headers.location ?? '', registry.url).href;
}

function patch(location: string, body: Uint8Array, range?: string): Promise<HttpAnswer> {
  const headers = { ...octets, ...(range === undefined ? {} : { 'content-range': range }) };
  return http(location, { method: 'PATCH', body, headers });
}

function close(location: string, digest: string, body?: Uint8Array, range?: string): Promise<HttpAnswer> {
  const headers = { ...octets, ...(range === undefined ? {} : { 'content-range': range }) };
  return http(`${location}?digest=${digest}`, { method: 'PUT', headers, ...(body === undefined ? {} : { body }) });
}

async function assertStored(registry: TestRegistry, answer: HttpAnswer, digest: string, bytes: Buffer): Promise<void> {
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.headers['docker-content-digest'], digest);
  assert.equal(answer.headers['content-length'], '0');
  const read = await http(locationOf(registry, answer));
  assert.equal(read.status, 200);
  assert.deepEqual(read.body, bytes);
}

const blob = content('application/octet-stream', Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 253)));

overEveryStorage('POST, then PUT', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  assert.match(new URL(location).pathname, /^\/v2\/team\/app\/blobs\/uploads\/[0-9a-f-]{36}$/);
  await assertStored(registry, await close(location, blob.digest, blob.bytes), blob.digest, blob.bytes);
  assert.equal((await http(location)).status, 404, 'the session is over');
});

overEveryStorage('one POST', async (start) => {
  const registry = await start();
  for (const algorithm of ['sha256', 'sha512']) {
    const one = content('application/octet-stream', blob.bytes, algorithm);
    const url = `${registry.url}/v2/${repository}/blobs/uploads/?digest=${one.digest}`;
    await assertStored(registry, await http(url, { method: 'POST', body: one.bytes }), one.digest, one.bytes);
    const chunked = await http(url, { method: 'POST', body: [one.bytes] });
    await assertStored(registry, chunked, one.digest, one.bytes);
  }
});

overEveryStorage('a stream in one PATCH', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  const halves = [blob.bytes.subarray(0, 1000), blob.bytes.subarray(1000)];
  const answer = await http(location, { method: 'PATCH', body: halves, headers: octets });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.range, '0-2999');
  await assertStored(registry, await close(locationOf(registry, answer), blob.digest), blob.digest, blob.bytes);
});

for (const algorithm of ['sha256', 'sha512'] as const) {
  for (const last of ['PATCH', 'PUT'] as const) {
    overEveryStorage(`chunks, the last one in a ${last}, ${algorithm}`, async (start) => {
      const registry = await start();
      const one = content('application/octet-stream', blob.bytes, algorithm);
      // the algorithm is told beforehand in one of the four cases: it must not matter
      let location = await begin(registry, last === 'PUT' ? `?digest-algorithm=${algorithm}` : '');
      for (const [first, end] of [
        [0, 999],
        [1000, 1999],
      ] as const) {
        const answer = await patch(location, one.bytes.subarray(first, end + 1), `${first}-${end}`);
        assert.equal(answer.status, 202, answer.text);
        assert.equal(answer.headers.range, `0-${end}`);
        location = locationOf(registry, answer);
      }
      const rest = one.bytes.subarray(2000);
      if (last === 'PATCH') assert.equal((await patch(location, rest, '2000-2999')).status, 202);
      const done =
        last === 'PATCH' ? await close(location, one.digest) : await close(location, one.digest, rest, '2000-2999');
      await assertStored(registry, done, one.digest, one.bytes);
    });
  }
}

overEveryStorage('a chunk out of order is 416, and the session goes on where it stood', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  const tooEarly = await patch(location, blob.bytes.subarray(1000, 2000), '1000-1999');
  assert.equal(tooEarly.status, 416);
  assert.equal((await http(location)).headers.range, '0-0');

  assert.equal((await patch(location, blob.bytes.subarray(0, 1000), '0-999')).status, 202);
  const again = await patch(location, blob.bytes.subarray(0, 1000), '0-999');
  assert.equal(again.status, 416);
  assert.equal(again.headers.range, '0-999');
  assert.equal(locationOf(registry, again), location);
  assert.equal((await close(location, blob.digest, blob.bytes.subarray(2000), '2000-2999')).status, 416);

  const status = await http(location);
  assert.equal(status.status, 204);
  assert.equal(status.headers.range, '0-999');
  assert.equal(locationOf(registry, status), location);
  assert.equal((await http(location, { method: 'HEAD' })).status, 204);
  const done = await close(location, blob.digest, blob.bytes.subarray(1000), '1000-2999');
  await assertStored(registry, done, blob.digest, blob.bytes);
});

overEveryStorage('a chunk that is not as long as it says is refused and forgotten', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  const known = await patch(location, blob.bytes.subarray(0, 10), '0-99');
  assert.equal(known.status, 400);
  assert.deepEqual(errorCodes(known), ['SIZE_INVALID']);
  for (const size of [10, 200]) {
    const headers = { ...octets, 'content-range': '0-99' };
    const streamed = await http(location, { method: 'PATCH', headers, body: [blob.bytes.subarray(0, size)] });
    assert.equal(streamed.status, 400);
    assert.deepEqual(errorCodes(streamed), ['SIZE_INVALID']);
  }
  for (const range of ['0', 'x-y', '99-0', '-5', `0-${'9'.repeat(20)}`]) {
    const malformed = await patch(location, blob.bytes.subarray(0, 10), range);
    assert.equal(malformed.status, 400, range);
    assert.deepEqual(errorCodes(malformed), ['BLOB_UPLOAD_INVALID']);
  }
  assert.equal((await http(location)).headers.range, '0-0');
  assert.equal((await patch(location, blob.bytes.subarray(0, 1000), 'bytes 0-999/3000')).status, 202);
  const done = await close(location, blob.digest, blob.bytes.subarray(1000));
  await assertStored(registry, done, blob.digest, blob.bytes);
});

overEveryStorage(
  'content that is not what its digest says is refused, and nothing of it can be read',
  async (start) => {
    const registry = await start();
    const ways = [
      async () => close(await begin(registry), zero, blob.bytes),
      async () => http(`${registry.url}/v2/${repository}/blobs/uploads/?digest=${zero}`, { method: 'POST', body: 'x' }),
      async () => {
        const location = await begin(registry);
        await patch(location, blob.bytes);
        const refused = await close(location, zero);
        assert.equal((await http(location)).status, 404, 'the session is over');
        return refused;
      },
    ];
    for (const way of ways) {
      const answer = await way();
      assert.equal(answer.status, 400);
      assert.deepEqual(errorCodes(answer), ['DIGEST_INVALID']);
    }
    for (const digest of [zero, blob.digest]) {
      assert.equal((await http(`${registry.url}/v2/${repository}/blobs/${digest}`)).status, 404);
    }
    for (const query of ['', '?digest=sha256:x', '?digest=']) {
      const location = await begin(registry);
      const answer = await http(location + query, { method: 'PUT', body: 'x' });
      assert.equal(answer.status, 400);
      assert.deepEqual(errorCodes(answer), ['DIGEST_INVALID']);
      assert.equal((await http(location)).status, 204, 'a request that makes no sense does not end the session');
    }
  },
);

overEveryStorage('a session can be given up', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  await patch(location, blob.bytes);
  assert.equal((await http(location, { method: 'DELETE' })).status, 204);
  for (const method of ['GET', 'DELETE', 'PATCH']) {
    const answer = await http(location, { method });
    assert.equal(answer.status, 404, method);
    assert.deepEqual(errorCodes(answer), ['BLOB_UPLOAD_UNKNOWN']);
  }
  assert.equal((await close(location, blob.digest, blob.bytes)).status, 404);
});

overEveryStorage('a session belongs to its repository', async (start) => {
  const registry = await start();
  const location = (await begin(registry)).replace('/team/app/', '/other/app/');
  assert.equal((await http(location)).status, 404);
  assert.equal((await patch(location, blob.bytes)).status, 404);
});

overEveryStorage('what came before the connection broke is kept, and the upload goes on after it', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  registry.faults.on({ method: 'PATCH', nth: 1 }, cutRequestBodyAfter(1200));
  await assert.rejects(patch(location, blob.bytes));
  const status = await http(location);
  assert.equal(status.headers.range, '0-1199');
  assert.equal((await patch(location, blob.bytes.subarray(1200), '1200-2999')).status, 202);
  await assertStored(registry, await close(location, blob.digest), blob.digest, blob.bytes);
});

overEveryStorage('a client that comes back takes its session over from the connection that it lost', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  const stalled = httpRequest(location, {
    method: 'PATCH',
    headers: { ...octets, 'content-length': 3000 },
    agent: false,
  });
  const broken = once(stalled, 'error');
  stalled.write(blob.bytes.subarray(0, 500));
  // the server has the first bytes as soon as its status says so
  while ((await http(location)).headers.range !== '0-499') await new Promise(setImmediate);

  const answer = await patch(location, blob.bytes.subarray(500), '500-2999');
  assert.equal(answer.status, 202);
  await broken;
  await assertStored(registry, await close(location, blob.digest), blob.digest, blob.bytes);
});

overEveryStorage('a blob is only in the repositories that it was pushed to or mounted into', async (start) => {
  const registry = await start();
  await pushBlob(registry, 'source/app', blob);
  const there = `${registry.url}/v2/target/app/blobs/${blob.digest}`;
  assert.equal((await http(there)).status, 404);
  assert.equal((await http(`${registry.url}/v2/source/blobs/${blob.digest}`)).status, 404);

  const uploads = `${registry.url}/v2/target/app/blobs/uploads/`;
  const mounted = await http(`${uploads}?mount=${blob.digest}&from=source%2Fapp`, { method: 'POST' });
  await assertStored(registry, mounted, blob.digest, blob.bytes);
  assert.equal(mounted.headers.location, `/v2/target/app/blobs/${blob.digest}`);
  assert.equal((await http(there)).status, 200);
});

overEveryStorage('a mount that cannot be done begins an upload', async (start) => {
  const registry = await start();
  await pushBlob(registry, 'source/app', blob);
  const uploads = `${registry.url}/v2/team/app/blobs/uploads/`;
  for (const query of [
    `?mount=${blob.digest}&from=other/app`,
    `?mount=${zero}&from=source/app`,
    `?mount=${blob.digest}`,
    `?mount=${blob.digest}&from=../source/app`,
  ]) {
    const answer = await http(uploads + query, { method: 'POST' });
    assert.equal(answer.status, 202, query);
    const done = await close(locationOf(registry, answer), blob.digest, blob.bytes);
    await assertStored(registry, done, blob.digest, blob.bytes);
    await http(`${registry.url}/v2/team/app/blobs/${blob.digest}`, { method: 'DELETE' });
  }
  const invalid = await http(`${uploads}?mount=sha256:x&from=source/app`, { method: 'POST' });
  assert.equal(invalid.status, 400);
});

overEveryStorage('the smallest chunk is announced where there is one', async (start) => {
  const registry = await start({ limits: { minChunkBytes: 1024 } });
  const answer = await http(`${registry.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  assert.equal(answer.headers['oci-chunk-min-length'], '1024');
});

overEveryStorage('uploads of the same content at the same time all succeed', async (start) => {
  const registry = await start();
  const all = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const answer = await http(`${registry.url}/v2/app${i % 2}/blobs/uploads/?digest=${blob.digest}`, {
        method: 'POST',
        body: blob.bytes,
      });
      return answer.status;
    }),
  );
  assert.deepEqual(new Set(all), new Set([201]));
  assert.deepEqual((await http(`${registry.url}/v2/app1/blobs/${blob.digest}`)).body, blob.bytes);
});

overEveryStorage('a client that asks first sends its body only when it is wanted', async (start) => {
  const registry = await start();
  const location = await begin(registry);
  const wanted = httpRequest(location, {
    method: 'PATCH',
    headers: { ...octets, expect: '100-continue', 'content-length': 3000 },
    agent: false,
  });
  wanted.flushHeaders();
  await once(wanted, 'continue');
  wanted.end(blob.bytes);
  const [accepted] = await once(wanted, 'response');
  assert.equal(accepted.statusCode, 202);
  accepted.resume();

  const unwanted = httpRequest(`${location}0`, {
    method: 'PATCH',
    headers: { ...octets, expect: '100-continue', 'content-length': 3000 },
    agent: false,
  });
  unwanted.on('continue', () => assert.fail('the registry wants the body of a request that it refuses'));
  unwanted.flushHeaders();
  const [refused] = await once(unwanted, 'response');
  assert.equal(refused.statusCode, 404);
  unwanted.destroy();
});
