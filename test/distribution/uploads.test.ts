import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { Repository } from '../../src/distribution/registry-client.ts';
import {
  AuthError,
  IntegrityError,
  RegistryError,
  type SheafError,
  StorageError,
} from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import * as faults from '../support/fault-kinds.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { blobOf, bytesOf, fakeServer, readAll, type TestPool, testPool } from './pool.ts';

const KiB = 1024;
const large = bytesOf(330 * KiB + 5);
/** As the defaults, but a hundred times smaller. */
const uploads = { wholeBytes: 320 * KiB, resumableBytes: 10 * KiB, pieceBytes: 160 * KiB };

async function setUp(t: TestContext): Promise<{ registry: TestRegistry; repository: Repository; pool: TestPool }> {
  const registry = await withRegistry(t);
  const pool = testPool(t, { uploads });
  return { registry, pool, repository: pool.pool.client(registry.host).repository('team/app', 'push') };
}

/** Methods and statuses alone: `POST 202`. */
function steps(pool: TestPool): string[] {
  return pool.requests().map((line) => line.split(' ').slice(0, 2).join(' '));
}

async function assertThere(repository: Repository, bytes: Buffer): Promise<void> {
  const { body, size } = await repository.openBlob(digestOf(bytes));
  assert.equal(size, bytes.byteLength);
  assert.ok((await readAll(body)).equals(bytes));
}

test('a small blob goes in one request after the POST, a large one in two', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  for (const [bytes, expected] of [
    [bytesOf(0), ['POST 202', 'PUT 201']],
    [bytesOf(100_000), ['POST 202', 'PUT 201']],
    [large, ['POST 202', 'PATCH 202', 'PUT 201']],
  ] as const) {
    pool.events.length = 0;
    const blob = blobOf(bytes);
    await repository.uploadBlob(blob);
    assert.deepEqual(steps(pool), expected);
    assert.deepEqual(blob.opened, bytes.byteLength === 0 ? [] : [0]);
    await assertThere(repository, bytes);
  }
  for (const { headers } of registry.faults.seen({ method: ['PUT', 'PATCH'] })) {
    assert.equal(headers['transfer-encoding'], undefined);
    assert.ok(headers['content-length'] !== undefined);
  }
});

test('a source that failed before anybody read is the error of the upload', async (t) => {
  const { registry, repository } = await setUp(t);
  for (const bytes of [bytesOf(100_000), large]) {
    const failed = new Readable({ read() {} }).on('error', () => {});
    failed.destroy(new StorageError('the disk is gone'));
    await new Promise((resolve) => failed.once('close', resolve));
    const upload = repository.uploadBlob({ ...blobOf(bytes), open: async () => failed });
    await assert.rejects(upload, { message: 'the disk is gone' });
  }
  assert.equal(registry.faults.seen({ method: 'PUT' }).filter(({ status }) => status === 201).length, 0);
});

test('HEAD of a blob', async (t) => {
  const { registry, repository } = await setUp(t);
  const blob = blobOf(bytesOf(10));
  assert.equal(await repository.headBlob(blob.descriptor.digest), undefined);
  await repository.uploadBlob(blob);
  assert.deepEqual(await repository.headBlob(blob.descriptor.digest), { size: 10 });
  const lies = registry.faults.on({ method: 'HEAD' }, faults.wrongContentDigest());
  await assert.rejects(repository.headBlob(blob.descriptor.digest), IntegrityError);
  lies();
  for (const status of [405, 501]) {
    const refuses = registry.faults.on({ method: 'HEAD' }, faults.answer(status));
    assert.equal(await repository.headBlob(blob.descriptor.digest), undefined);
    refuses();
  }
});

