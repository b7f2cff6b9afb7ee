/** `sheaf store`: as a person meets it, also where the store is damaged, foreign, full, or not there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, type TestContext } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { migrations } from '../../src/store/schema.ts';
import { sheafIn } from '../interop/tools.ts';
import { onSmallDisk } from '../support/disks.ts';
import { testFolder } from '../support/folders.ts';
import { checkProgress } from '../support/json-documents.ts';
import { writeKinds } from '../transports/support.ts';

const program = join(import.meta.dirname, '../../bin/run.js');

/** A list with an artifact that only the store has, and a blob that nothing needs. */
async function scene(t: TestContext) {
  const folder = await testFolder(t);
  const sheaf = sheafIn(folder);
  const store = join(folder, 'store');
  writeFileSync(join(folder, 'file'), 'content of the file');
  await sheaf.ok('manifest', 'create', 'app:1.0');
  await sheaf.ok('manifest', 'add', '--artifact', 'app:1.0', 'file');
  const pathOf = (text: string) => join(store, 'blobs', digestOf(Buffer.from(text)).replace(':', '/'));
  const stray = 'a stray';
  writeFileSync(pathOf(stray), stray);
  return { folder, sheaf, store, stray: pathOf(stray), file: pathOf('content of the file') };
}

const every = [['ls'], ['gc', '--dry-run'], ['gc'], ['verify'], ['export', 'oci:out']];

