import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StorageError } from '../../src/foundation/errors.ts';
import { startRegistry } from '../../src/registry-server/index.ts';
import { tagFromFileName, tagToFileName } from '../../src/registry-server/storage/folder-layout.ts';
import { onSmallDisk } from '../support/disks.ts';
import { cutRequestBodyAfter } from '../support/fault-kinds.ts';
import { testFolder } from '../support/folders.ts';
import { type HttpAnswer, http } from '../support/http.ts';
import { withRegistry } from '../support/registry.ts';
import { content, descriptor, imageOf, pushBlob, pushManifest, seedImage, seedIndex } from '../support/seed.ts';

async function contentFiles(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'blobs'), { recursive: true, withFileTypes: true }).catch(() => []);
  return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('everything is there again after a restart', async (t) => {
  const directory = await testFolder(t);
  const first = await withRegistry(t, { storage: { directory } });
  const image = await seedImage(first, 'team/app', { tag: 'v1' });
  const referrer = await seedImage(first, 'team/app', { members: { subject: descriptor(image) } });
  const index = await seedIndex(first, 'team/app', [image], { tag: 'Latest' });
  await first.close();

  const second = await withRegistry(t, { storage: { directory } });
  const base = `${second.url}/v2/team/app`;
  assert.deepEqual((await http(`${base}/manifests/v1`)).body, image.bytes);
  assert.deepEqual((await http(`${base}/manifests/Latest`)).body, index.bytes);
  assert.deepEqual((await http(`${base}/blobs/${image.config.digest}`)).body, image.config.bytes);
  assert.deepEqual(JSON.parse((await http(`${base}/tags/list`)).text).tags, ['Latest', 'v1']);
  const { manifests } = JSON.parse((await http(`${base}/referrers/${image.digest}`)).text);
  assert.deepEqual(
    manifests.map((one: { digest: string }) => one.digest),
    [referrer.digest],
  );
});