test('mount: taken over, or gone on with as an upload', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  const bytes = bytesOf(1000);
  const blob = blobOf(bytes);
  await repository.uploadBlob(blob);
  const other = pool.pool.client(registry.host).repository('team/other', 'push');
  pool.events.length = 0;
  assert.equal(await other.mountBlob(blob.descriptor.digest, 'team/app'), true);
  await assertThere(other, bytes);
  const third = pool.pool.client(registry.host).repository('team/third', 'push');
  pool.events.length = 0;
  registry.faults.on({}, faults.noMounts());
  assert.equal(await third.mountBlob(blob.descriptor.digest, 'team/app'), false);
  await third.uploadBlob(blob);
  assert.deepEqual(steps(pool), ['POST 202', 'PUT 201'], 'the upload that the mount began is used');
});

test('a registry that knows no mounts is asked once', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ path: /mount=/ }, faults.answer(405));
  const blob = blobOf(bytesOf(10));
  assert.equal(await repository.mountBlob(blob.descriptor.digest, 'x'), false);
  assert.equal(await repository.mountBlob(blob.descriptor.digest, 'y'), false);
  assert.deepEqual(steps(pool), ['POST 405']);
  registry.faults.reset();
  registry.faults.on({ path: /mount=/ }, faults.answer(403));
  const other = pool.pool.client(registry.host).repository('b', 'push');
  assert.equal(await other.mountBlob(blob.descriptor.digest, 'x'), false, 'not allowed there: uploading may be');
  await repository.uploadBlob(blob);
});

test('where asking for a mount makes the registry fail, blobs are uploaded all the same', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ path: /mount=/ }, faults.serverError());
  for (const bytes of [bytesOf(10), bytesOf(11)]) {
    await repository.uploadBlob(blobOf(bytes), { unlessThere: true });
    await assertThere(repository, bytes);
  }
  assert.equal(registry.faults.seen({ path: /mount=/ }).length, 4, 'the second blob does not ask for a mount any more');
  assert.equal(pool.retries().length, 3);
});

test('a registry that wants fewer requests is not sent an upload in place of a mount', async (t) => {
  const { registry, repository } = await setUp(t);
  registry.faults.on({ path: /mount=/ }, faults.tooManyRequests());
  await assert.rejects(repository.uploadBlob(blobOf(bytesOf(10)), { unlessThere: true }), { code: 'TOOMANYREQUESTS' });
});

for (const size of [1000, 50 * KiB, large.byteLength]) {
  const bytes = large.subarray(0, size);
  test(`an upload of ${size} bytes survives a cut in each phase`, async (t) => {
    const { registry, repository } = await setUp(t);
    const blob = (): ReturnType<typeof blobOf> => blobOf(bytes);
    for (const method of ['POST', 'PATCH', 'PUT']) {
      for (const fault of [
        faults.cutBeforeHeaders(),
        faults.cutAfterDone(),
        faults.cutRequestBodyAfter(size / 2),
        faults.serverError(500),
        faults.tooManyRequests(2),
      ]) {
        registry.faults.reset();
        registry.faults.on({ method, times: 2 }, fault);
        await repository.uploadBlob(blob());
        await assertThere(repository, bytes);
      }
    }
  });
}

test('a blob that was taken, as the proxy before the registry did not wait to hear, is not sent again', async (t) => {
  for (const [bytes, first] of [
    [large, ['POST 202', 'PATCH 202', 'PUT 504']],
    [bytesOf(100_000), ['POST 202', 'PUT 504']],
  ] as const) {
    const { registry, repository, pool } = await setUp(t);
    registry.faults.on({ method: 'PUT', nth: 1 }, async (request, next) => {
      await next(request);
      return faults.htmlAnswer(504)(request, next);
    });
    await repository.uploadBlob(blobOf(bytes));
    assert.deepEqual(steps(pool), [...first, 'HEAD 200']);
    await assertThere(repository, bytes);
  }
});

