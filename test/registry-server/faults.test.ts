import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  answer,
  changedByte,
  cutAfterDone,
  cutBeforeHeaders,
  cutRequestBodyAfter,
  cutResponseBodyAfter,
  delay,
  gate,
  htmlAnswer,
  noChunks,
  noContentDigest,
  noMounts,
  noRanges,
  noReferrers,
  oversizeBody,
  redirect,
  serverError,
  tooManyRequests,
  truncatedBody,
  unauthorized,
  wrongContentDigest,
  wrongLocation,
  wrongRange,
} from '../support/fault-kinds.ts';
import type { Fault, Pattern } from '../support/faults.ts';
import { errorCodes, type HttpAnswer, type HttpOptions, http } from '../support/http.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { descriptor, type SeededImage, seedImage } from '../support/seed.ts';

interface Scene {
  registry: TestRegistry;
  image: SeededImage;
  /** A request to the repository, below its name. */
  ask(path: string, options?: HttpOptions): Promise<HttpAnswer>;
  blob: string;
}

async function scene(t: TestContext, fault?: Fault, pattern: Pattern = {}): Promise<Scene> {
  const registry = await withRegistry(t);
  const image = await seedImage(registry, 'team/app', { tag: 'v1', layers: ['0123456789'] });
  registry.faults.reset();
  if (fault !== undefined) registry.faults.on(pattern, fault);
  const ask: Scene['ask'] = (path, options) => http(`${registry.url}/v2/team/app/${path}`, options);
  return { registry, image, ask, blob: `blobs/${image.layers[0]?.digest}` };
}

