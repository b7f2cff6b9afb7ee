/** `--dry-run` of copies, pushes and signing: it tells what the real run then does, and fails where that would. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
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
    'what stands there already:',
    ...['disk', 'l', 'store'],
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