test('a large upload goes on at the offset that the registry reports', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  const blob = blobOf(large);
  registry.faults.on({ method: 'PATCH', nth: 1 }, faults.cutRequestBodyAfter(200 * KiB));
  await repository.uploadBlob(blob);
  assert.deepEqual(steps(pool), ['POST 202', 'PATCH 0', 'GET 204', 'PATCH 202', 'PUT 201']);
  const [, second] = registry.faults.seen({ method: 'PATCH' });
  const from = 200 * KiB;
  assert.equal(second?.headers['content-range'], `${from}-${large.byteLength - 1}`);
  assert.equal(second?.bytesIn, large.byteLength - from);
  assert.deepEqual(blob.opened, [0, from]);
  await assertThere(repository, large);
});

test('cut after cut, an upload that makes progress comes to its end', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'PATCH' }, faults.cutRequestBodyAfter(70 * KiB));
  await repository.uploadBlob(blobOf(large));
  await assertThere(repository, large);
  assert.ok(
    steps(pool).filter((step) => step === 'PATCH 0').length > 3,
    'more tries than are allowed without progress',
  );
});

test('where nothing is kept of what was cut, it goes in pieces', async (t) => {
  for (const [bytes, expected] of [
    [large, ['PATCH 0', 'PATCH 0']],
    [bytesOf(300 * KiB), ['PUT 0', 'PATCH 0', 'PATCH 0']],
    [bytesOf(30 * KiB), ['PUT 0', 'PATCH 0']],
  ] as const) {
    const { registry, repository, pool } = await setUp(t);
    // as the CNCF registry: a session of which a piece was cut cannot be gone on with
    const lost = new Set<string>();
    registry.faults.on({ method: ['PATCH', 'PUT', 'GET'], path: /uploads/ }, (request, next) => {
      if (lost.has(request.path)) return faults.answer(404)(request, next);
      if (Number(request.headers['content-length'] ?? 0) <= 11 * KiB) return next(request);
      lost.add(request.path);
      return faults.cutRequestBodyAfter(11 * KiB)(request, next);
    });
    await repository.uploadBlob(blobOf(bytes));
    assert.deepEqual(
      steps(pool).filter((step) => step.endsWith(' 0')),
      expected,
    );
    assert.equal(steps(pool).filter((step) => step === 'PATCH 202').length, Math.ceil(bytes.byteLength / (10 * KiB)));
    await assertThere(repository, bytes);
  }
});

test('a registry that refuses pieces gets it whole again', async (t) => {
  for (const status of [400, 404, 416]) {
    const { registry, repository, pool } = await setUp(t);
    registry.faults.on({ method: 'PATCH', nth: 1 }, faults.cutBeforeHeaders());
    registry.faults.on({ method: 'PATCH' }, (request, next) =>
      /^0*[1-9]/.test(request.headers['content-range'] ?? '') ? faults.answer(status)(request, next) : next(request),
    );
    await repository.uploadBlob(blobOf(large));
    assert.deepEqual(steps(pool).slice(-2), ['PATCH 202', 'PUT 201']);
    await assertThere(repository, large);
  }
});

test('an upload that makes none ends in one clear error', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'PATCH' }, faults.cutBeforeHeaders());
  await assert.rejects(repository.uploadBlob(blobOf(large)), (error: RegistryError) => {
    assert.ok(error instanceof RegistryError);
    assert.match(error.message, /cannot upload the blob .*team\/app@sha256:.*was cut .*\(tried 4 times\)/);
    assert.ok(error.hint);
    return true;
  });
  assert.equal(pool.waits.length, 3);
});

test('a registry that has lost the upload gets a new one', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'PATCH', nth: 1 }, faults.cutRequestBodyAfter(200 * KiB));
  registry.faults.on({ method: 'GET', path: /uploads/ }, faults.answer(404));
  await repository.uploadBlob(blobOf(large));
  const pieces = ['PATCH 202', 'PATCH 202', 'PATCH 202'];
  assert.deepEqual(steps(pool), ['POST 202', 'PATCH 0', 'GET 404', 'POST 202', ...pieces, 'PUT 201']);
  await assertThere(repository, large);
});

