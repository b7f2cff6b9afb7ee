/** `--dry-run` of copies, pushes and signing: it tells what the real run then does, and fails where that would. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sheafIn } from '../interop/tools.ts';
import { onSmallDisk } from '../support/disks.ts';
import { testFolder } from '../support/folders.ts';
import { writeKinds } from '../transports/support.ts';

const program = process.env['SHEAF_UNDER_TEST'] ?? join(import.meta.dirname, '..', '..', 'bin', 'run.js');

test('places that nobody may write to are told before anything is read', async (t) => {
  const folder = await testFolder(t);
  await writeKinds(join(folder, 'l'));
  const out = onSmallDisk(
    t,
    join(folder, 'disk'),
    `
    cd "$WORK"
    sheaf() { "$NODE" "$PROGRAM" "$@" 2>&1 > /dev/null || echo "ended with $?"; }
    both() { for also in --dry-run --quiet; do sheaf "$@" $also | sed /^hint/d; done; }
    sheaf manifest create -q --all app oci:l:list
    touch pw && sheaf key generate -q --passphrase-file pw --output-key-prefix k
    sign="sign --sign-by-sigstore-private-key k.key --sign-passphrase-file pw --sign-identity localhost/app:1"
    for to in oci:disk/l:x dir:disk/d oci-archive:disk/a.tar:x; do sheaf image copy -q --all oci:l:list $to; done
    mount -o remount,ro "$D"
    for to in oci:disk/new:x oci:disk/l:y dir:disk/new dir:disk/d oci-archive:disk/new/a.tar oci-archive:disk/a.tar:x docker-archive:disk/b.tar; do
      both image copy oci:l:arm64 $to
    done
    both image copy --dest-shared-blob-dir disk/shared oci:l:arm64 oci:new:x
    both image copy --tag more --all oci:l:list oci:disk/l:x
    both manifest push app oci:disk/new:x
    both store export oci:disk/new
    both store export oci-archive:disk/new.tar
    both $sign oci:disk/l:x
    both $sign --signature-store bundle oci:disk/l:x
    both image prune oci:disk/l | sed 's/clean up/write/'
    echo what stands there already:
    for to in oci:disk/l:x dir:disk/d oci-archive:disk/a.tar:x; do both image copy --all oci:l:list $to; done
    ls
    `,
    { PROGRAM: program, WORK: folder, SHEAF_HOME: join(folder, 'store') },
  );
  if (out === undefined) return;
  const disk = join(folder, 'disk');
  const refused = (what: string, folders = disk): string[] => {
    const told = [`Error: cannot write ${what}: EROFS: read-only file system, access '${folders}/'`, 'ended with 9'];
    return [...told, ...told];
  };
  assert.deepEqual(out.trim().split('\n'), [
    ...refused(`an image layout to ${disk}/new`),
    ...refused(`an image layout to ${disk}/l`, `${disk}/l`),
    ...refused(`an image to ${disk}/new`),
    ...refused(`an image to ${disk}/d`, `${disk}/d`),
    ...refused(`${disk}/new/a.tar`),
    ...refused(`${disk}/a.tar`),
    ...refused(`${disk}/b.tar`),
    ...refused(`an image layout to ${folder}/new`),
    ...refused(`an image layout to ${disk}/l`, `${disk}/l`),
    ...refused(`an image layout to ${disk}/new`),
    ...refused(`an image layout to ${disk}/new`),
    ...refused(`${disk}/new.tar`),
    ...refused(`an image layout to ${disk}/l`, `${disk}/l`),
    ...refused(`an image layout to ${disk}/l`, `${disk}/l`),
    ...refused(`${disk}/l`, `${disk}/l`),
    'what stands there already:',
    ...['disk', 'k.key', 'k.pub', 'l', 'pw', 'store'],
  ]);
});

test('a layout that is only looked at is not touched, not even for a moment', async (t) => {
  const folder = await testFolder(t);
  await writeKinds(join(folder, 'l'));
  const sheaf = sheafIn(folder);
  await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:list');
  await sheaf.ok('image', 'copy', 'oci:l:image', 'oci:to:one');
  const touched = async () => (await stat(join(folder, 'to'), { bigint: true })).mtimeNs;
  const before = await touched();
  for (const argv of [
    ['image', 'copy', '--all', 'oci:l:list', 'oci:to:two'],
    ['manifest', 'push', 'app', 'oci:to:two'],
    ['store', 'export', 'oci:to'],
  ]) {
    await sheaf.ok(...argv, '--dry-run');
    assert.equal(await touched(), before, argv.join(' '));
  }
});

test('what comes after a push is told: the file of the digest, and the list that goes', async (t) => {
  const folder = await testFolder(t);
  const { list } = await writeKinds(join(folder, 'l'));
  const sheaf = sheafIn(folder);
  const id = await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:list');
  const push = ['manifest', 'push', '--rm', '--digestfile', 'digest', 'app', 'oci:to:one'];
  const lines = `  write         the digest to digest\n  remove        the list localhost/app:latest (${id})\n`;
  assert.ok((await sheaf.ok(...push, '--dry-run')).includes(lines));
  const told = JSON.parse(await sheaf.ok(...push, '--dry-run', '--json'));
  assert.deepEqual([told.digest, told.digestFile, told.removedList], [list, 'digest', id]);
  assert.deepEqual((await readdir(folder)).sort(), ['l', 'store']);

  await sheaf.ok('manifest', 'push', 'app', 'oci:to:one');
  const again = await sheaf.ok(...push, '--dry-run');
  assert.ok(again.includes(lines) && again.endsWith('\nNothing to send: everything is there already.'), again);
  const copy = ['image', 'copy', '--all', '--digestfile', '', 'oci:l:list', 'oci:to:one'];
  assert.match(await sheaf.ok(...copy, '--dry-run'), /\nNothing to do: everything is there already\.$/);

  const done = JSON.parse(await sheaf.ok(...push, '--json'));
  assert.deepEqual([done.digest, done.digestFile, done.removedList], [list, 'digest', id]);
  assert.equal(await readFile(join(folder, 'digest'), 'utf8'), list);
  assert.equal((await sheaf.run('manifest', 'exists', 'app')).code, 1);
});
