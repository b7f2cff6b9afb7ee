/** Garbage of layouts: what nothing needs goes, what anything needs stays, and no writer loses what it counts on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blobOf, type FixtureBlob, fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import { CancelledError, SheafError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';
import { temporaryName } from '../../src/foundation/temporary-names.ts';
import { pruneLayoutAt } from '../../src/operations/prune-layout.ts';
import { locate } from '../../src/transports/image-names.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { createRandom } from '../support/random.ts';
import { copy, manifestOf, readAll, writeKinds } from './support.ts';

const writer = fileURLToPath(new URL('layout-writer.ts', import.meta.url));
const indexType = 'application/vnd.oci.image.index.v1+json';

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  return { env, layout, digests: await writeKinds(layout), to: join(env.folder, 'to') };
}

const usual = { unnamed: false, youngerThanMs: 0, dryRun: false };
const prune = (env: TestEnv, folder: string, more: Partial<typeof usual> = {}) =>
  pruneLayoutAt(env.session, `oci:${folder}`, { ...usual, ...more });
const blobsIn = async (folder: string): Promise<string[]> => (await readdir(join(folder, 'blobs', 'sha256'))).sort();

async function putBlob(folder: string, blob: FixtureBlob): Promise<string> {
  const name = blob.digest.slice('sha256:'.length);
  await writeFile(join(folder, 'blobs', 'sha256', name), blob.bytes);
  return name;
}

const entry = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('garbage of a layout', () => {
  it('stays where the run is cancelled', async (t) => {
    const { env, layout } = await prepare(t);
    const garbage = await putBlob(layout, blobOf('x', Buffer.from('not JSON')));
    const session = createSession({ signal: AbortSignal.abort() });
    await assert.rejects(pruneLayoutAt(session, `oci:${layout}`, usual), CancelledError);
    assert.ok((await blobsIn(layout)).includes(garbage));
    assert.deepEqual((await prune(env, layout)).entries, []);
  });

  it('a dry run tells what goes, and only that goes', async (t) => {
    const { env, layout, to } = await prepare(t);
    await copy(env, `oci:${layout}:zstd-list`, `oci:${to}:one`);
    await copy(env, `oci:${layout}:artifact`, `oci:${to}:two`);
    const needed = await blobsIn(to);
    const garbage = [
      await putBlob(to, blobOf('x', Buffer.from('not JSON'))),
      await putBlob(to, blobOf('x', json({ a: 1 }))),
    ];
    await writeFile(join(to, 'blobs', 'sha256', 'notes.txt'), 'somebody put it here');
    const before = await readFile(join(to, 'index.json'));
    const told = await prune(env, to, { dryRun: true });
    assert.deepEqual(
      told.blobs.map(({ digest }) => digest.slice('sha256:'.length)),
      garbage.sort(),
    );
    assert.deepEqual(await blobsIn(to), [...needed, ...garbage, 'notes.txt'].sort());
    assert.deepEqual((await prune(env, to, { youngerThanMs: 60_000 })).blobs, []);
    assert.deepEqual(await prune(env, to), told);
    assert.deepEqual(await blobsIn(to), [...needed, 'notes.txt'].sort());
    assert.deepEqual(await readFile(join(to, 'index.json')), before);
    assert.deepEqual((await readdir(to)).sort(), ['blobs', 'index.json', 'oci-layout']);
    for (const name of ['one', 'two']) await readAll(env, `oci:${to}:${name}`);
  });

  it('keeps what anything leads to: nested indexes, subjects, referrers of referrers, fields nobody knows', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    const subject = await fixtureImage({ platform: { os: 'linux', architecture: 'arm64' } });
    const empty = blobOf('application/vnd.oci.empty.v1+json', Buffer.from('{}'));
    const note = (text: string, of: FixtureBlob) => {
      const layer = blobOf('text/plain', Buffer.from(text));
      return [layer, manifestOf(empty, [layer], { subject: entry(of) })] as const;
    };
    const inner = blobOf(
      indexType,
      json({
        schemaVersion: 2,
        mediaType: indexType,
        manifests: [entry(image.manifest)],
        subject: entry(subject.manifest),
      }),
    );
    const unknown = blobOf('application/octet-stream', Buffer.from('of a later version'));
    const outer = blobOf(
      indexType,
      json({ schemaVersion: 2, mediaType: indexType, manifests: [entry(inner)], later: [{ blob: entry(unknown) }] }),
    );
    await writeFixtureLayout(layout, { image, subject }, { inner, outer });
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
      manifests: Array<{ digest: string }>;
    };
    index.manifests = index.manifests.filter(({ digest }) => digest === outer.digest);
    await writeFile(join(layout, 'index.json'), JSON.stringify(index));
    const [layer, referrer] = note('of the image', image.manifest);
    const [second, ofReferrer] = note('of the note', referrer);
    for (const blob of [empty, layer, referrer, second, ofReferrer, unknown]) await putBlob(layout, blob);
    const needed = await blobsIn(layout);
    const absent = blobOf('x', Buffer.from('absent'));
    const [third, orphan] = note('of nothing that is here', absent);
    for (const blob of [third, orphan]) await putBlob(layout, blob);
    const { blobs } = await prune(env, layout);
    assert.deepEqual(blobs.map(({ digest }) => digest).sort(), [third.digest, orphan.digest].sort());
    assert.deepEqual(await blobsIn(layout), needed);
  });

  it('images that lost their name go when that is asked for, and referrers of others do not', async (t) => {
    const { env, layout, digests, to } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `oci:${to}:one`);
    await copy(env, `oci:${layout}:artifact`, `oci:${to}:one`);
    assert.deepEqual((await prune(env, to)).blobs, []);
    assert.deepEqual(
      (await prune(env, to, { unnamed: true, dryRun: true })).entries.map((gone) => gone.digest),
      [digests.list],
    );
    await prune(env, to, { unnamed: true });
    assert.deepEqual(await readAll(env, `oci:${to}`), await readAll(env, `oci:${layout}:artifact`));
    assert.equal((await blobsIn(to)).length, 3);
    const nameless = join(env.folder, 'nameless');
    await copy(env, `oci:${layout}:image`, `oci:${nameless}`);
    await assert.rejects(prune(env, nameless, { unnamed: true }), { code: 'NOTHING_NAMED' });
  });

  it('refuses what is damaged, what is shared, and what is no whole layout', async (t) => {
    const { env, layout, digests, to } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `oci:${to}:one`);
    await putBlob(to, blobOf('x', Buffer.from('garbage')));
    const all = await blobsIn(to);
    const root = join(to, 'blobs', 'sha256', digests.list.slice('sha256:'.length));
    const bytes = await readFile(root);
    await writeFile(root, '{"cut off');
    await assert.rejects(prune(env, to), { code: 'MALFORMED_JSON' });
    await writeFile(root, bytes);
    await rename(join(to, 'blobs'), join(env.folder, 'elsewhere'));
    await symlink(join(env.folder, 'elsewhere'), join(to, 'blobs'));
    await assert.rejects(prune(env, to), { code: 'SHARED_BLOBS' });
    await rm(join(to, 'blobs'));
    await rename(join(env.folder, 'elsewhere'), join(to, 'blobs'));
    // another layout has its blobs in this one's folder
    const other = `oci:[${to}/blobs]${env.folder}/other`;
    await copy(env, `oci:${layout}:artifact`, `${other}:one`);
    await assert.rejects(prune(env, to), { code: 'SHARED_BLOBS' });
    assert.ok(all.length < (await blobsIn(to)).length);
    for (const name of [`${to}:one`, `${to}:@0`, `${to}@${digests.list}`, `[${to}/blobs]${env.folder}/other`]) {
      await assert.rejects(prune(env, name), { code: 'NOT_A_WHOLE_LAYOUT' });
    }
    await mkdir(join(env.folder, 'plain', 'blobs', 'sha256'), { recursive: true });
    await assert.rejects(prune(env, join(env.folder, 'plain')), { code: 'LAYOUT_NOT_FOUND' });
  });

  it('refuses while somebody writes, and does not mind who was killed', async (t) => {
    const { env, layout, to } = await prepare(t);
    await copy(env, `oci:${layout}:list`, `oci:${to}:one`);
    const garbage = blobOf('x', Buffer.from('garbage'));
    await putBlob(to, garbage);
    {
      await using destination = await locate(`oci:${to}:two`).openDestination(env);
      assert.equal(await destination.hasBlob(garbage), true);
      await assert.rejects(prune(env, to), { code: 'LAYOUT_IN_USE' });
      await assert.rejects(prune(env, to, { dryRun: true }), { code: 'LAYOUT_IN_USE' });
    }
    await writeFile(join(to, 'oci-put-blob123'), 'skopeo is at work');
    await assert.rejects(prune(env, to), { code: 'LAYOUT_IN_USE' });
    await rm(join(to, 'oci-put-blob123'));
    const left = temporaryName(join(to, '.in-use'), 'tmp').replace(`-${process.pid}-`, '-4194303-');
    await writeFile(left, '');
    assert.equal((await prune(env, to, { dryRun: true })).blobs.length, 1);
    assert.ok((await readdir(to)).includes(basename(left)), 'nothing goes in a dry run');
    assert.equal((await prune(env, to)).blobs.length, 1);
    assert.deepEqual((await readdir(to)).sort(), ['blobs', 'index.json', 'oci-layout']);
  });

  it('writers that are killed and garbage that is collected between them leave every named image whole', async (t) => {
    const { env, layout, to } = await prepare(t);
    const seed = Number(process.env['SHEAF_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`SHEAF_SEED=${seed}`);
    const random = createRandom(seed);
    const kinds = ['image', 'arm64', 'list', 'zstd-list', 'artifact'];
    await copy(env, `oci:${layout}:image`, `oci:${to}:begin`);
    let running = 0;
    const write = async (at: number): Promise<void> => {
      running += 1;
      const names = [0, 1, 2, 3].map((number) => `w${at}-${number % 2}`);
      const child = spawn(process.execPath, [writer, `oci:${layout}:${random.pick(kinds)}`, `oci:${to}`, ...names], {
        stdio: 'ignore',
      });
      const timer = at % 2 === 0 ? undefined : setTimeout(() => child.kill('SIGKILL'), 250 + random.below(500));
      await new Promise((resolve) => child.once('close', resolve));
      clearTimeout(timer);
      running -= 1;
    };
    const writers = Promise.all(
      [0, 1].map(async (lane) => {
        for (let round = 0; round < 4; round += 1) await write(round * 2 + lane);
      }),
    );
    let collected = 0;
    do {
      try {
        await prune(env, to, { unnamed: true });
        collected += 1;
      } catch (thrown) {
        assert.ok(thrown instanceof SheafError && thrown.code === 'LAYOUT_IN_USE', String(thrown));
      }
      await new Promise((resolve) => setImmediate(resolve));
    } while (running > 0);
    await writers;
    await prune(env, to, { unnamed: true });
    assert.ok(collected > 0, 'garbage was never collected');
    const index = JSON.parse(await readFile(join(to, 'index.json'), 'utf8')) as { manifests: unknown[] };
    assert.ok(index.manifests.length > 3);
    for (const at of index.manifests.keys()) await readAll(env, `oci:${to}:@${at}`);
    assert.deepEqual((await readdir(to)).sort(), ['blobs', 'index.json', 'oci-layout']);
    for (const name of await blobsIn(to)) assert.match(name, /^[0-9a-f]{64}$/);
  });
});
