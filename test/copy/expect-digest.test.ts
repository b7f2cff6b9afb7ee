/** Compare and swap of what a destination names: `onlyIf` of plans and pushes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { ConflictError } from '../../src/foundation/errors.ts';
import type { Digest } from '../../src/oci/digest.ts';
import type { RootCondition } from '../../src/oci/root-condition.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { testEnv } from '../support/env.ts';
import { cutAfterDone, withHeaders } from '../support/fault-kinds.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';

/** An index to copy, and another image that somebody else may push to the same tag. */
async function scene(t: TestContext) {
  const env = await testEnv(t);
  const [image, other] = await Promise.all([
    fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } }),
    fixtureImage({ platform: { os: 'linux', architecture: 's390x' } }),
  ]);
  const registry = await withRegistry(t);
  const index = fixtureIndex([image]);
  await pushFixtureImage(registry.url, 'src/app', image);
  await pushFixtureManifest(registry.url, 'src/app', index, 'multi');
  const somebodyPushes = async (repository = 'dst/app', tag = '1'): Promise<Digest> => {
    await pushFixtureImage(registry.url, repository, other);
    await pushFixtureManifest(registry.url, repository, other.manifest, tag);
    return other.manifest.digest;
  };
  const place = `docker://${registry.host}/dst/app:1`;
  const copy = (onlyIf: RootCondition, { to = place, dryRun = false } = {}) =>
    copyImage(env, {
      source: locate(`docker://${registry.host}/src/app:multi`),
      destination: locate(to),
      take: { select: 'all', unselected: 'keep' },
      tags: [],
      dryRun,
      onlyIf,
    });
  const named = async (text = place): Promise<Digest> => {
    await using opened = await openVerifiedSource(locate(text), env);
    return (await opened.getManifest()).digest;
  };
  return { registry, index, copy, named, somebodyPushes, others: other.manifest.digest };
}

function unexpected(thrown: unknown): true {
  assert.ok(thrown instanceof ConflictError, String(thrown));
  assert.equal(thrown.code, 'UNEXPECTED_DIGEST');
  assert.equal(thrown.side, 'destination');
  return true;
}

const wrong: Digest = `sha256:${'0'.repeat(64)}`;
const tagPut = { method: 'PUT', path: /\/dst\/app\/manifests\/1$/ };

describe('a copy that expects something of its destination', () => {
  it('goes to a tag that is not there yet', async (t) => {
    const { copy, named, index, registry } = await scene(t);
    await copy('absent');
    assert.equal(await named(), index.digest);
    assert.deepEqual(
      registry.faults.seen(tagPut).map(({ headers }) => headers['if-none-match']),
      ['*'],
    );
  });

  it('replaces what it was told that it would find', async (t) => {
    const { copy, named, index, somebodyPushes, registry } = await scene(t);
    const before = await somebodyPushes();
    registry.faults.reset();
    await copy(before);
    assert.equal(await named(), index.digest);
    assert.equal(registry.faults.seen(tagPut)[0]?.headers['if-match'], `"${before}"`);
  });

  for (const [title, onlyIf] of [
    ['is there already', 'absent'],
    ['is another one', wrong],
  ] as const) {
    it(`sends nothing where what the tag names ${title}, in a dry run neither`, async (t) => {
      const { copy, named, somebodyPushes, registry, others } = await scene(t);
      await somebodyPushes();
      registry.faults.reset();
      await assert.rejects(copy(onlyIf), unexpected);
      await assert.rejects(copy(onlyIf, { dryRun: true }), unexpected);
      assert.deepEqual(registry.faults.seen({ method: ['POST', 'PUT', 'PATCH'] }), []);
      assert.equal(await named(), others);
    });
  }

  it('sends nothing where something is expected and nothing is there', async (t) => {
    const { copy, registry } = await scene(t);
    registry.faults.reset();
    await assert.rejects(copy(wrong), unexpected);
    assert.deepEqual(registry.faults.seen({ method: ['POST', 'PUT', 'PATCH'] }), []);
  });

  it('is done where the tag names the very root, whatever was expected: it is another try', async (t) => {
    const { copy, index } = await scene(t);
    await copy('absent');
    assert.equal((await copy('absent')).result?.root.digest, index.digest);
    assert.equal((await copy(wrong)).result?.root.digest, index.digest);
  });

  it('leaves the tag of whoever was faster in the middle of the copy, at a registry that knows no conditions', async (t) => {
    const { copy, named, somebodyPushes, registry, others } = await scene(t);
    registry.faults.on({ path: /\/dst\/app\/manifests\/1$/ }, (request, next) =>
      next({ ...request, headers: { ...request.headers, 'if-match': undefined, 'if-none-match': undefined } }),
    );
    registry.faults.on({ method: 'PUT', path: /\/dst\/app\/manifests\/sha256/, nth: 1 }, async (request, next) => {
      await somebodyPushes();
      return next(request);
    });
    await assert.rejects(copy('absent'), unexpected);
    assert.equal(await named(), others);
    assert.deepEqual(registry.faults.seen({ ...tagPut }).length, 1, 'that of the other one');
  });

  it('leaves the tag of whoever was faster by a moment, at a registry that knows conditions', async (t) => {
    const { copy, named, somebodyPushes, registry, others } = await scene(t);
    registry.faults.on({ ...tagPut, nth: 1 }, async (request, next) => {
      await somebodyPushes();
      return next(request);
    });
    await assert.rejects(copy('absent'), unexpected);
    assert.equal(await named(), others);
  });

  it('takes its own first try for what it is where the answer to that was lost', async (t) => {
    const { copy, named, index, registry } = await scene(t);
    registry.faults.on({ ...tagPut, nth: 1 }, cutAfterDone());
    const { result } = await copy('absent');
    assert.equal(result?.root.digest, index.digest);
    assert.equal(await named(), index.digest);
    assert.equal(registry.faults.seen(tagPut)[1]?.status, 412);
  });

  it('takes a registry at its word that tells no digest', async (t) => {
    const { copy, named, index, registry } = await scene(t);
    registry.faults.on(tagPut, withHeaders({ 'docker-content-digest': undefined }));
    await copy('absent');
    assert.equal(await named(), index.digest);
  });

  it('holds for layouts, too', async (t) => {
    const { copy, named, index } = await scene(t);
    const to = `oci:${join(await testFolder(t), 'layout')}:1`;
    await assert.rejects(copy(wrong, { to }), unexpected);
    await copy('absent', { to });
    assert.equal(await named(to), index.digest);
    await copy('absent', { to });
  });
});
