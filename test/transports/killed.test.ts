/** Writers that are killed in the middle: what they leave is never taken for content, and goes with the next run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { fixtureImage, writeFixtureLayout } from '../../fixtures/images.ts';
import { isTemporary, temporaryName } from '../../src/foundation/temporary-names.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { configDigest, copy, diffIds } from './support.ts';

const writer = fileURLToPath(new URL('layout-writer.ts', import.meta.url));

let layout = '';

before(async () => {
  layout = join(await mkdtemp(join(tmpdir(), 'sheaf-test-')), 'layout');
  // large enough to be caught in the middle
  const big = randomBytes(32 << 20);
  const platform = { os: 'linux', architecture: 'amd64' };
  const image = await fixtureImage({ platform, layers: [{ big }, { small: 'x' }] });
  const other = await fixtureImage({ platform, layers: [{ other: 'y' }] });
  await writeFixtureLayout(layout, { image, other });
});

after(() => rm(dirname(layout), { recursive: true, force: true }));

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const work = join(env.folder, 'work');
  await mkdir(work);
  return { env, work };
}

async function temporaries(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => isTemporary(name.slice(name.lastIndexOf('/') + 1)));
}

/** Whether one of the files is that of the large layer, of which most is still to come. */
async function isWriting(folder: string): Promise<boolean> {
  const sizes = await Promise.all(
    (await temporaries(folder)).map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.some((size) => size > 1 << 20);
}

/** Copies in another process, which is killed as soon as it is in the middle of the large layer in `folder`. */
async function copyAndKill(
  from: string,
  to: string,
  folder: string,
  name: string,
  more: NodeJS.ProcessEnv = {},
): Promise<void> {
  const child = spawn(process.execPath, [writer, from, to, name], {
    stdio: 'ignore',
    env: { ...process.env, ...more },
  });
  const closed = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal));
  });
  while (child.exitCode === null && !(await isWriting(folder))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  child.kill('SIGKILL');
  assert.equal(await closed, 'SIGKILL', 'it was done before it could be killed');
}

const places: ReadonlyArray<readonly [string, (work: string) => { to: string; name: string }]> = [
  ['oci', (work) => ({ to: `oci:${work}/place`, name: 'one' })],
  ['dir', (work) => ({ to: `dir:${work}/place`, name: '' })],
  ['oci-archive', (work) => ({ to: `oci-archive:${work}/place`, name: 'one' })],
  ['docker-archive', (work) => ({ to: `docker-archive:${work}/place`, name: 'app:1' })],
];

async function assertSame(env: TestEnv, one: string, two: string): Promise<void> {
  assert.deepEqual(await diffIds(env, one), await diffIds(env, two));
  assert.equal(await configDigest(env, one), await configDigest(env, two));
}

describe('killed while it writes', () => {
  for (const [name, placeOf] of places) {
    it(name, async (t) => {
      const { env, work } = await prepare(t);
      const { to, name: tag } = placeOf(work);
      const named = `${to}:${tag}`;
      const mine = temporaryName(join(work, 'place'), 'tmp');
      const canReplace = name !== 'docker-archive';
      if (canReplace) await copy(env, `oci:${layout}:other`, named);
      await copyAndKill(`oci:${layout}:image`, to, work, tag);
      assert.notDeepEqual(await temporaries(work), []);
      // what stood there still does
      if (canReplace) await assertSame(env, named, `oci:${layout}:other`);
      else await assert.rejects(diffIds(env, named), { code: 'ARCHIVE_NOT_FOUND' });
      await writeFile(mine, 'of a process that lives');
      await copy(env, `oci:${layout}:image`, named);
      await assertSame(env, named, `oci:${layout}:image`);
      assert.deepEqual(await temporaries(work), [mine.slice(work.length + 1)]);
      assert.equal(await readFile(mine, 'utf8'), 'of a process that lives');
    });
  }

  it('and while it unpacks an archive to be read', async (t) => {
    const { env, work } = await prepare(t);
    const file = join(env.folder, 'a.tar');
    await copy(env, `oci:${layout}:image`, `oci-archive:${file}:one`);
    await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 1 }));
    await copyAndKill(`oci-archive:${file}.gz`, `oci:${env.folder}/place`, work, 'one', { TMPDIR: work });
    const [left] = await temporaries(work);
    assert.match(left ?? '', /^sheaf-archive\..*\.tar$/);
    const { TMPDIR } = process.env;
    process.env['TMPDIR'] = work;
    t.after(() => {
      if (TMPDIR === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = TMPDIR;
    });
    await assertSame(env, `oci-archive:${file}.gz`, `oci:${layout}:image`);
    assert.deepEqual(await readdir(work), []);
  });
});
