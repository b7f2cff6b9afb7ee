/** Places on this machine, as people name them on the command line: shared blobs, daemons, garbage. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sheafIn } from '../interop/tools.ts';
import { testEnv } from '../support/env.ts';
import { diffIds, readAll, writeKinds } from '../transports/support.ts';

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const sheaf = sheafIn(join(env.folder, 'home'));
  const digests = await writeKinds(join(sheaf.folder, 'l'));
  return { env, sheaf, digests, at: (name: string) => join(sheaf.folder, name) };
}

describe('image prune', () => {
  it('tells what goes, in text and JSON, and does it', async (t) => {
    const { env, sheaf, digests, at } = await prepare(t);
    await sheaf.ok('image', 'copy', '--all', 'oci:l:list', 'oci:to:one');
    await sheaf.ok('image', 'copy', 'oci:l:artifact', 'oci:to:one');
    assert.equal(await sheaf.ok('image', 'prune', 'oci:to'), '');
    const told = await sheaf.ok('image', 'prune', '--unnamed', '--dry-run', 'oci:to');
    assert.equal(told.split('\n').length, 8);
    assert.ok(told.includes(digests.list));
    assert.equal(await sheaf.ok('image', 'prune', '--unnamed', '--older-than', '1h', 'oci:to'), '');
    await sheaf.ok('image', 'copy', '--all', 'oci:l:list', 'oci:to:two');
    await sheaf.ok('image', 'copy', 'oci:l:artifact', 'oci:to:two');
    const done = JSON.parse(await sheaf.ok('image', 'prune', '--unnamed', '--json', 'oci:to')) as {
      layout: string;
      dryRun: boolean;
      bytes: number;
      entries: Array<{ digest: string }>;
      blobs: Array<{ digest: string; size: number }>;
    };
    assert.equal(done.layout, at('to'));
    assert.equal(done.dryRun, false);
    assert.deepEqual(done.blobs.map(({ digest }) => digest).join('\n'), told);
    assert.equal(
      done.bytes,
      done.blobs.reduce((sum, { size }) => sum + size, 0),
    );
    assert.deepEqual(
      done.entries.map(({ digest }) => digest),
      [digests.list],
    );
    assert.deepEqual(await readAll(env, `oci:${at('to')}:one`), await readAll(env, `oci:${at('l')}:artifact`));
    await sheaf.fails(2, 'image', 'prune', 'oci:to:one');
    await sheaf.fails(2, 'image', 'prune', 'to');
    await sheaf.fails(3, 'image', 'prune', 'oci:nowhere');
  });
});

describe('shared blobs', () => {
  it('have a flag for each side of a copy, and one where there is one side', async (t) => {
    const { env, sheaf, digests, at } = await prepare(t);
    await sheaf.ok('image', 'copy', '--all', '--dest-shared-blob-dir', 'sh', 'oci:l:list', 'oci:a:one');
    assert.deepEqual(await readdir(at('a/blobs')), []);
    await sheaf.fails(3, 'image', 'copy', '--all', 'oci:a:one', 'oci:b:one');
    await sheaf.ok('image', 'copy', '--all', '--src-shared-blob-dir', 'sh', 'oci:a:one', 'oci:b:one');
    assert.deepEqual(await readAll(env, `oci:${at('b')}:one`), await readAll(env, `oci:${at('l')}:list`));
    assert.match(await sheaf.ok('image', 'inspect', '--shared-blob-dir', 'sh', 'oci:a:one'), new RegExp(digests.list));
    await sheaf.ok('manifest', 'create', '--all', '--shared-blob-dir', 'sh', 'x', 'oci:a:one');
    const pushed = await sheaf.ok('manifest', 'push', '-q', '--shared-blob-dir', 'other', 'x', 'oci:c:one');
    assert.equal(pushed, digests.list);
    assert.deepEqual(
      await readAll(env, `oci:[${at('other')}]${at('c')}:one`),
      await readAll(env, `oci:${at('l')}:list`),
    );
    await sheaf.fails(3, 'image', 'prune', 'oci:sh');
    assert.equal(await sheaf.ok('image', 'prune', 'oci:a'), '');
    assert.ok((await readdir(at('sh/sha256'))).length > 0);
  });
});

describe('docker archives', () => {
  it('have the images of a list, also through standard output and input', async (t) => {
    const { env, sheaf, at } = await prepare(t);
    const ran = await sheaf.run('image', 'copy', '--all', 'oci:l:list', 'docker-archive:a.tar:app:1');
    assert.match(
      ran.stderr,
      /a\.tar keeps images and no lists: linux\/amd64 as docker\.io\/library\/app:1-linux-amd64/,
    );
    for (const [tag, kind] of [
      ['1-linux-amd64', 'image'],
      ['1-linux-arm64-v8', 'arm64'],
    ]) {
      assert.deepEqual(
        await diffIds(env, `docker-archive:${at('a.tar')}:app:${tag}`),
        await diffIds(env, `oci:${at('l')}:${kind}`),
      );
    }
    const dry = await sheaf.ok('image', 'copy', '--dry-run', '--all', 'oci:l:list', 'docker-archive:b.tar:app:1');
    assert.match(dry, /note: .*b\.tar keeps images and no lists/);
    await sheaf.ok('manifest', 'create', '--all', 'x', 'oci:l:zstd-list');
    await sheaf.ok('manifest', 'push', 'x', 'docker-archive:b.tar:app:1');
    assert.deepEqual(await readFile(at('a.tar')), await readFile(at('b.tar')));
    await sheaf.ok('image', 'copy', '--platform', 'linux/arm64', 'oci:l:list', 'docker-archive:c.tar:app:1');
    assert.deepEqual(
      await diffIds(env, `docker-archive:${at('c.tar')}:app:1`),
      await diffIds(env, `oci:${at('l')}:arm64`),
    );
    await sheaf.fails(2, 'image', 'copy', '--additional-tag', 'a b', 'oci:l:image', 'docker-archive:d.tar:app:1');
  });
});

describe('a daemon', () => {
  it('has a flag for each side', async (t) => {
    const { sheaf } = await prepare(t);
    const host = 'unix:///nowhere/docker.sock';
    for (const args of [
      ['image', 'copy', '--src-daemon-host', host, 'docker-daemon:app:1', 'oci:o:1'],
      ['image', 'copy', '--dest-daemon-host', host, 'oci:l:image', 'docker-daemon:app:1'],
      ['image', 'inspect', '--daemon-host', host, 'docker-daemon:app:1'],
      ['manifest', 'create', '--daemon-host', host, 'x', 'docker-daemon:app:1'],
    ]) {
      const { stderr } = await sheaf.fails(8, ...args);
      assert.match(stderr, /the Docker daemon at unix:\/\/\/nowhere\/docker\.sock does not answer/);
    }
    await sheaf.fails(7, 'image', 'copy', '--src-daemon-host', 'ssh://me@there', 'docker-daemon:app:1', 'oci:o:1');
  });
});