describe('sheaf store', () => {
  it('path: tells the folder, whether it is there or not', async (t) => {
    const folder = await testFolder(t);
    const sheaf = sheafIn(folder);
    assert.equal(await sheaf.ok('store', 'path'), join(folder, 'store'));
    assert.deepEqual(JSON.parse(await sheaf.ok('store', 'path', '--json')), { path: join(folder, 'store') });
    const elsewhere = sheaf.with({ SHEAF_HOME: '', XDG_DATA_HOME: '/x/y' });
    assert.equal(await elsewhere.ok('store', 'path'), '/x/y/sheaf');
    assert.deepEqual(readdirSync(folder), []);
  });

  it('makes no store where there is none', async (t) => {
    const folder = await testFolder(t);
    const sheaf = sheafIn(folder);
    for (const command of every) {
      const { code, stderr } = await sheaf.run('store', ...command);
      const said =
        command[0] === 'export'
          ? `Warning: there are no lists in ${join(folder, 'store')}: nothing was exported\n`
          : '';
      assert.deepEqual([code, stderr], [0, said], command.join(' '));
      assert.deepEqual(readdirSync(folder), [], command.join(' '));
    }
    assert.equal((JSON.parse(await sheaf.ok('store', 'ls', '--json')) as { exists: boolean }).exists, false);
  });

  it('ls: tells what is in it, and how much that is', async (t) => {
    const { sheaf } = await scene(t);
    const lines = (await sheaf.ok('store', 'ls')).split('\n');
    assert.match(lines[0] ?? '', /^LIST +ID +INSTANCES +BLOBS +SIZE +UPDATED \(UTC\)$/);
    assert.match(lines[1] ?? '', /^localhost\/app:1\.0 +[0-9a-f]{12} +1 +3 +\d+ B +20\d\d-/);
    assert.ok(lines.some((line) => /^blobs of lists +3 +\d+ B$/.test(line)));
    assert.ok(lines.some((line) => /^garbage: blobs +1 +7 B$/.test(line)));
  });

  it('gc: removes what nothing needs, and says so; a dry run says the same', async (t) => {
    const { sheaf, stray, file } = await scene(t);
    const told = await sheaf.ok('store', 'gc', '--dry-run');
    assert.match(told, /^ {2}blob {10}sha256:[0-9a-f]{64} {2}7 B\nWould remove 1 blob: 7 B$/);
    assert.equal(await sheaf.ok('store', 'gc', '--older-than', '1h'), 'Nothing to remove: everything is needed.');
    assert.equal(existsSync(stray), true);
    assert.equal(await sheaf.ok('store', 'gc'), told.replace('Would remove', 'Removed'));
    assert.deepEqual([existsSync(stray), existsSync(file)], [false, true]);
    await sheaf.fails(2, 'store', 'gc', '--older-than', 'yesterday');
  });

  it('verify: ends with 6 and says what to do where a blob is damaged, and shows how far it is', async (t) => {
    const { sheaf, store, file } = await scene(t);
    const sound = await sheaf.run('store', 'verify', '--progress', 'json');
    assert.deepEqual([sound.code, sound.stdout.startsWith(`${store} is sound: 4 blobs and 1 list, `)], [0, true]);
    const types = checkProgress(sound.stderr);
    assert.equal(types[0], 'plan');
    assert.equal(types.filter((type) => type === 'step-end').length, 4);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0));
    const { code, stdout } = await sheaf.run('store', 'verify', '-q');
    assert.equal(code, 6);
    assert.match(
      stdout,
      /is damaged: its 19 bytes have .*needed by localhost\/app:1\.0\n {2}`sheaf store verify --repair`/,
    );
    assert.match(stdout, /is NOT sound: 1 defect\n$/);
    const repaired = await sheaf.run('store', 'verify', '-q', '--repair', '--json');
    assert.equal(repaired.code, 6);
    const { sound: whole, defects } = JSON.parse(repaired.stdout) as { sound: boolean; defects: unknown[] };
    assert.deepEqual([whole, defects.length], [false, 1]);
    // as the hint says
    rmSync(file);
    await sheaf.ok('manifest', 'add', '--artifact', 'app:1.0', 'file');
    await sheaf.ok('store', 'verify');
  });

  it('export: tells of each list, and of those that failed beside the error', async (t) => {
    const { folder, sheaf } = await scene(t);
    await writeKinds(join(folder, 'layout'));
    await sheaf.ok('manifest', 'create', '--all', 'gone', 'oci:layout:list');
    rmSync(join(folder, 'layout'), { recursive: true });
    const failed = await sheaf.fails(3, 'store', 'export', '--progress', 'none', 'oci:out');
    assert.match(failed.stdout, /^localhost\/app:1\.0: sha256:[0-9a-f]{64}\n$/);
    assert.match(failed.stderr, /^Warning: localhost\/gone:latest was not exported: .*\nError: the .* is at none of/);
    const json = await sheaf.run('store', 'export', '-q', '--json', 'oci:out', 'gone', 'app:1.0', 'nothing');
    const document = JSON.parse(json.stdout) as { failed: unknown[]; lists: unknown[]; error: { code: string } };
    assert.deepEqual([document.failed.length, document.lists.length, document.error.code], [2, 1, 'INSTANCE_GONE']);
    const alone = await sheaf.fails(3, 'store', 'export', 'oci:out', 'nothing');
    assert.match(alone.stderr, /^Error: nothing: image not known\n/);
    const dry = await sheaf.ok('store', 'export', '--dry-run', 'oci:out-2', 'app:1.0');
    assert.match(dry, /^Plan: store:/);
    assert.equal(existsSync(join(folder, 'out-2')), false);
    const terminal = await sheaf.ok('store', 'export', 'oci-archive:-', 'app:1.0');
    assert.ok(terminal.includes('oci-layout') && !terminal.includes('localhost/app:1.0: sha256'));
    await sheaf.fails(2, 'store', 'export', 'somewhere');
  });
});

