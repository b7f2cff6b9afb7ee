import assert from 'node:assert/strict';
import { errorCodes, http } from '../support/http.ts';
import type { TestRegistry } from '../support/registry.ts';
import { content, descriptor, pushManifest, type SeededContent, seedImage, seedIndex, types } from '../support/seed.ts';
import { overEveryStorage } from './storages.ts';

/** Follows `link` headers from `path` on, and returns the bodies. */
async function pages(registry: TestRegistry, path: string): Promise<string[]> {
  const found: string[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer = await http(new URL(next, registry.url).href);
    assert.equal(answer.status, 200, answer.text);
    found.push(answer.text);
    const link: string = String(answer.headers['link'] ?? '');
    const match = /^<([^>]+)>; rel="next"$/.exec(link);
    assert.ok(link === '' || match !== null, `malformed: ${link}`);
    next = match?.[1];
  }
  return found;
}

async function seedTags(registry: TestRegistry, tags: readonly string[]): Promise<void> {
  const image = await seedImage(registry, 'team/app');
  for (const tag of tags) await pushManifest(registry, 'team/app', image, tag);
}

overEveryStorage('tags are listed in lexical order', async (start) => {
  const registry = await start();
  await seedTags(registry, ['b', 'C', 'a', 'A', '1.10', '1.9', '_x']);
  const answer = await http(`${registry.url}/v2/team/app/tags/list`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.equal(answer.headers['link'], undefined);
  assert.deepEqual(JSON.parse(answer.text), { name: 'team/app', tags: ['1.10', '1.9', '_x', 'A', 'a', 'b', 'C'] });
});

overEveryStorage('tags page by page', async (start) => {
  const registry = await start();
  const tags = ['a', 'B', 'c', 'D', 'e'];
  await seedTags(registry, [...tags].reverse());
  const list = '/v2/team/app/tags/list';
  for (const [n, expected] of [
    [1, [['a'], ['B'], ['c'], ['D'], ['e']]],
    [2, [['a', 'B'], ['c', 'D'], ['e']]],
    [5, [tags]],
    [100, [tags]],
  ] as const) {
    const found = await pages(registry, `${list}?n=${n}`);
    assert.deepEqual(
      found.map((text) => JSON.parse(text).tags),
      expected,
    );
  }
  const tagsOf = async (query: string) => JSON.parse((await http(registry.url + list + query)).text).tags;
  assert.deepEqual(await tagsOf('?last=c'), ['D', 'e']);
  assert.deepEqual(await tagsOf('?last=bb'), ['c', 'D', 'e'], 'a tag that is not there has a place all the same');
  assert.deepEqual(await tagsOf('?n=1&last=c'), ['D']);
  assert.deepEqual(await tagsOf('?last=e'), []);
  const zero = await http(`${registry.url}${list}?n=0`);
  assert.deepEqual(JSON.parse(zero.text).tags, []);
  assert.equal(zero.headers['link'], undefined);
  for (const n of ['-1', 'x', '1.5', '9'.repeat(30)]) {
    const answer = await http(`${registry.url}${list}?n=${n}`);
    assert.equal(answer.status, 400, n);
    assert.deepEqual(errorCodes(answer), ['PAGINATION_NUMBER_INVALID']);
  }
});

overEveryStorage('a repository without tags has an empty list', async (start) => {
  const registry = await start();
  await seedImage(registry, 'team/app');
  const answer = await http(`${registry.url}/v2/team/app/tags/list`);
  assert.deepEqual(JSON.parse(answer.text), { name: 'team/app', tags: [] });
});

overEveryStorage('repositories page by page', async (start) => {
  const registry = await start();
  for (const name of ['b', 'a/deep/er', 'a', 'a/deep']) await seedImage(registry, name);
  const found = await pages(registry, '/v2/_catalog?n=3');
  assert.deepEqual(
    found.map((text) => JSON.parse(text).repositories),
    [['a', 'a/deep', 'a/deep/er'], ['b']],
  );
  assert.equal((await http(`${registry.url}/v2/a/deep/er/tags/list`)).status, 200);
  assert.equal((await http(`${registry.url}/v2/a/dee/tags/list`)).status, 404);
});

interface Referrers {
  descriptors: Array<Record<string, unknown>>;
  filters: string | undefined;
}

async function referrersOf(registry: TestRegistry, digest: string, query = ''): Promise<Referrers> {
  const answer = await http(`${registry.url}/v2/team/app/referrers/${digest}${query}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], types.index);
  const { schemaVersion, mediaType, manifests } = JSON.parse(answer.text);
  assert.deepEqual([schemaVersion, mediaType], [2, types.index]);
  const filters = answer.headers['oci-filters-applied'];
  return { descriptors: manifests, filters: filters === undefined ? undefined : String(filters) };
}

overEveryStorage('referrers carry artifact type and annotations', async (start) => {
  const registry = await start();
  const subject = await seedImage(registry, 'team/app', { tag: 'v1', layers: ['subject'] });
  const about = { subject: descriptor(subject) };
  const push = async (document: SeededContent): Promise<SeededContent> => {
    const answer = await http(`${registry.url}/v2/team/app/manifests/${document.digest}`, {
      method: 'PUT',
      body: document.bytes,
      headers: { 'content-type': document.mediaType },
    });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers['oci-subject'], subject.digest);
    return document;
  };
  const base = { schemaVersion: 2, config: descriptor(subject.config), layers: [] };
  const annotations = { 'org.example.kind': 'sbom' };
  const artifactType = 'application/spdx+json';
  const typed = await push(content(types.manifest, { ...base, ...about, artifactType, annotations }));
  const untyped = await push(content(types.manifest, { ...base, ...about, artifactType: '' }));
  const index = await push(content(types.index, { schemaVersion: 2, manifests: [], ...about }));
  const typedIndex = await push(content(types.index, { schemaVersion: 2, manifests: [], artifactType, ...about }));

  const expected = [
    { ...descriptor(typed), artifactType, annotations },
    { ...descriptor(untyped), artifactType: types.config },
    descriptor(index),
    { ...descriptor(typedIndex), artifactType },
  ].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const all = await referrersOf(registry, subject.digest);
  assert.deepEqual(all.descriptors, expected);
  assert.equal(all.filters, undefined);

  const filtered = await referrersOf(registry, subject.digest, `?artifactType=${encodeURIComponent(artifactType)}`);
  assert.deepEqual(
    filtered.descriptors,
    expected.filter((one) => 'artifactType' in one && one.artifactType === artifactType),
  );
  assert.equal(filtered.filters, 'artifactType');
  const none = await referrersOf(registry, subject.digest, '?artifactType=application/none');
  assert.deepEqual(none, { descriptors: [], filters: 'artifactType' });
});

overEveryStorage('referrers of what is not there: of nothing, and of what is still to come', async (start) => {
  const registry = await start();
  const missing = content(types.manifest, 'not pushed');
  assert.deepEqual((await referrersOf(registry, missing.digest)).descriptors, []);
  const image = await seedImage(registry, 'team/app', { members: { subject: descriptor(missing) } });
  const [found] = (await referrersOf(registry, missing.digest)).descriptors;
  assert.equal(found?.['digest'], image.digest);
});

overEveryStorage('a referrer that is deleted is listed no more, and is when it comes back', async (start) => {
  const registry = await start();
  const subject = await seedImage(registry, 'team/app');
  const referrer = await seedImage(registry, 'team/app', { members: { subject: descriptor(subject) } });
  const url = `${registry.url}/v2/team/app/manifests/${referrer.digest}`;
  assert.equal((await http(url, { method: 'DELETE' })).status, 202);
  assert.deepEqual((await referrersOf(registry, subject.digest)).descriptors, []);
  await pushManifest(registry, 'team/app', referrer);
  assert.equal((await referrersOf(registry, subject.digest)).descriptors.length, 1);
});

overEveryStorage('referrers page by page', async (start) => {
  const registry = await start({ limits: { referrersPageSize: 2 } });
  const subject = await seedImage(registry, 'team/app');
  const pushed: string[] = [];
  for (let i = 0; i < 5; i += 1) {
    const members = {
      subject: descriptor(subject),
      annotations: { i: String(i) },
      artifactType: `application/x-${i % 2}`,
    };
    pushed.push((await seedImage(registry, 'team/app', { members })).digest);
  }
  const digestsOf = (text: string) => JSON.parse(text).manifests.map((one: { digest: string }) => one.digest);
  const all = (await pages(registry, `/v2/team/app/referrers/${subject.digest}`)).map(digestsOf);
  assert.deepEqual(
    all.map((page) => page.length),
    [2, 2, 1],
  );
  assert.deepEqual(all.flat(), pushed.sort());
  const even = await pages(registry, `/v2/team/app/referrers/${subject.digest}?artifactType=application/x-0`);
  assert.deepEqual(
    even.map((text) => digestsOf(text).length),
    [2, 1],
  );
});

overEveryStorage('an index refers to a subject as well, and its digest may be sha512', async (start) => {
  const registry = await start();
  const image = await seedImage(registry, 'team/app');
  const subject = content(types.manifest, image.bytes, 'sha512');
  await pushManifest(registry, 'team/app', subject);
  const index = await seedIndex(registry, 'team/app', [image], { members: { subject: descriptor(subject) } });
  const [found] = (await referrersOf(registry, subject.digest)).descriptors;
  assert.deepEqual(found, descriptor(index));
});
