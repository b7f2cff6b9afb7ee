/**
 * The same commands for sheaf and for buildah against a real CNCF registry: the indexes that they push are equal to the byte,
 * except where docs/adr/0003 and 0004 say otherwise.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { casesOf } from './cases/all.ts';
import { type Case, list, push } from './cases/case.ts';
import { type Names, namesOf, writeFiles } from './cases/names.ts';
import { podmanCases } from './cases/podman.ts';
import { assertSame, type Place, type Tool, type Trace, trace } from './compare.ts';
import { type DriverPool, driverPool } from './driver-pool.ts';
import { pushSources } from './sources.ts';
import { walkOf } from './walk.ts';

let drivers: DriverPool;

before(() => {
  drivers = driverPool(2);
});

after(() => drivers.close());

interface Arena {
  readonly place: Place;
  readonly names: Names;
  readonly sheaf: Tool;
  readonly buildah: Tool;
  readonly podman: Tool;
}

async function arena(t: TestContext): Promise<Arena> {
  const peers = await isolatedPeers(t);
  const { host, url } = await realRegistry(t, { port: await leasePort(t) });
  const folder = join(peers.folder, 'files');
  const sources = await pushSources(url);
  await writeFiles(folder, sources);
  const names = namesOf(host, folder, sources);
  return {
    place: { host, folder: join(peers.folder, 'layouts') },
    names,
    sheaf: { name: 'sheaf', run: (...argv) => drivers.run({ folder: join(peers.folder, 'sheaf'), argv }) },
    buildah: { name: 'buildah', run: (...args) => peers.run('buildah', args) },
    podman: { name: 'podman', run: (...args) => peers.run('podman', args) },
  };
}

/** Gives `one` to sheaf and to `peer`, side by side. */
async function compare({ place, sheaf }: Arena, peer: Tool, name: string, one: Case): Promise<void> {
  const [ours, theirs] = await Promise.all([sheaf, peer].map((tool) => trace(tool, name, one.commands, place)));
  assert.ok(ours !== undefined && theirs !== undefined);
  assertSame(one, ours, theirs);
}

test('sheaf and buildah make the same indexes', {
  skip: skipWithout('buildah', 'registry'),
  concurrency: 2,
}, async (t) => {
  const here = await arena(t);
  await Promise.all(
    casesOf(here.names).map((one, at) => t.test(one.name, () => compare(here, here.buildah, `case-${at}`, one))),
  );
});

test('sheaf and podman make the same indexes where podman is the model', {
  skip: skipWithout('podman', 'registry'),
  concurrency: 2,
}, async (t) => {
  const here = await arena(t);
  await Promise.all(
    podmanCases(here.names).map((one, at) => t.test(one.name, () => compare(here, here.podman, `case-${at}`, one))),
  );
});

test('sheaf and buildah agree on random walks', {
  skip: skipWithout('buildah', 'registry'),
  concurrency: 2,
}, async (t) => {
  const here = await arena(t);
  const seeds = Array.from({ length: 10 }, (_, at) => at + 1);
  await Promise.all(
    seeds.map((seed) => {
      const walk = walkOf(seed, here.names);
      return t.test(walk.name, () => compare(here, here.buildah, `walk-${seed}`, walk));
    }),
  );
});

test('create --replace begins anew as a list of the same images would', {
  skip: skipWithout('buildah', 'registry'),
}, async (t) => {
  const { place, names, sheaf, buildah } = await arena(t);
  const begin = ['create', '--annotation', 'a=b', list, names.app('s390x'), names.app('arm64')];
  const anew = [list, names.app('amd64'), names.list('four')];
  const [ours, theirs] = await Promise.all([
    trace(sheaf, 'replace', [begin, ['create', '--replace', ...anew], push], place),
    // this buildah has no --replace
    trace(buildah, 'replace', [['create', ...anew], push], place),
  ]);
  assert.deepEqual(ours.left, theirs.left);
});

test('what the format of the moment cannot say buildah forgets between two commands, sheaf does not', {
  skip: skipWithout('buildah', 'registry'),
}, async (t) => {
  const { place, names, sheaf, buildah } = await arena(t);
  const run = (name: string, ...commands: string[][]): Promise<Trace[]> =>
    Promise.all([sheaf, buildah].map((tool) => trace(tool, name, commands, place)));
  // an OCI index has no place for CPU features
  const [ours, theirs] = await run(
    'features',
    ['create', list, names.app('amd64')],
    ['annotate', '--features', 'sse4', list, names.digest('amd64')],
    ['add', '--annotation', 'a=b', list, names.app('s390x')],
    ['remove', list, names.digest('s390x')],
    push,
  );
  const withFeatures = { architecture: 'amd64', os: 'linux', features: ['sse4'] };
  assert.deepEqual(entriesOf(ours)[0]?.platform, withFeatures);
  assert.deepEqual(entriesOf(theirs)[0]?.platform, { architecture: 'amd64', os: 'linux' });
  // a Docker list has no place for the absence of a platform
  const [own, other] = await run(
    'nameless',
    ['create', list, names.app('nameless')],
    ['add', '--features', 'sse4', list, names.app('amd64')],
    ['annotate', '--index', '--annotation', 'a=b', list],
    push,
  );
  assert.equal(entriesOf(own)[0]?.platform, undefined);
  assert.deepEqual(entriesOf(other)[0]?.platform, { architecture: '', os: '' });
});

test('what buildah drops when it takes a list whole, sheaf keeps', {
  skip: skipWithout('buildah', 'registry'),
}, async (t) => {
  const { place, names, sheaf, buildah } = await arena(t);
  const kept = async (key: string, ...edits: string[][]): Promise<Entry[][]> => {
    const commands = [['create', list], ['add', '--all', list, names.list(key)], ...edits, push];
    const traces = await Promise.all([sheaf, buildah].map((tool) => trace(tool, `kept-${key}`, commands, place)));
    return traces.map(entriesOf);
  };
  const edit = ['annotate', '--annotation', 'a=b', list, names.digest('s390x')];
  // the content of an entry, and members that the specification does not know
  const [withData, withoutData] = await kept('data', edit);
  assert.ok(withData?.[0]?.data !== undefined);
  assert.deepEqual(
    withData.map(({ data, ...entry }) => entry),
    withoutData,
  );
  const [withUnknown, withoutUnknown] = await kept('unknown', edit);
  assert.deepEqual(withUnknown?.[0]?.['org.example.unknown'], [1]);
  assert.deepEqual(
    withUnknown.map(({ 'org.example.unknown': _, ...entry }) => entry),
    withoutUnknown,
  );
  // one manifest that stands for two platforms: buildah has the last only
  const [both, one] = await kept('twice');
  assert.deepEqual(
    both?.map((entry) => entry.platform?.['variant']),
    ['v8', 'v9', undefined],
  );
  assert.deepEqual(one, both?.slice(1));
});

interface Entry {
  data?: string;
  platform?: Record<string, unknown>;
  [member: string]: unknown;
}

/** The entries of the index that the first push put under the tag `out`. */
function entriesOf(traced: Trace | undefined): Entry[] {
  const text = traced?.left.get('out after push 1')?.bytes.toString() ?? '';
  return (JSON.parse(text) as { manifests: Entry[] }).manifests;
}