describe('a store that is not as it should be', () => {
  it('of a newer version is left alone', async (t) => {
    const { sheaf, store } = await scene(t);
    const raw = new DatabaseSync(join(store, 'sheaf.db'));
    raw.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    raw.close();
    for (const command of every) {
      const { stderr } = await sheaf.fails(9, 'store', ...command);
      assert.match(stderr, /has the format/, command.join(' '));
    }
    assert.equal(await sheaf.ok('store', 'path'), store);
    assert.equal(readdirSync(join(store, 'blobs/sha256')).length, 4);
  });

  it('with a damaged database is told as such, and nothing of it is removed', async (t) => {
    const { sheaf, store } = await scene(t);
    truncateSync(join(store, 'sheaf.db'), 5000);
    for (const command of every) {
      const { code, stdout, stderr } = await sheaf.run('store', ...command);
      const expected = command[0] === 'verify' ? 6 : 9;
      assert.equal(code, expected, `${command.join(' ')}: ${stdout}${stderr}`);
      assert.match(stdout + stderr, /damaged/, command.join(' '));
    }
    rmSync(join(store, 'sheaf.db'));
    await sheaf.fails(9, 'store', 'gc');
    assert.equal((await sheaf.run('store', 'verify')).code, 6);
    assert.equal(readdirSync(join(store, 'blobs/sha256')).length, 4);
  });

  it('of somebody else says what one may not do', async (t) => {
    const { folder, store } = await scene(t);
    const isRoot = process.getuid?.() === 0;
    chmodSync(folder, 0o755);
    const as = (...args: string[]) =>
      spawnSync(process.execPath, [program, ...args], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], SHEAF_HOME: store, HOME: '/' },
        cwd: '/',
        ...(isRoot ? { uid: 65_534, gid: 65_534 } : {}),
      });
    if (as('--version').status !== 0) {
      t.skip('no other user can read this folder');
      return;
    }
    try {
      // permissions do not bind root, which therefore becomes nobody
      chmodSync(store, isRoot ? 0o700 : 0o000);
      for (const command of every) {
        const { status, stderr } = as('store', ...command);
        assert.equal(status, 9, `${command.join(' ')}: ${stderr}`);
        assert.match(stderr, /there is no permission/, command.join(' '));
      }
      assert.equal(as('store', 'path').stdout, `${store}\n`);
    } finally {
      chmodSync(store, 0o700);
    }
  });

  it('is cleaned up where the disk is full, and read where it is read-only', async (t) => {
    const folder = await testFolder(t);
    const out = onSmallDisk(
      t,
      join(folder, 'disk'),
      `
      sheaf() { "$NODE" "$PROGRAM" -q "$@" 2>&1 || echo "ended with $?"; }
      echo text > "$WORK/file"
      sheaf manifest create app > /dev/null
      sheaf manifest add --artifact app "$WORK/file" > /dev/null
      head -c 200000 /dev/zero > "$D/home/blobs/sha256/$(printf '0%.0s' $(seq 64))"
      head -c 2000000 /dev/zero > "$D/ballast" 2> /dev/null || true
      sheaf manifest ls | head -n 1
      sheaf store ls | grep garbage:.blobs
      sheaf store gc --dry-run | tail -n 1
      sheaf store gc | tail -n 1
      sheaf manifest ls | wc -l
      mount -o remount,ro "$D"
      sheaf store ls | grep blobs.of.lists
      sheaf store verify
      sheaf store gc --dry-run
      sheaf store export "oci:$WORK/out" | wc -l
      sheaf store gc | head -n 1
      sheaf store export "oci:$D/out" | tail -n 1
      `,
      { PROGRAM: program, WORK: folder, SHEAF_HOME: join(folder, 'disk', 'home') },
    );
    if (out === undefined) return;
    const home = join(folder, 'disk', 'home');
    assert.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => line.replaceAll(/ {2,}/g, '  ').trim()),
      [
        `Error: the local store in ${home} failed: there is no space left on the device`,
        'garbage: blobs  1  200 kB',
        'Would remove 1 blob: 200 kB',
        'Removed 1 blob: 200 kB',
        '2',
        'blobs of lists  3  487 B',
        `${home} is sound: 3 blobs and 1 list, 487 B`,
        'Nothing to remove: everything is needed.',
        '1',
        `Error: the local store in ${home} failed: there is no permission to use it, or it is on a read-only disk`,
        'ended with 9',
      ],
    );
  });
});
