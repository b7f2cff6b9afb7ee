import assert from 'node:assert/strict';
import { errorCodes, type HttpAnswer, http } from '../support/http.ts';
import type { TestRegistry } from '../support/registry.ts';
import { content, descriptor, imageOf, pushBlob, pushManifest, seedImage, seedIndex, types } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

const zero = `sha256:${'0'.repeat(64)}`;

function put(
  registry: TestRegistry,
  reference: string,
  body: string | Uint8Array | object,
  headers: Record<string, string> = { 'content-type': types.manifest },
): Promise<HttpAnswer> {
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return http(`${registry.url}/v2/team/app/manifests/${reference}`, { method: 'PUT', body: bytes, headers });
}

async function assertRefused(
  pending: Promise<HttpAnswer>,
  status: number,
  code: string,
  about?: RegExp,
): Promise<void> {
  const answer = await pending;
  assert.equal(answer.status, status, answer.text);
  assert.equal(errorCodes(answer)[0], code);
  if (about !== undefined) assert.match(answer.text, about);
}

overEveryStorage('a push answers with the digest and a place to read from', async (start) => {
  const registry = await start();
  const image = imageOf();
  for (const blob of [image.config, ...image.layers]) await pushBlob(registry, 'team/app', blob);
  for (const reference of ['v1', image.digest]) {
    const answer = await put(registry, reference, image.bytes, { 'content-type': `${types.manifest}; charset=utf-8` });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers['docker-content-digest'], image.digest);
    assert.equal(answer.headers.etag, `"${image.digest}"`);
    assert.equal(answer.headers['oci-subject'], undefined);
    const read = await http(new URL(answer.headers.location ?? '', registry.url).href);
    assert.deepEqual(read.body, image.bytes);
    assert.equal(read.headers['content-type'], types.manifest);
  }
});

overEveryStorage('bytes are kept as they came, white space and unknown members included', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const spaced = `  ${JSON.stringify({ ...JSON.parse(image.bytes.toString()), 'x.unknown': [1, null] }, null, 3)}\n\n`;
  assert.equal((await put(registry, 'spaced', spaced)).status, 201);
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/spaced`)).text, spaced);
});

overEveryStorage('a sha512 digest names a manifest as well', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const { digest } = content(types.manifest, image.bytes, 'sha512');
  const answer = await put(registry, digest, image.bytes);
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['docker-content-digest'], digest);
  const read = await http(`${registry.url}/v2/team/app/manifests/${digest}`);
  assert.equal(read.headers['docker-content-digest'], digest);
});

overEveryStorage('a manifest under another digest than its own is refused', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  await assertRefused(put(registry, zero, image.bytes), 400, 'DIGEST_INVALID');
  await assertRefused(put(registry, image.digest, `${image.bytes}  `), 400, 'DIGEST_INVALID');
  await assertRefused(put(registry, 'sha256:baddigeststring', image.bytes), 400, 'DIGEST_INVALID');
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/${zero}`)).status, 404);
});