test('rules choose by method, path, number and how often', async (t) => {
  const { registry, ask } = await scene(t);
  const status = async (method = 'GET', path = 'manifests/v1') => (await ask(path, { method })).status;
  const takeBack = registry.faults.on({ method: 'HEAD' }, answer(418));
  assert.deepEqual([await status('HEAD'), await status('GET')], [418, 200]);
  takeBack();
  assert.equal(await status('HEAD'), 200);

  registry.faults.on({ path: /\/manifests\//, nth: [2, 4] }, answer(418));
  const statuses: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    statuses.push(await status());
    await status('GET', 'tags/list');
  }
  assert.deepEqual(statuses, [200, 418, 200, 418, 200]);

  registry.faults.reset();
  registry.faults.on({ method: ['GET', 'HEAD'], times: 2 }, answer(418));
  assert.deepEqual([await status('HEAD'), await status(), await status()], [418, 418, 200]);
});

test('several rules for one request act from the outside in', async (t) => {
  const { registry, ask } = await scene(t, wrongContentDigest('sha256:outer'));
  registry.faults.on({}, wrongContentDigest('sha256:inner'));
  registry.faults.on({}, wrongLocation('/elsewhere'));
  const { headers } = await ask('manifests/v1');
  assert.equal(headers['docker-content-digest'], 'sha256:outer');
  assert.equal(headers.location, '/elsewhere');
});

test('every request is kept with what it carried', async (t) => {
  const { registry, image, ask, blob } = await scene(t, cutBeforeHeaders(), { path: /nope/ });
  await ask(blob, { headers: { authorization: 'Basic c2VjcmV0', range: 'bytes=2-4' } });
  await assert.rejects(ask('manifests/nope'));
  await ask('blobs/uploads/?digest=sha256:x', { method: 'POST', body: 'not read' });
  await ask(`blobs/uploads/?digest=${image.config.digest}`, { method: 'POST', body: image.config.bytes });
  const seen = registry.faults.requests.map(({ method, path, status, bytesIn, bytesOut, authorization }) => {
    return [method, path.replace('/v2/team/app/', ''), status, bytesIn, bytesOut > 0, authorization];
  });
  assert.deepEqual(seen, [
    ['GET', blob, 206, 0, true, 'Basic c2VjcmV0'],
    ['GET', 'manifests/nope', 'cut', 0, false, undefined],
    ['POST', 'blobs/uploads/', 400, 0, true, undefined],
    ['POST', 'blobs/uploads/', 201, image.config.size, false, undefined],
  ]);
  assert.equal(registry.faults.requests[0]?.bytesOut, 3);
  assert.equal(registry.faults.requests[0]?.headers.range, 'bytes=2-4');
  assert.equal(registry.faults.seen({ method: 'POST' }).length, 2);
  assert.equal(registry.faults.log()[1], 'GET /v2/team/app/manifests/nope');
});

test('answers in place of the registry', async (t) => {
  const { registry, ask } = await scene(t);
  const answered = async (fault: Fault): Promise<HttpAnswer> => {
    const takeBack = registry.faults.on({}, fault);
    const given = await ask('manifests/v1');
    takeBack();
    return given;
  };
  assert.equal((await answered(tooManyRequests())).headers['retry-after'], undefined);
  assert.equal((await answered(tooManyRequests(7))).headers['retry-after'], '7');
  const date = new Date('2030-01-02T03:04:05Z');
  const limited = await answered(tooManyRequests(date));
  assert.equal(limited.status, 429);
  assert.equal(limited.headers['retry-after'], 'Wed, 02 Jan 2030 03:04:05 GMT');
  assert.deepEqual(errorCodes(limited), ['TOOMANYREQUESTS']);
  assert.equal((await answered(serverError(503))).status, 503);
  const html = await answered(htmlAnswer());
  assert.match(html.headers['content-type'] ?? '', /text\/html/);
  assert.match(html.text, /<h1>/);
  assert.equal((await answered(unauthorized('Basic realm="x"'))).headers['www-authenticate'], 'Basic realm="x"');
  assert.equal((await answered(redirect('http://elsewhere/'))).headers.location, 'http://elsewhere/');
});

test('waiting: for some time, and for a sign', async (t) => {
  const { registry, ask } = await scene(t, delay(1));
  assert.equal((await ask('manifests/v1')).status, 200);
  const held = gate();
  registry.faults.on({ nth: 1 }, held.fault);
  let done = false;
  const pending = ask('manifests/v1').then(() => {
    done = true;
  });
  await held.arrived;
  assert.equal((await ask('tags/list')).status, 200);
  assert.equal(done, false);
  held.open();
  await pending;
});

test('a connection that is cut', async (t) => {
  const { registry, image, ask, blob } = await scene(t);
  for (const fault of [cutBeforeHeaders(), cutAfterDone(), cutResponseBodyAfter(0), cutResponseBodyAfter(4)]) {
    const takeBack = registry.faults.on({}, fault);
    await assert.rejects(ask(blob), /socket hang up|aborted|ECONNRESET/);
    takeBack();
  }
  registry.faults.on({ method: 'DELETE' }, cutAfterDone());
  await assert.rejects(ask('manifests/v1', { method: 'DELETE' }));
  assert.equal((await ask('manifests/v1')).status, 404, 'it was done');

  registry.faults.on({ method: 'PUT' }, cutRequestBodyAfter(5));
  await assert.rejects(ask('manifests/v2', { method: 'PUT', body: image.bytes }));
  assert.equal(registry.faults.seen({ method: 'PUT' })[0]?.status, 'cut');
  assert.equal((await ask('manifests/v2')).status, 404);
});

test('a body that is cut comes with headers and its beginning', async (t) => {
  const { registry, blob } = await scene(t, cutResponseBodyAfter(4));
  const { get } = await import('node:http');
  const received = await new Promise<string>((resolve, reject) => {
    get(`${registry.url}/v2/team/app/${blob}`, { agent: false }, (response) => {
      let text = `${response.statusCode} ${response.headers['content-length']} `;
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', () => resolve(text));
      response.on('end', () => reject(new Error('the body ended well')));
    });
  });
  assert.equal(received, '200 10 0123');
});

test('bodies that are not what they should be', async (t) => {
  const { registry, image, ask, blob } = await scene(t);
  const bodyOf = async (path: string, fault: Fault): Promise<HttpAnswer> => {
    const takeBack = registry.faults.on({}, fault);
    const given = await ask(path);
    takeBack();
    return given;
  };
  assert.equal((await bodyOf(blob, truncatedBody(4))).text, '0123');
  assert.equal((await bodyOf(blob, changedByte(2))).text, '0133456789');
  const long = await bodyOf(blob, oversizeBody(100_000));
  assert.equal(long.headers['content-length'], '100010');
  assert.equal(long.body.length, 100_010);
  const unknown = await bodyOf(blob, oversizeBody(5, { chunked: true }));
  assert.equal(unknown.headers['content-length'], undefined);
  assert.equal(unknown.body.length, 15);
  const manifest = await bodyOf('manifests/v1', changedByte(1));
  assert.equal(manifest.headers['docker-content-digest'], image.digest);
  assert.notDeepEqual(manifest.body, image.bytes);
});

test('headers that are not what they should be', async (t) => {
  const { registry, ask } = await scene(t);
  registry.faults.on({ path: /manifests/ }, wrongContentDigest());
  assert.equal((await ask('manifests/v1')).headers['docker-content-digest'], `sha256:${'0'.repeat(64)}`);
  registry.faults.on({ path: /blobs/ }, noContentDigest());
  registry.faults.on({ method: 'POST' }, wrongRange('0-99'));
  registry.faults.on({ method: 'POST' }, wrongLocation('http://127.0.0.1:1/'));
  const begun = await ask('blobs/uploads/', { method: 'POST' });
  assert.equal(begun.headers.range, '0-99');
  assert.equal(begun.headers.location, 'http://127.0.0.1:1/');
});

test('registries that cannot do everything', async (t) => {
  const { registry, image, ask, blob } = await scene(t);
  registry.faults.on({}, noRanges());
  registry.faults.on({}, noMounts());
  registry.faults.on({}, noChunks());
  registry.faults.on({}, noReferrers());
  assert.equal((await ask(blob, { headers: { range: 'bytes=0-1' } })).status, 200);
  const mount = `${registry.url}/v2/other/blobs/uploads/?mount=${image.config.digest}&from=team/app`;
  const begun = await http(mount, { method: 'POST' });
  assert.equal(begun.status, 202);
  assert.equal((await http(registry.url + begun.headers.location, { method: 'PATCH', body: 'x' })).status, 405);
  assert.equal((await ask(`referrers/${image.digest}`)).status, 404);
  const referrer = { ...JSON.parse(image.bytes.toString()), subject: descriptor(image) };
  const headers = { 'content-type': image.mediaType };
  const put = await ask('manifests/r', { method: 'PUT', body: JSON.stringify(referrer), headers });
  assert.equal(put.status, 201);
  assert.equal(put.headers['oci-subject'], undefined);
});