test('an upload goes on after a restart', async (t) => {
  const directory = await testFolder(t);
  const blob = content('application/octet-stream', 'first half, second half');
  const first = await withRegistry(t, { storage: { directory } });
  const begun = await http(`${first.url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
  const path = begun.headers.location ?? '';
  const half = blob.bytes.subarray(0, 10);
  assert.equal((await http(first.url + path, { method: 'PATCH', body: half })).status, 202);
  await first.close();

  const second = await withRegistry(t, { storage: { directory } });
  const status = await http(second.url + path);
  assert.equal(status.status, 204);
  assert.equal(status.headers.range, '0-9');
  const headers = { 'content-range': '10-22' };
  const rest = await http(second.url + path, { method: 'PATCH', body: blob.bytes.subarray(10), headers });
  assert.equal(rest.status, 202, rest.text);
  const done = await http(`${second.url}${path}?digest=${blob.digest}`, { method: 'PUT' });
  assert.equal(done.status, 201, done.text);
  assert.deepEqual((await http(`${second.url}/v2/team/app/blobs/${blob.digest}`)).body, blob.bytes);
});

test('uploads that nobody went on with for a week are removed at the start', async (t) => {
  const directory = await testFolder(t);
  const first = await withRegistry(t, { storage: { directory } });
  const paths: string[] = [];
  for (let i = 0; i < 2; i += 1) {
    const begun = await http(`${first.url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    paths.push(begun.headers.location ?? '');
  }
  await first.close();
  const [old = '', recent = ''] = paths;
  const longAgo = new Date(Date.now() - 8 * 24 * 3600 * 1000);
  await utimes(join(directory, 'uploads', old.split('/').at(-1) ?? '', 'data'), longAgo, longAgo);

  const second = await withRegistry(t, { storage: { directory } });
  assert.equal((await http(second.url + old)).status, 404);
  assert.equal((await http(second.url + recent)).status, 204);
  assert.equal((await readdir(join(directory, 'uploads'))).length, 1);
});

test('nothing is left of one request that broke off, as nobody could go on with it', async (t) => {
  const directory = await testFolder(t);
  const registry = await withRegistry(t, { storage: { directory } });
  const blob = content('application/octet-stream', 'never whole');
  registry.faults.on({ method: 'POST' }, cutRequestBodyAfter(3));
  const url = `${registry.url}/v2/team/app/blobs/uploads/?digest=${blob.digest}`;
  await assert.rejects(http(url, { method: 'POST', body: blob.bytes }));
  await registry.close();
  assert.deepEqual(await readdir(join(directory, 'uploads')), []);
});

test('equal content is kept once, and goes when the last repository gives it up', async (t) => {
  const directory = await testFolder(t);
  const registry = await withRegistry(t, { storage: { directory } });
  const remove = (path: string): Promise<HttpAnswer> => http(`${registry.url}/v2/${path}`, { method: 'DELETE' });
  const image = await seedImage(registry, 'one', { tag: 'v1' });
  await seedImage(registry, 'two/deep', { tag: 'v1' });
  assert.equal((await contentFiles(directory)).length, 3);

  await remove(`one/blobs/${image.config.digest}`);
  await remove(`one/manifests/${image.digest}`);
  assert.equal((await contentFiles(directory)).length, 3);
  await remove(`two/deep/blobs/${image.config.digest}`);
  await remove(`two/deep/manifests/${image.digest}`);
  const left = await contentFiles(directory);
  assert.deepEqual(
    left.map((path) => `sha256:${path.split('/').at(-1)}`),
    [image.layers[0]?.digest],
  );
});

test('content that was taken away by hand is not there, and comes back with a push', async (t) => {
  const directory = await testFolder(t);
  const registry = await withRegistry(t, { storage: { directory } });
  const image = await seedImage(registry, 'team/app', { tag: 'v1' });
  await rm(join(directory, 'blobs'), { recursive: true });
  const base = `${registry.url}/v2/team/app`;
  assert.equal((await http(`${base}/manifests/v1`)).status, 404);
  assert.equal((await http(`${base}/blobs/${image.config.digest}`)).status, 404);
  const mount = `${registry.url}/v2/other/blobs/uploads/?mount=${image.config.digest}&from=team/app`;
  assert.equal((await http(mount, { method: 'POST' })).status, 202);
  await seedImage(registry, 'team/app', { tag: 'v1' });
  assert.equal((await http(`${base}/manifests/v1`)).status, 200);
});

test('a folder that holds something else is left alone', async (t) => {
  const directory = await testFolder(t);
  await writeFile(join(directory, 'thesis.txt'), 'precious');
  await assert.rejects(
    startRegistry({ storage: { directory } }),
    (error) => error instanceof StorageError && error.code === 'NOT_A_REGISTRY',
  );
  assert.deepEqual(await readdir(directory), ['thesis.txt']);

  await assert.rejects(
    startRegistry({ storage: { directory: join(directory, 'thesis.txt') } }),
    (error) => error instanceof StorageError && error.hint !== undefined,
  );
  const fresh = join(directory, 'new', 'deep');
  await mkdir(join(fresh, 'lost+found'), { recursive: true });
  await (await withRegistry(t, { storage: { directory: fresh } })).close();
});

test('a full disk is told as such, and what did not fit does not keep it full', async (t) => {
  const disk = join(await testFolder(t), 'disk');
  const program = fileURLToPath(new URL('fill-disk.ts', import.meta.url));
  const out = onSmallDisk(t, disk, '"$NODE" "$PROGRAM" "$D"', { PROGRAM: program });
  if (out === undefined) return;
  const said = JSON.parse(out);
  assert.deepEqual(said.statuses, [507, 404, 507, 507, 201, 507, 200]);
  assert.match(said.text, /no space left on the disk of the registry/);
  assert.deepEqual([said.left, said.leftWhenFull], [[], []]);
  assert.match(said.again, /^cannot use .*registry as the folder of a registry: ENOSPC.* \/ The disk is full/);
});

test('a folder is served by one registry at a time', async (t) => {
  const directory = await testFolder(t);
  const inUse = (error: unknown): boolean => error instanceof StorageError && error.code === 'FOLDER_IN_USE';
  const first = await withRegistry(t, { storage: { directory } });
  await assert.rejects(startRegistry({ storage: { directory } }), inUse);
  // a start that fails later leaves the folder free
  await first.close();
  const busy = await withRegistry(t);
  await assert.rejects(startRegistry({ storage: { directory }, port: busy.port }), { code: 'CANNOT_LISTEN' });

  const other = await serverProcess(directory);
  t.after(() => other.child.kill('SIGKILL'));
  await assert.rejects(startRegistry({ storage: { directory } }), inUse);
  const claim = join(directory, 'server.pid');
  const held = await readFile(claim, 'utf8');
  other.child.kill('SIGKILL');
  await once(other.child, 'exit');
  await (await withRegistry(t, { storage: { directory } })).close();
  assert.deepEqual((await readdir(directory)).sort(), ['registry.json', 'scratch']);

  // the number of a process that is gone may be ours today
  await writeFile(claim, String(process.pid));
  await (await withRegistry(t, { storage: { directory } })).close();
  await writeFile(claim, '');
  await (await withRegistry(t, { storage: { directory } })).close();

  // or that of somebody else
  const [, host] = held.split(' ');
  await writeFile(claim, `${process.ppid} ${host} ffffffff`);
  if (process.platform === 'linux') await (await withRegistry(t, { storage: { directory } })).close();
});

test('file names of tags', () => {
  for (const [tag, name] of [
    ['latest', 'latest'],
    ['Latest', 'latest+1'],
    ['v1.0-RC', 'v1.0-rc+60'],
    ['X'.repeat(128), `${'x'.repeat(128)}+${'f'.repeat(32)}`],
  ] as const) {
    assert.equal(tagToFileName(tag), name);
    assert.equal(tagFromFileName(name), tag);
    assert.ok(name.length <= 255);
  }
});

interface ServerProcess {
  url: string;
  child: ChildProcess;
}

async function serverProcess(directory: string): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'serve-folder.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { url: String(line).trim(), child };
}

