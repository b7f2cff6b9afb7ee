/**
 * The same commands for sheaf and for buildah against a real CNCF registry: the indexes that they push are equal to the byte,
 * except where docs/adr/0003 and 0004 say otherwise.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';
import { casesOf } from './cases/all.ts';
import type { Case } from './cases/case.ts';
import { type Names, namesOf, writeFiles } from './cases/names.ts';
import { assertSame, type Place, type Tool, trace } from './compare.ts';
import { pushSources } from './sources.ts';
import { sheafIn } from './tools.ts';
import { walkOf } from './walk.ts';

interface Arena {
  readonly place: Place;
  readonly names: Names;
  readonly sheaf: Tool;
  readonly buildah: Tool;
}

async function arena(t: TestContext): Promise<Arena> {
  const peers = await isolatedPeers(t);
  const { host, url } = await realRegistry(t, { port: await leasePort(t) });
  const folder = join(peers.folder, 'files');
  const sources = await pushSources(url);
  await writeFiles(folder, sources);
  const names = namesOf(host, folder, sources);
  const sheaf = sheafIn(join(peers.folder, 'sheaf'));
  return {
    place: { host, folder: join(peers.folder, 'layouts') },
    names,
    sheaf: { name: 'sheaf', run: sheaf.run },
    buildah: { name: 'buildah', run: (...args) => peers.run('buildah', args) },
  };
}

/** Gives `one` to both tools, side by side. */
async function compare({ place, sheaf, buildah }: Arena, name: string, one: Case): Promise<void> {
  const [ours, theirs] = await Promise.all([sheaf, buildah].map((tool) => trace(tool, name, one.commands, place)));
  assert.ok(ours !== undefined && theirs !== undefined);
  assertSame(one, ours, theirs);
}

test('sheaf and buildah make the same indexes', {
  skip: skipWithout('buildah', 'registry'),
  concurrency: 2,
}, async (t) => {
  const place = await arena(t);
  await Promise.all(casesOf(place.names).map((one, at) => t.test(one.name, () => compare(place, `case-${at}`, one))));
});

test('sheaf and buildah agree on random walks', {
  skip: skipWithout('buildah', 'registry'),
  concurrency: 2,
}, async (t) => {
  const place = await arena(t);
  const seeds = Array.from({ length: 10 }, (_, at) => at + 1);
  await Promise.all(
    seeds.map((seed) => t.test(`walk ${seed}`, () => compare(place, `walk-${seed}`, walkOf(seed, place.names)))),
  );
});

test('create --replace begins anew as a list of the same images would', {
  skip: skipWithout('buildah', 'registry'),
}, async (t) => {
  const { place, names, sheaf, buildah } = await arena(t);
  const begin = ['create', '--annotation', 'a=b', '{list}', names.app('s390x'), names.app('arm64')];
  const anew = ['{list}', names.app('amd64'), names.list('four')];
  const push = ['push', '{list}', '{dest}:out'];
  const [ours, theirs] = await Promise.all([
    trace(sheaf, 'replace', [begin, ['create', '--replace', ...anew], push], place),
    // this buildah has no --replace
    trace(buildah, 'replace', [['create', ...anew], push], place),
  ]);
  assert.deepEqual(ours.left, theirs.left);
});

test('what buildah drops when it takes a list whole, sheaf keeps', {
  skip: skipWithout('buildah', 'registry'),
}, async (t) => {
  const { place, names, sheaf, buildah } = await arena(t);
  const kept = async (key: string, ...edits: string[][]): Promise<Entry[][]> => {
    const commands = [
      ['create', '{list}'],
      ['add', '--all', '{list}', names.list(key)],
      ...edits,
      ['push', '{list}', '{dest}:out'],
    ];
    const traces = await Promise.all([sheaf, buildah].map((tool) => trace(tool, `kept-${key}`, commands, place)));
    return traces.map(
      ({ left }) =>
        (JSON.parse(left.get('out after push 1')?.bytes.toString() ?? '') as { manifests: Entry[] }).manifests,
    );
  };
  const edit = ['annotate', '--annotation', 'a=b', '{list}', names.digest('s390x')];
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
