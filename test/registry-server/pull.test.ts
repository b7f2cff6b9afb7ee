import assert from 'node:assert/strict';
import { errorCodes, http } from '../support/http.ts';
import { content, pushBlob, seedImage, types } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

const zero = `sha256:${'0'.repeat(64)}`;

overEveryStorage('the base endpoint says which API this is', async (start) => {
  const registry = await start();
  for (const path of ['/v2/', '/v2']) {
    const answer = await http(registry.url + path);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
  }
});

overEveryStorage('a manifest is read by tag and by digest, byte for byte', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  for (const reference of ['v1', image.digest, image.digest.replace(':', '%3A')]) {
    const url = `${registry.url}/v2/team/app/manifests/${reference}`;
    const answer = await http(url);
    assert.equal(answer.status, 200, reference);
    assert.deepEqual(answer.body, image.bytes);
    assert.equal(answer.headers['content-type'], types.manifest);
    assert.equal(answer.headers['docker-content-digest'], image.digest);
    assert.equal(answer.headers.etag, `"${image.digest}"`);

    const head = await http(url, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], String(image.size));
    assert.equal(head.headers['content-type'], types.manifest);
    assert.equal(head.headers['docker-content-digest'], image.digest);
    assert.equal(head.body.length, 0);
  }
});

overEveryStorage('what a client has already is not sent again', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  const blob = image.config;
  for (const [path, { digest }] of [
    ['manifests/v1', image],
    [`blobs/${blob.digest}`, blob],
  ] as const) {
    const url = `${registry.url}/v2/team/app/${path}`;
    const same = await http(url, { headers: { 'if-none-match': `W/"other", "${digest}"` } });
    assert.equal(same.status, 304);
    assert.equal(same.body.length, 0);
    assert.equal(same.headers.etag, `"${digest}"`);
    const other = await http(url, { headers: { 'if-none-match': `"${zero}"` } });
    assert.equal(other.status, 200);
  }
});

overEveryStorage('what is not there is 404 with its code', async (start) => {
  const registry = await start();
  await seedImage(registry, 'team/app', { tag: 'v1' });
  for (const [path, code] of [
    ['team/app/manifests/nope', 'MANIFEST_UNKNOWN'],
    [`team/app/manifests/${zero}`, 'MANIFEST_UNKNOWN'],
    ['team/app/manifests/.INVALID_MANIFEST_NAME', 'MANIFEST_UNKNOWN'],
    ['other/app/manifests/v1', 'MANIFEST_UNKNOWN'],
    [`team/app/blobs/${zero}`, 'BLOB_UNKNOWN'],
    [`other/app/blobs/${zero}`, 'BLOB_UNKNOWN'],
    ['team/app/blobs/uploads/6ba7b810-9dad-41d1-80b4-00c04fd430c8', 'BLOB_UPLOAD_UNKNOWN'],
    ['other/app/tags/list', 'NAME_UNKNOWN'],
  ] as const) {
    const answer = await http(`${registry.url}/v2/${path}`);
    assert.equal(answer.status, 404, path);
    assert.deepEqual(errorCodes(answer), [code], path);
    const head = await http(`${registry.url}/v2/${path}`, { method: 'HEAD' });
    assert.equal(head.status, 404, path);
    assert.equal(head.body.length, 0);
  }
});

overEveryStorage('what cannot be a digest is 400', async (start) => {
  const registry = await start();
  for (const path of [
    'manifests/sha256:baddigeststring',
    'blobs/sha256:baddigeststring',
    `blobs/${zero.toUpperCase()}`,
    `blobs/md5:${'0'.repeat(32)}`,
    `blobs/sha512:${'0'.repeat(64)}`,
    'referrers/sha256:baddigeststring',
  ]) {
    const answer = await http(`${registry.url}/v2/team/app/${path}`);
    assert.equal(answer.status, 400, path);
    assert.deepEqual(errorCodes(answer), ['DIGEST_INVALID'], path);
  }
});

overEveryStorage('a manifest is no blob, and a blob is no manifest', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  assert.equal((await http(`${registry.url}/v2/team/app/blobs/${image.digest}`)).status, 404);
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/${image.config.digest}`)).status, 404);
});

overEveryStorage('a blob is read whole and in parts', async (start) => {
  const registry = await start();
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const blob = await pushBlob(registry, 'team/app', content('application/octet-stream', bytes));
  const url = `${registry.url}/v2/team/app/blobs/${blob.digest}`;
  const size = bytes.length;

  const whole = await http(url);
  assert.equal(whole.status, 200);
  assert.deepEqual(whole.body, bytes);
  assert.equal(whole.headers['content-length'], String(size));
  assert.equal(whole.headers['accept-ranges'], 'bytes');
  assert.equal(whole.headers['docker-content-digest'], blob.digest);

  const parts: ReadonlyArray<[string, number, number]> = [
    ['bytes=0-0', 0, 0],
    ['bytes=500-1499', 500, 1499],
    ['bytes=65530-131080', 65_530, 131_080],
    ['bytes=299000-', 299_000, size - 1],
    ['bytes=-500', size - 500, size - 1],
    ['bytes=-999999999', 0, size - 1],
    ['bytes=299999-999999999', size - 1, size - 1],
  ];
  for (const [range, first, last] of parts) {
    const part = await http(url, { headers: { range } });
    assert.equal(part.status, 206, range);
    assert.equal(part.headers['content-range'], `bytes ${first}-${last}/${size}`);
    assert.equal(part.headers['content-length'], String(last - first + 1));
    assert.deepEqual(part.body, bytes.subarray(first, last + 1), range);
  }
  for (const range of [`bytes=${size}-`, 'bytes=500-0', 'bytes=-0', 'bytes=999999999-']) {
    const none = await http(url, { headers: { range } });
    assert.equal(none.status, 416, range);
    assert.equal(none.headers['content-range'], `bytes */${size}`);
  }
  for (const range of ['bytes=0-1,5-6', 'bytes=-', 'bytes=a-b', 'lines=1-2']) {
    const all = await http(url, { headers: { range } });
    assert.equal(all.status, 200, range);
    assert.equal(all.body.length, size);
  }
  const changed = await http(url, { headers: { range: 'bytes=0-9', 'if-range': '"other"' } });
  assert.equal(changed.status, 200);
  const unchanged = await http(url, { headers: { range: 'bytes=0-9', 'if-range': `"${blob.digest}"` } });
  assert.equal(unchanged.status, 206);

  const head = await http(url, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(size));
});

overEveryStorage('an empty blob is a blob', async (start) => {
  const registry = await start();
  const blob = await pushBlob(registry, 'team/app', content('application/octet-stream', ''));
  const url = `${registry.url}/v2/team/app/blobs/${blob.digest}`;
  const answer = await http(url);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-length'], '0');
  assert.equal((await http(url, { headers: { range: 'bytes=0-' } })).status, 416);
});

overEveryStorage('other methods are refused with those that are allowed', async (start) => {
  const registry = await start();
  for (const [method, path, allow] of [
    ['POST', '/v2/', 'GET, HEAD'],
    ['POST', '/v2/a/manifests/x', 'GET, HEAD, PUT, DELETE'],
    ['PUT', `/v2/a/blobs/${zero}`, 'GET, HEAD, DELETE'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
    ['DELETE', '/v2/a/tags/list', 'GET, HEAD'],
  ] as const) {
    const answer = await http(registry.url + path, { method });
    assert.equal(answer.status, 405, path);
    assert.equal(answer.headers.allow, allow);
    assert.deepEqual(errorCodes(answer), ['UNSUPPORTED']);
  }
});
