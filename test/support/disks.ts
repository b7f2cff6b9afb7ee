/** Small disks, which fill up or become read-only. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** Whether a process may mount file systems of its own here; they go with it. */
function canMount(): boolean {
  return spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;
}

/**
 * Runs a shell script in which the folder `dir`, `$D`, is a disk of one MiB, and gives what it printed; `undefined` where that
 * cannot be, and the test is skipped. `env`: more variables for the script.
 */
export function onSmallDisk(
  t: TestContext,
  dir: string,
  script: string,
  env: Readonly<Record<string, string>>,
): string | undefined {
  if (!canMount()) {
    t.skip('no file system can be mounted here');
    return undefined;
  }
  mkdirSync(dir, { recursive: true });
  return execFileSync('unshare', ['-rm', 'sh', '-ec', `mount -t tmpfs -o size=1m tmpfs "$D"\n${script}`], {
    encoding: 'utf8',
    env: { ...process.env, D: dir, NODE: process.execPath, ...env },
  });
}