overEveryStorage('a manifest has to be one', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const good = JSON.parse(image.bytes.toString());
  const broken: ReadonlyArray<[string, string | Uint8Array | object, RegExp]> = [
    ['no JSON', '{', /not valid JSON/],
    ['cut short', image.bytes.subarray(0, -1), /not valid JSON/],
    ['no UTF-8', Buffer.concat([image.bytes.subarray(0, 20), Buffer.from([0xff]), image.bytes.subarray(20)]), /JSON/],
    ['empty', '', /not valid JSON/],
    ['no object', '[]', /not a JSON object/],
    ['another version', { ...good, schemaVersion: 1 }, /schemaVersion/],
    ['no config', { ...good, config: undefined }, /config is not a descriptor/],
    ['bad layer', { ...good, layers: [{ ...good.layers[0], digest: 'sha256:x' }] }, /layers\[0\] is not a descriptor/],
    ['bad size', { ...good, layers: [{ ...good.layers[0], size: -1 }] }, /layers\[0\] is not a descriptor/],
    ['layers no list', { ...good, layers: {} }, /layers is not a list/],
    ['bad subject', { ...good, subject: { digest: zero } }, /subject is not a descriptor/],
    ['image and index in one', { ...good, manifests: [] }, /no manifests/],
    ['another type inside', { ...good, mediaType: types.index }, /not the Content-Type/],
  ];
  for (const [name, body, about] of broken) {
    await assertRefused(put(registry, 'broken', body), 400, 'MANIFEST_INVALID', about).catch((error) => {
      throw new Error(name, { cause: error });
    });
  }
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [], layers: [] };
  await assertRefused(
    put(registry, 'broken', index, { 'content-type': types.index }),
    400,
    'MANIFEST_INVALID',
    /neither/,
  );
  const schema1 = { 'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws' };
  const old = { ...good, mediaType: undefined };
  await assertRefused(put(registry, 'broken', old, schema1), 400, 'MANIFEST_INVALID', /not supported/);
  await assertRefused(put(registry, 'broken', old, {}), 400, 'MANIFEST_INVALID', /no media type/);
  assert.equal((await put(registry, 'fine', good, {})).status, 201, 'its own member says what it is');
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/broken`)).status, 404);
});

overEveryStorage('content that a manifest names must be there first', async (start) => {
  const registry = await start();
  const image = imageOf({ layers: ['one', 'two'] });
  await assertRefused(put(registry, 'v1', image.bytes), 400, 'MANIFEST_BLOB_UNKNOWN');
  await pushBlob(registry, 'team/app', image.config);
  const [first, second] = image.layers;
  if (first !== undefined) await pushBlob(registry, 'team/app', first);
  const answer = await put(registry, 'v1', image.bytes);
  assert.deepEqual(errorCodes(answer), ['MANIFEST_BLOB_UNKNOWN']);
  assert.match(answer.text, new RegExp(String(second?.digest)));
  // in another repository is not in this one
  if (second !== undefined) await pushBlob(registry, 'other/app', second);
  assert.equal((await put(registry, 'v1', image.bytes)).status, 400);
  if (second !== undefined) await pushBlob(registry, 'team/app', second);
  assert.equal((await put(registry, 'v1', image.bytes)).status, 201);
});

overEveryStorage('layers that may not be distributed need not be there', async (start) => {
  const registry = await start();
  const config = await pushBlob(registry, 'team/app', content(types.config, '{}'));
  const foreign = [
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ].map((mediaType) => ({ mediaType, digest: zero, size: 5 }));
  const elsewhere = { mediaType: types.layer, digest: zero, size: 5, urls: ['https://example.com/layer'] };
  const image = { schemaVersion: 2, config: descriptor(config), layers: [...foreign, elsewhere] };
  assert.equal((await put(registry, 'v1', image)).status, 201);
});

overEveryStorage('an index needs its manifests, unless the registry takes sparse ones', async (start) => {
  const strict = await start();
  const image = await seedImage(strict, 'team/app');
  const missing = { mediaType: types.manifest, digest: zero, size: 7 };
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [descriptor(image), missing] };
  const headers = { 'content-type': types.index };
  const answer = await put(strict, 'v1', index, headers);
  assert.equal(answer.status, 400);
  assert.deepEqual(errorCodes(answer), ['MANIFEST_BLOB_UNKNOWN']);
  assert.match(answer.text, new RegExp(zero));
  await strict.close();

  const sparse = await start({ limits: { sparseIndexes: true } });
  assert.equal((await put(sparse, 'v1', index, headers)).status, 201);
});

overEveryStorage('an index of indexes, and one of nothing', async (start) => {
  const registry = await start();
  const index = await seedIndex(registry, 'team/app', [await seedImage(registry, 'team/app')]);
  const nested = { schemaVersion: 2, mediaType: types.index, manifests: [descriptor(index)] };
  assert.equal((await put(registry, 'nested', nested, { 'content-type': types.index })).status, 201);
  for (const manifests of [[], null]) {
    const empty = { schemaVersion: 2, mediaType: types.index, manifests };
    assert.equal((await put(registry, 'empty', empty, { 'content-type': types.index })).status, 201);
  }
});

overEveryStorage('Docker manifests and lists', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const docker = content(type, { ...JSON.parse(image.bytes.toString()), mediaType: type });
  await pushManifest(registry, 'team/app', docker, 'docker');
  const listType = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const list = content(listType, { schemaVersion: 2, mediaType: listType, manifests: [descriptor(docker)] });
  await pushManifest(registry, 'team/app', list, 'list');
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/list`)).headers['content-type'], listType);
});

overEveryStorage('4 MiB is the most that a manifest may have', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const limit = 4 * 1024 * 1024;
  const json = image.bytes.toString();
  assert.equal((await put(registry, 'big', json.padEnd(limit))).status, 201);
  const tooBig = Buffer.from(json.padEnd(limit + 1));
  await assertRefused(put(registry, 'big', tooBig), 413, 'SIZE_INVALID');
  const chunked = await http(`${registry.url}/v2/team/app/manifests/big`, {
    method: 'PUT',
    body: [tooBig.subarray(0, limit), tooBig.subarray(limit)],
    headers: { 'content-type': types.manifest },
  });
  assert.equal(chunked.status, 413);
});