test('a registry without PATCH gets it all in one PUT, and is not asked again', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({}, faults.noChunks());
  await repository.uploadBlob(blobOf(large));
  assert.deepEqual(steps(pool), ['POST 202', 'PATCH 405', 'POST 202', 'PUT 201']);
  pool.events.length = 0;
  await repository.uploadBlob(blobOf(large.subarray(1)));
  assert.deepEqual(steps(pool), ['POST 202', 'PUT 201']);
  await assertThere(repository, large);
});

test('another way is no other try', async (t) => {
  const sessions: string[] = [];
  const once = (registry: TestRegistry): Repository =>
    testPool(t, { uploads, retry: { maxRetries: 0 } })
      .pool.client(registry.host)
      .repository('team/app', 'push');
  const without = await setUp(t);
  without.registry.faults.on({}, faults.noChunks(404));
  await once(without.registry).uploadBlob(blobOf(large));
  await assertThere(without.repository, large);
  // told that one more byte is there than is, by a registry that counts the end of a range as not in it
  const exclusive = await setUp(t);
  const cut = exclusive.registry.faults.on({ method: 'PATCH' }, faults.cutRequestBodyAfter(100 * KiB));
  const onSession = (location: string): unknown => sessions.push(location);
  await assert.rejects(once(exclusive.registry).uploadBlob(blobOf(large), { onSession }));
  cut();
  exclusive.registry.faults.on({ method: 'GET', path: /uploads/ }, faults.wrongRange(`0-${100 * KiB}`));
  await once(exclusive.registry).uploadBlob(blobOf(large), { session: sessions.at(-1) ?? '' });
  await assertThere(exclusive.repository, large);
});

test('who refuses every way is not asked for ever', async (t) => {
  for (const status of [400, 404, 416]) {
    const { registry, repository, pool } = await setUp(t);
    registry.faults.on({ method: ['PATCH', 'PUT'] }, faults.answer(status));
    await assert.rejects(repository.uploadBlob(blobOf(large)), (error: SheafError) => {
      assert.match(error.message, new RegExp(`cannot upload the blob .* answered ${status}`));
      assert.ok(error.hint);
      return true;
    });
    assert.ok(pool.requests().length < 20, `${status}: ${pool.requests().join(', ')}`);
  }
});

test('a body that is too large goes in pieces, from one stream', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: ['PATCH', 'PUT'] }, async (request, next) =>
    Number(request.headers['content-length']) > 160 * KiB ? faults.answer(413)(request, next) : next(request),
  );
  const blob = blobOf(large, 30 * KiB);
  await repository.uploadBlob(blob);
  assert.deepEqual(steps(pool), ['POST 202', 'PATCH 413', 'GET 204', 'PATCH 202', 'PATCH 202', 'PATCH 202', 'PUT 201']);
  assert.deepEqual(
    registry.faults.seen({ method: 'PATCH' }).map((request) => request.headers['content-range']),
    [undefined, '0-163839', '163840-327679', `327680-${large.byteLength - 1}`],
  );
  assert.deepEqual(blob.opened, [0, 0]);
  await assertThere(repository, large);
  await repository.uploadBlob(blobOf(large.subarray(0, 200 * KiB)));
});

test('pieces that are too large become smaller, for all blobs that follow and at no try', async (t) => {
  const registry = await withRegistry(t);
  const pool = testPool(t, { uploads, retry: { maxRetries: 0 } });
  const repository = pool.pool.client(registry.host).repository('team/app', 'push');
  registry.faults.on({ method: ['PATCH', 'PUT'] }, async (request, next) =>
    Number(request.headers['content-length']) > 10 * KiB ? faults.answer(413)(request, next) : next(request),
  );
  const small = large.subarray(0, 25 * KiB);
  await repository.uploadBlob(blobOf(small));
  assert.deepEqual(steps(pool), ['POST 202', 'PUT 413', 'POST 202', 'PATCH 202', 'PATCH 202', 'PATCH 202', 'PUT 201']);
  await assertThere(repository, small);
  pool.events.length = 0;
  await repository.uploadBlob(blobOf(large));
  assert.equal(registry.faults.seen({}).filter(({ status }) => status === 413).length, 1);
  assert.deepEqual(pool.retries(), []);
  await assertThere(repository, large);
});

