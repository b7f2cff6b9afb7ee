/** What is written is on the disk, with its name, before anything names it, and before a copy says that it is done. */
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testEnv } from '../support/env.ts';
import { copy, writeKinds } from './support.ts';

/** Paths of files and folders, in the order in which they are synced from now on. */
async function watchSyncs(t: TestContext): Promise<string[]> {
  const synced: string[] = [];
  const handle = await open('.', 'r');
  const handles = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = handles;
  t.mock.method(handles, 'sync', function record(this: FileHandle): Promise<void> {
    synced.push(readlinkSync(`/proc/self/fd/${this.fd}`));
    return sync.call(this);
  });
  return synced;
}

describe('outlasts a power cut', { skip: process.platform !== 'linux' }, () => {
  it('a layout: the names of blobs before index.json, and that before the end', async (t) => {
    const env = await testEnv(t);
    await writeKinds(join(env.folder, 'from'));
    const to = join(env.folder, 'to');
    const synced = await watchSyncs(t);
    await copy(env, `oci:${env.folder}/from:list`, `oci:${to}:list`);
    const index = synced.findIndex((path) => basename(path).startsWith('index.json.'));
    const folder = join(to, 'blobs', 'sha256');
    const lastBlob = synced.findLastIndex((path) => path.startsWith(`${folder}/`));
    const names = synced.lastIndexOf(folder);
    assert.ok(lastBlob >= 0 && lastBlob < names && names < index, synced.join('\n'));
    assert.deepEqual(synced.slice(index + 1), [to, env.folder]);
  });

  for (const [transport, name] of [
    ['oci-archive', 'list'],
    ['docker-archive', 'app:1'],
  ]) {
    it(`an archive (${transport})`, async (t) => {
      const env = await testEnv(t);
      await writeKinds(join(env.folder, 'from'));
      const synced = await watchSyncs(t);
      await copy(env, `oci:${env.folder}/from:list`, `${transport}:${env.folder}/a.tar:${name}`);
      const [file = '', folder] = synced.slice(-2);
      assert.ok(basename(file).startsWith('a.tar.'), synced.join('\n'));
      assert.equal(folder, env.folder);
    });
  }
});