overEveryStorage('a push by digest sets the tags that it names', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const { digest } = content(types.manifest, image.bytes, 'sha512');
  const answer = await put(registry, `${digest}?tag=v1&tag=v1.2&tag=latest&tag=v1`, image.bytes);
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['oci-tag'], 'v1, v1.2, latest');
  for (const tag of ['v1', 'v1.2', 'latest']) {
    const read = await http(`${registry.url}/v2/team/app/manifests/${tag}`);
    assert.equal(read.headers['docker-content-digest'], digest);
  }
  await assertRefused(put(registry, `${image.digest}?tag=.bad`, image.bytes), 400, 'TAG_INVALID');
  await assertRefused(put(registry, 'v1?tag=v2', image.bytes), 400, 'TAG_INVALID');
  const many = Array.from({ length: 101 }, (_, i) => `tag=t${i}`).join('&');
  await assertRefused(put(registry, `${image.digest}?${many}`, image.bytes), 414, 'TAG_INVALID');
});

overEveryStorage('tags have a grammar', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  for (const tag of ['a', '_', 'A.b-C_9', 'x'.repeat(128), 'X'.repeat(128)]) {
    assert.equal((await put(registry, tag, image.bytes)).status, 201, tag);
    assert.equal((await http(`${registry.url}/v2/team/app/manifests/${tag}`)).status, 200, tag);
  }
  for (const tag of ['.a', '-a', 'a b', 'a+b', 'x'.repeat(129), '%C3%A4']) {
    await assertRefused(put(registry, encodeURI(decodeURI(tag)), image.bytes), 400, 'TAG_INVALID');
  }
});

overEveryStorage('tags that differ in case only are two tags', async (start) => {
  const registry = await start();
  const lower = await seedImage(registry, 'team/app', { tag: 'latest', layers: ['lower'] });
  const upper = await seedImage(registry, 'team/app', { tag: 'Latest', layers: ['upper'] });
  for (const [tag, { digest }] of [
    ['latest', lower],
    ['Latest', upper],
  ] as const) {
    const read = await http(`${registry.url}/v2/team/app/manifests/${tag}`);
    assert.equal(read.headers['docker-content-digest'], digest);
  }
  assert.deepEqual(JSON.parse((await http(`${registry.url}/v2/team/app/tags/list`)).text).tags, ['Latest', 'latest']);
});

overEveryStorage('conditions make compare-and-swap of a tag possible', async (start) => {
  const registry = await start();
  const [one, two, three] = await Promise.all(
    ['one', 'two', 'three'].map((layer) => seedImage(registry, 'team/app', { layers: [layer] })),
  );
  assert.ok(one && two && three);
  const swap = (image: typeof one, condition: Record<string, string>): Promise<HttpAnswer> =>
    put(registry, 'v1', image.bytes, { 'content-type': types.manifest, ...condition });

  await assertRefused(swap(one, { 'if-match': `"${one.digest}"` }), 412, 'PRECONDITION_FAILED');
  await assertRefused(swap(one, { 'if-match': '*' }), 412, 'PRECONDITION_FAILED');
  assert.equal((await swap(one, { 'if-none-match': '*' })).status, 201);
  const lost = await swap(two, { 'if-none-match': '*' });
  assert.equal(lost.status, 412);
  assert.equal(lost.headers.etag, `"${one.digest}"`);
  assert.equal((await swap(two, { 'if-match': `"${one.digest}"` })).status, 201);
  assert.equal((await swap(three, { 'if-match': `"${one.digest}"` })).status, 412);
  assert.equal((await swap(three, { 'if-match': `"${zero}", "${two.digest}"` })).status, 201);
  assert.equal((await swap(three, { 'if-none-match': `"${three.digest}"` })).status, 412);
  assert.equal((await http(`${registry.url}/v2/team/app/manifests/v1`)).headers.etag, `"${three.digest}"`);
});

overEveryStorage('of many that swap the same state only one wins', async (start) => {
  const registry = await start();
  const first = await seedImage(registry, 'team/app', { tag: 'v1' });
  const images = await Promise.all(
    Array.from({ length: 10 }, (_, i) => seedImage(registry, 'team/app', { layers: [`layer ${i}`] })),
  );
  const condition = { 'content-type': types.manifest, 'if-match': `"${first.digest}"` };
  const answers = await Promise.all(images.map((image) => put(registry, 'v1', image.bytes, condition)));
  assert.equal(answers.filter((answer) => answer.status === 201).length, 1);
  assert.equal(answers.filter((answer) => answer.status === 412).length, 9);
});