test('a registry that finds even small pieces too large is not asked for ever', async (t) => {
  for (const [bytes, smallest, refused] of [
    [large, '0', ['PATCH 413', 'PATCH 413', 'PATCH 413', 'PATCH 413']],
    [large, String(100 * KiB), ['PATCH 413', 'PATCH 413']],
    [bytesOf(9 * KiB), '0', ['PUT 413']],
  ] as const) {
    const { registry, repository, pool } = await setUp(t);
    registry.faults.on({ method: ['PATCH', 'PUT'] }, faults.answer(413));
    registry.faults.on({ method: 'POST' }, faults.withHeaders({ 'oci-chunk-min-length': smallest }));
    await assert.rejects(repository.uploadBlob(blobOf(bytes)), { code: 'TOO_LARGE' });
    assert.deepEqual(
      steps(pool).filter((step) => step.endsWith(' 413')),
      refused,
    );
  }
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'POST' }, faults.answer(413));
  await assert.rejects(repository.uploadBlob(blobOf(bytesOf(100_000))), { code: 'TOO_LARGE' });
  assert.deepEqual(steps(pool), ['POST 413']);
});

test('a registry that takes less than it was sent is sent the rest', async (t) => {
  const { registry, repository } = await setUp(t);
  // takes the first half, and says so, as if nothing were wrong
  registry.faults.on({ method: 'PATCH', nth: 1 }, async (request, next) => {
    let left = 100 * KiB;
    async function* half(): AsyncGenerator<Uint8Array> {
      for await (const chunk of request.body) {
        if (left > 0) yield chunk.subarray(0, left);
        left -= chunk.byteLength;
      }
    }
    const headers = { ...request.headers };
    delete headers['content-length'];
    return next({ ...request, headers, body: half() });
  });
  await repository.uploadBlob(blobOf(large));
  assert.equal(
    registry.faults.seen({ method: 'PATCH' })[1]?.headers['content-range'],
    `${100 * KiB}-${large.byteLength - 1}`,
  );
  await assertThere(repository, large);
});

test('a wrong Range is not believed, and costs nothing', async (t) => {
  for (const range of ['0-99999999999', `0-${large.byteLength}`, '0-0', '5-10', 'nonsense']) {
    const { registry, repository, pool } = await setUp(t);
    registry.faults.on({ method: 'PATCH' }, faults.wrongRange(range));
    await repository.uploadBlob(blobOf(large));
    assert.deepEqual(steps(pool), ['POST 202', 'PATCH 202', 'PUT 201'], range);
    await assertThere(repository, large);
  }
});

test('a Range that says more than was kept is found out by the closing PUT', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'PATCH', nth: 1 }, async (request, next) => {
    for await (const _ of request.body);
    const { 'content-length': _, ...headers } = request.headers;
    return faults.wrongRange('0-99999999999')({ ...request, headers, body: Readable.from([]) }, next);
  });
  await repository.uploadBlob(blobOf(large));
  assert.deepEqual(steps(pool), ['POST 202', 'PATCH 202', 'PUT 400', 'POST 202', 'PATCH 202', 'PUT 201']);
  await assertThere(repository, large);
});

test('a wrong Location is one clear error', async (t) => {
  for (const [location, code] of [
    ['file:///etc/passwd', 'BAD_LOCATION'],
    ['https://', 'BAD_LOCATION'],
    ['/v2/team/app/blobs/uploads/none', 'BLOB_UPLOAD_UNKNOWN'],
  ] as const) {
    const { registry, repository } = await setUp(t);
    registry.faults.on({ method: 'POST' }, faults.wrongLocation(location));
    await assert.rejects(repository.uploadBlob(blobOf(bytesOf(10))), (error: RegistryError) => {
      assert.equal(error.code, code);
      assert.ok(error.hint);
      return true;
    });
  }
  const { registry, repository } = await setUp(t);
  registry.faults.on({ method: 'POST' }, faults.withHeaders({ location: undefined }));
  await assert.rejects(repository.uploadBlob(blobOf(bytesOf(10))), /did not say where to upload/);
});

