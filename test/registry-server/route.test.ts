import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRepositoryName, isTag, routeOf } from '../../src/registry-server/route.ts';

function routed(path: string): unknown {
  const found = routeOf(path);
  return 'route' in found ? found.route : found.refusal.status;
}

test('what paths name', () => {
  assert.deepEqual(routed('/v2/'), { kind: 'base' });
  assert.deepEqual(routed('/v2/_catalog'), { kind: 'catalog' });
  assert.deepEqual(routed('/v2/a/manifests/v1'), { kind: 'manifest', repository: 'a', reference: 'v1' });
  assert.deepEqual(routed('/v2/a/b/blobs/x'), { kind: 'blob', repository: 'a/b', digest: 'x' });
  assert.deepEqual(routed('/v2/a/blobs/uploads/'), { kind: 'uploads', repository: 'a' });
  assert.deepEqual(routed('/v2/a/blobs/uploads'), { kind: 'uploads', repository: 'a' });
  assert.deepEqual(routed('/v2/a/blobs/uploads/id'), { kind: 'upload', repository: 'a', id: 'id' });
  assert.deepEqual(routed('/v2/a/tags/list'), { kind: 'tags', repository: 'a' });
  assert.deepEqual(routed('/v2/a/referrers/x'), { kind: 'referrers', repository: 'a', digest: 'x' });
});

test('words of the API may be part of a repository name', () => {
  assert.deepEqual(routed('/v2/blobs/manifests/tags/list'), { kind: 'tags', repository: 'blobs/manifests' });
  assert.deepEqual(routed('/v2/tags/list/manifests/v1'), {
    kind: 'manifest',
    repository: 'tags/list',
    reference: 'v1',
  });
  assert.deepEqual(routed('/v2/blobs/uploads/blobs/uploads/'), { kind: 'uploads', repository: 'blobs/uploads' });
});

test('names that the grammar does not have', () => {
  for (const name of [
    '..',
    'a/..',
    '../a',
    'a//b',
    'A',
    'a_',
    '-a',
    'a/_blobs',
    'a/.b',
    'a b',
    'a\0',
    'a\\b',
    'ä',
    '.',
  ]) {
    assert.equal(isRepositoryName(name), false, name);
    assert.equal(routed(`/v2/${name}/manifests/v1`), 400, name);
  }
  assert.equal(isRepositoryName(''), false);
  assert.equal(isRepositoryName('a'.repeat(255)), true);
  assert.equal(isRepositoryName('a'.repeat(256)), false);
  for (const name of ['a', 'a.b', 'a_b', 'a__b', 'a---b', '0/1/2', 'a.b-c/d_e'])
    assert.equal(isRepositoryName(name), true);
  for (const name of ['a..b', 'a___b', 'a.-b']) assert.equal(isRepositoryName(name), false, name);
});

test('paths that name nothing', () => {
  for (const path of ['/', '/v1/', '/v2/a', '/v2/a/tags', '/v2/a/manifests/', '/v2//manifests/x', '/v2/a/blobs/x/y']) {
    assert.equal(typeof routed(path), 'number', path);
  }
});

test('tags', () => {
  for (const tag of ['a', '_', '9', 'v1.0-rc_1', 'T'.repeat(128)]) assert.equal(isTag(tag), true, tag);
  for (const tag of ['', '.a', '-a', 'a/b', 'a:b', 'a@b', 't'.repeat(129), 'a\n']) assert.equal(isTag(tag), false, tag);
});