/** Pushes until the registry is gone; returns the tags that it confirmed. */
async function pushUntilKilled({ url }: ServerProcess, round: number): Promise<string[]> {
  const confirmed: string[] = [];
  const pushOne = async (i: number): Promise<void> => {
    const tag = `r${round}-${i}`;
    const image = imageOf({ layers: [Buffer.alloc(200_000, `${tag} `), tag] });
    for (const blob of [image.config, ...image.layers]) await pushBlob({ url }, 'team/app', blob);
    await pushManifest({ url }, 'team/app', image, tag);
    confirmed.push(tag);
  };
  await Promise.allSettled(Array.from({ length: 6 }, (_, i) => pushOne(i)));
  return confirmed;
}

test('a registry that is killed leaves nothing half done', { timeout: 120_000 }, async (t) => {
  const directory = await testFolder(t);
  const confirmed: string[] = [];
  const rounds = Number(process.env['SHEAF_KILL_ROUNDS'] ?? 5);
  for (let round = 0; round < rounds; round += 1) {
    const server = await serverProcess(directory);
    t.after(() => server.child.kill('SIGKILL'));
    const pushing = pushUntilKilled(server, round);
    setTimeout(() => server.child.kill('SIGKILL'), Math.random() * 250);
    confirmed.push(...(await pushing));
    server.child.kill('SIGKILL');
    if (server.child.exitCode === null && server.child.signalCode === null) await once(server.child, 'exit');

    for (const path of await contentFiles(directory)) {
      const [algorithm = '', hex] = path.split('/').slice(-2);
      assert.equal(
        createHash(algorithm)
          .update(await readFile(path))
          .digest('hex'),
        hex,
      );
    }
    const registry = await withRegistry(t, { storage: { directory } });
    const base = `${registry.url}/v2/team/app`;
    const list = await http(`${base}/tags/list`);
    const tags: string[] = list.status === 404 ? [] : JSON.parse(list.text).tags;
    for (const tag of confirmed) assert.ok(tags.includes(tag), `${tag} was confirmed and is gone`);
    for (const tag of tags) {
      const manifest = await http(`${base}/manifests/${tag}`);
      assert.equal(manifest.status, 200, `${tag} points to nothing`);
      const { config, layers } = JSON.parse(manifest.text);
      for (const { digest } of [config, ...layers]) {
        assert.equal((await http(`${base}/blobs/${digest}`, { method: 'HEAD' })).status, 200, `${tag} is incomplete`);
      }
    }
    assert.deepEqual(await readdir(join(directory, 'scratch')), []);
    await registry.close();
  }
});