test('the query that the registry put into the Location stays as it is', async (t) => {
  const server = await fakeServer(t, (request, response) => {
    if (request.method === 'POST') response.writeHead(202, { location: '/up?_state=a%20b+c==&x' }).end();
    else response.writeHead(201).end();
  });
  const { pool } = testPool(t);
  const blob = blobOf(bytesOf(1));
  await pool.client(server.host).repository('a').uploadBlob(blob);
  assert.equal(server.requests[1]?.url, `/up?_state=a%20b+c==&x&digest=${encodeURIComponent(blob.descriptor.digest)}`);
});

test('a Location on another host gets the blob, but no credentials', async (t) => {
  const storage = await fakeServer(t, (_request, response) => {
    response.writeHead(201).end();
  });
  const server = await fakeServer(t, (request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    } else response.writeHead(202, { location: `http://user:pw@${storage.host}/up` }).end();
  });
  const { pool } = testPool(t, { creds: { username: 'u', password: 'p' } });
  await pool
    .client(server.host)
    .repository('a')
    .uploadBlob(blobOf(bytesOf(1)));
  assert.equal(storage.requests.length, 1);
  assert.equal(storage.requests[0]?.headers.authorization, undefined);
});

test('what goes wrong with the source comes out as it is, and is not tried again', async (t) => {
  const { repository, pool } = await setUp(t);
  const { digest } = blobOf(bytesOf(300_000)).descriptor;
  const failing = new StorageError('the disk is gone');
  for (const open of [
    async () => {
      throw failing;
    },
    async () =>
      Readable.from(
        (async function* () {
          yield bytesOf(100_000);
          throw failing;
        })(),
      ),
  ]) {
    await assert.rejects(
      repository.uploadBlob({ descriptor: { digest, size: 300_000 }, open }),
      (error) => error === failing,
    );
  }
  assert.equal(pool.waits.length, 0);
});

test('a source that is shorter or longer than it says', async (t) => {
  const { registry, repository } = await setUp(t);
  const bytes = bytesOf(300_000);
  const digest = digestOf(bytes);
  for (const size of [299_999, 300_001]) {
    await assert.rejects(
      repository.uploadBlob({ ...blobOf(bytes), descriptor: { digest, size } }),
      (error: Error) => error instanceof IntegrityError && error.code === 'SIZE_MISMATCH',
    );
  }
  assert.equal(registry.faults.seen({ method: 'PUT' }).filter((request) => request.status === 201).length, 0);
});

test('a source that is destroyed without a word', async (t) => {
  const { repository } = await setUp(t);
  const bytes = bytesOf(300_000);
  const open = async (): Promise<Readable> => {
    let reads = 0;
    return new Readable({
      read() {
        reads += 1;
        if (reads < 3) this.push(bytes.subarray(0, 10_000));
        else this.destroy();
      },
    });
  };
  await assert.rejects(
    repository.uploadBlob({ descriptor: { digest: digestOf(bytes), size: bytes.byteLength }, open }),
    {
      code: 'SIZE_MISMATCH',
    },
  );
});

test('a registry that takes the blob under another digest', async (t) => {
  const { registry, repository } = await setUp(t);
  registry.faults.on({ method: 'PUT' }, faults.wrongContentDigest());
  await assert.rejects(repository.uploadBlob(blobOf(bytesOf(10))), IntegrityError);
});

