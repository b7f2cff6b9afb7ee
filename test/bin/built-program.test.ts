import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isFresh } from '../../bin/freshness.js';
import { type Ended, run, sheaf } from '../cli/support/program.ts';

const root = new URL('../../', import.meta.url);
const skip = !isFresh(root) && 'dist/ is not built from the sources';

/** A home of one's own, and runs in it. */
function user(t: TestContext): { cache: string; env: NodeJS.ProcessEnv; sheaf(...args: string[]): Promise<Ended> } {
  const folder = mkdtempSync(join(tmpdir(), 'sheaf-code-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const env = { SHEAF_HOME: join(folder, 'home'), XDG_CACHE_HOME: folder };
  return { cache: join(folder, 'sheaf/compile-cache'), env, sheaf: (...args) => run(sheaf, args, { env }) };
}

interface Head {
  made: string;
  longest: number;
  runs: Record<string, number>;
}

function headOf(file: string): Head {
  return JSON.parse(readFileSync(file, 'latin1').split('\n', 1)[0] ?? '') as Head;
}

function setHead(file: string, head: Head): void {
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([Buffer.from(JSON.stringify(head)), bytes.subarray(bytes.indexOf('\n'))]));
}

function setLongest(file: string, longest: number): void {
  setHead(file, { ...headOf(file), longest });
}

const success = { code: 0, signal: null, stderr: '' };

describe('what was compiled in a run', { skip }, () => {
  it('is kept for the next run of the same command, which prints the same', async (t) => {
    const { cache, sheaf } = user(t);
    const first = await sheaf('manifest', 'ls');
    const file = join(cache, 'manifest-ls.code');
    const head = headOf(file);
    assert.match(head.made, new RegExp(`^${process.version} `));
    assert.deepEqual(head.runs, { '': 1 });
    assert.ok(statSync(file).size > 100_000, 'little was kept');
    // no run is much longer than this one
    setLongest(file, 1e9);
    for (let runs = 2; runs < 6; runs += 1) assert.deepEqual(await sheaf('manifest', 'ls'), first);
    // gathered for three runs, then only read
    assert.deepEqual(headOf(file).runs, { '': 3 });
    assert.ok(!existsSync(join(cache, 'manifest-inspect.code')));
  });

  it('is kept of the first run that failed, and does not count as one of those that gather', async (t) => {
    const { cache, sheaf } = user(t);
    const file = join(cache, 'manifest-exists.code');
    const runs = (): number | undefined => headOf(file).runs[''];
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await sheaf('manifest', 'exists', 'no-such-list')).code, 1);
      assert.equal(runs(), undefined);
    }
    await sheaf('manifest', 'create', 'list');
    assert.equal((await sheaf('manifest', 'exists', 'list')).code, 0);
    assert.equal(runs(), 1);
    assert.equal((await sheaf('manifest', 'exists', 'no-such-list')).code, 1);
    assert.equal(runs(), 1);
  });

  it('is added to by runs with other flags, and by one that takes much longer than all before', async (t) => {
    const { cache, sheaf } = user(t);
    const file = join(cache, 'manifest-ls.code');
    for (let count = 0; count < 3; count += 1) await sheaf('manifest', 'ls');
    await sheaf('manifest', 'ls', '--json');
    assert.deepEqual(headOf(file).runs, { '': 3, '--json': 1 });
    setLongest(file, 1e9);
    await sheaf('manifest', 'ls');
    assert.deepEqual(headOf(file).runs, { '': 3, '--json': 1 });
    setLongest(file, 1);
    await sheaf('manifest', 'ls');
    assert.deepEqual(headOf(file).runs, { '': 4, '--json': 1 });
    assert.ok(headOf(file).longest > 1);
  });

  it('tells of flags and transports only, and of so many at most', async (t) => {
    const { cache, sheaf } = user(t);
    const file = join(cache, 'manifest-exists.code');
    await sheaf('manifest', 'create', 'docker:secret');
    await sheaf('manifest', 'exists', 'docker:secret');
    assert.deepEqual(Object.keys(headOf(file).runs), ['docker']);
    const many = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`--flag${at}`, 1]));
    setHead(file, { ...headOf(file), longest: 1e9, runs: many });
    await sheaf('manifest', 'exists', 'docker:secret');
    assert.deepEqual(headOf(file).runs, many);
  });

  it('goes nowhere near the working directory, whatever the environment says', async (t) => {
    const { cache, env } = user(t);
    const folder = join(cache, '../..');
    const caches = relative(process.cwd(), join(folder, 'relative'));
    await run(sheaf, ['manifest', 'ls'], { env: { ...env, HOME: folder, XDG_CACHE_HOME: caches } });
    assert.ok(existsSync(join(folder, '.cache/sheaf/compile-cache/manifest-ls.code')));
    assert.ok(!existsSync(join(folder, 'relative')));
  });

  it('goes under names of commands alone, whatever is typed', async (t) => {
    const { cache, sheaf } = user(t);
    await sheaf('manifest', '--help');
    await sheaf('--help');
    await sheaf('manifest', '../../../etc');
    assert.ok(existsSync(join(cache, 'other.code')));
    assert.ok(!existsSync(join(cache, 'manifest.code')));
  });

  for (const [what, change] of [
    [
      'of another build',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"made":"v', '"made":"x'), 'latin1'),
    ],
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    [
      'under a head that is none',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('"runs":{', '"rums":{'), 'latin1'),
    ],
    ['empty', () => Buffer.alloc(0)],
    ['of another V8', (bytes: Buffer) => Buffer.from(bytes).fill(7, bytes.indexOf('\n') + 1, bytes.indexOf('\n') + 30)],
  ] as const) {
    it(`is not used where it is ${what}, and made anew`, async (t) => {
      const { cache, sheaf } = user(t);
      const first = await sheaf('manifest', 'ls');
      const file = join(cache, 'manifest-ls.code');
      const good = readFileSync(file);
      writeFileSync(file, change(good));
      assert.deepEqual(await sheaf('manifest', 'ls'), first);
      assert.deepEqual(headOf(file).runs, { '': 1 });
      assert.ok(statSync(file).size > good.length / 2);
    });
  }

  it('is not missed where there is no place for it', async (t) => {
    const { cache, sheaf } = user(t);
    mkdirSync(join(cache, '..'), { recursive: true });
    writeFileSync(cache, 'a file in the place of the folder');
    assert.partialDeepStrictEqual(await sheaf('manifest', 'ls'), success);
    rmSync(cache);
    mkdirSync(cache);
    chmodSync(cache, 0o500);
    assert.partialDeepStrictEqual(await sheaf('manifest', 'ls'), success);
  });

  it('comes with the build for the commands that need most', async (t) => {
    const { cache, sheaf } = user(t);
    assert.match((await sheaf('image', 'copy', 'oci:none', 'oci:other')).stderr, /none/);
    assert.ok(!existsSync(cache), 'gathered in vain');
    assert.ok(statSync(new URL('dist/code/image-copy.code', root)).size > 1_000_000);
  });

  it('is gathered all the same where V8 refuses that of the build', async (t) => {
    const { cache, env } = user(t);
    // code that was compiled with other flags
    const copy = () => run(sheaf, ['image', 'copy', 'oci:none', 'oci:other'], { env, nodeFlags: ['--max-lazy'] });
    await copy();
    const { ino } = statSync(join(cache, 'image-copy.code'));
    await copy();
    assert.equal(statSync(join(cache, 'image-copy.code')).ino, ino, 'not taken, for it was made anew');
  });

  it('is of a program that oclif finds, too', async () => {
    const url = new URL('dist/commands/manifest/ls.js', pathToFileURL(`${root.pathname}x`));
    const { default: Command } = (await import(url.href)) as { default: { summary?: string } };
    assert.equal(typeof Command.summary, 'string');
  });
});