test('an upload begun earlier is gone on with', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  const sessions: string[] = [];
  registry.faults.on({ method: 'PATCH', nth: [1, 2] }, faults.cutRequestBodyAfter(100 * KiB));
  const stopped = testPool(t, { uploads, retry: { maxRetries: 0 } });
  await assert.rejects(
    stopped.pool
      .client(registry.host)
      .repository('team/app', 'push')
      .uploadBlob(blobOf(large), { onSession: (location) => sessions.push(location) }),
  );
  const session = sessions.at(-1) ?? '';
  await repository.uploadBlob(blobOf(large), { session });
  assert.deepEqual(steps(pool), ['GET 204', 'PATCH 202', 'PUT 201']);
  await assertThere(repository, large);
  // one that is gone is begun anew
  pool.events.length = 0;
  await repository.uploadBlob(blobOf(large.subarray(1)), { session });
  assert.deepEqual(steps(pool), ['GET 404', 'POST 202', 'PATCH 202', 'PUT 201']);
});

test('an upload begun earlier that has nothing, or is out of reach, is begun anew', async (t) => {
  for (const [begun, refusal, expected] of [
    ['here', faults.noChunks(), ['GET 204', 'POST 202', 'PATCH 405', 'POST 202', 'PUT 201']],
    ['here', faults.noChunks(404), ['GET 204', 'POST 202', 'PATCH 404', 'POST 202', 'PUT 201']],
    ['elsewhere', undefined, ['GET 0', 'POST 202', 'PATCH 202', 'PUT 201']],
  ] as const) {
    const { registry } = await setUp(t);
    const sessions: string[] = [];
    const stopped = testPool(t, { uploads, retry: { maxRetries: 0 } });
    const cut = registry.faults.on({ method: 'PATCH' }, faults.cutBeforeHeaders());
    const onSession = (location: string): unknown => sessions.push(location);
    const client = stopped.pool.client(registry.host).repository('team/app', 'push');
    await assert.rejects(client.uploadBlob(blobOf(large), { onSession }));
    cut();
    if (refusal !== undefined) registry.faults.on({}, refusal);
    stopped.events.length = 0;
    const session = begun === 'here' ? sessions.at(-1) : 'http://127.0.0.1:1/upload';
    await client.uploadBlob(blobOf(large), { session: session ?? '' });
    assert.deepEqual(steps(stopped), expected);
    await assertThere(client, large);
  }
});

test('no right to push is an error about the login', async (t) => {
  const registry = await withRegistry(t, {
    authorize: ({ action }) => (action === 'push' ? { denied: 'read only' } : 'allow'),
  });
  const { pool } = testPool(t);
  await assert.rejects(
    pool
      .client(registry.host)
      .repository('a')
      .uploadBlob(blobOf(bytesOf(1))),
    (error: AuthError) => {
      assert.ok(error instanceof AuthError);
      assert.match(error.message, /read only/);
      return true;
    },
  );
});

test('one slot is enough for uploads that are fed by downloads which are cut', async (t) => {
  const registry = await withRegistry(t);
  const { pool } = testPool(t, { parallel: 1 });
  const source = pool.client(registry.host).repository('source', 'push');
  const target = pool.client(registry.host).repository('target', 'push');
  const bytes = bytesOf(2000 * KiB);
  const blob = blobOf(bytes);
  await source.uploadBlob(blob);
  registry.faults.on({ method: 'GET', times: 2 }, faults.cutResponseBodyAfter(1000 * KiB));
  const { digest } = blob.descriptor;
  await target.uploadBlob({
    descriptor: blob.descriptor,
    open: async (offset) => (await source.openBlob(digest, offset ? { start: offset } : undefined)).body,
  });
  await assertThere(target, bytes);
});

test('stopping the run ends an upload under way', async (t) => {
  const { registry, repository, pool } = await setUp(t);
  registry.faults.on({ method: 'PATCH' }, async (request, next) => {
    pool.abort.abort();
    return next(request);
  });
  await assert.rejects(repository.uploadBlob(blobOf(large)), { code: 'CANCELLED' });
});
