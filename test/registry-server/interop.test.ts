/** Real clients against this registry: what they push, mount, list, pull and delete is what is there. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { RegistryOptions } from '../../src/registry-server/index.ts';
import { basicAuth, bearerAuth } from '../support/auth.ts';
import { testFolder } from '../support/folders.ts';
import { http } from '../support/http.ts';
import { isolatedPeers, type PeerName, type Peers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { content, type SeededContent, seedImage, seedIndex } from '../support/seed.ts';

/** The ports of these tests among those to which the peers speak plain HTTP. */
const ports = [5004, 5005];

interface Scene {
  registry: TestRegistry;
  peers: Peers;
  /** `127.0.0.1:5004/source/app`, with the tags `v1` (an index of two platforms), `amd64` and `arm64`. */
  source: string;
  index: SeededContent;
}

async function scene(t: TestContext, options: Partial<RegistryOptions> = {}): Promise<Scene> {
  const peers = await isolatedPeers(t);
  const directory = await testFolder(t);
  const registry = await withRegistry(t, { storage: { directory }, port: await leasePort(t, ports), ...options });
  return { registry, peers, ...(await seedPlatforms(registry)) };
}

async function seedPlatforms(registry: TestRegistry): Promise<{ source: string; index: SeededContent }> {
  const images = [];
  for (const architecture of ['amd64', 'arm64']) {
    const tar = tarLayer(`for ${architecture}`);
    const diffIds = [content('', tar).digest];
    const platform = { os: 'linux', architecture };
    images.push(
      await seedImage(registry, 'source/app', { tag: architecture, platform, layers: [gzipSync(tar)], diffIds }),
    );
  }
  const index = await seedIndex(registry, 'source/app', images, { tag: 'v1' });
  registry.faults.reset();
  return { source: `${registry.host}/source/app`, index };
}

/** A tar archive with the one file `hello` in it. */
function tarLayer(text: string): Buffer {
  const header = Buffer.alloc(512);
  header.write('hello', 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const data = Buffer.alloc(512);
  data.write(text);
  return Buffer.concat([header, data, Buffer.alloc(1024)]);
}

function interop(name: string, needs: readonly PeerName[], body: (t: TestContext) => Promise<void>): void {
  test(name, { skip: skipWithout(...needs), timeout: 240_000 }, body);
}

async function digestOf(registry: TestRegistry, path: string): Promise<string | undefined> {
  const answer = await http(`${registry.url}/v2/${path}`, { method: 'HEAD' });
  return answer.status === 200 ? String(answer.headers['docker-content-digest']) : undefined;
}

interop('crane copies with mounts, lists, reads, tags and deletes', ['crane'], async (t) => {
  const { registry, peers, source, index } = await scene(t);
  const target = `${registry.host}/target/app`;
  await peers.ok('crane', ['copy', `${source}:v1`, `${target}:v1`]);
  assert.equal(await digestOf(registry, 'target/app/manifests/v1'), index.digest);
  const mounts = registry.faults.seen({ method: 'POST', path: /mount=/ });
  assert.deepEqual([mounts.length, new Set(mounts.map(({ status }) => status))], [4, new Set([201])]);
  assert.equal(
    registry.faults.requests.some(({ method }) => method === 'PATCH'),
    false,
    'nothing is uploaded',
  );

  assert.equal(await peers.ok('crane', ['digest', `${target}:v1`]), `${index.digest}\n`);
  assert.deepEqual(await peers.ok('crane', ['manifest', `${target}:v1`]), index.bytes.toString());
  await peers.ok('crane', ['tag', `${target}:v1`, 'v2']);
  assert.equal(await peers.ok('crane', ['ls', target]), 'v1\nv2\n');
  assert.equal(await peers.ok('crane', ['catalog', registry.host]), 'source/app\ntarget/app\n');
  await peers.ok('crane', ['validate', '--remote', `${source}:v1`]);
  await peers.ok('crane', ['delete', `${target}:v1`]);
  assert.equal(await peers.ok('crane', ['ls', target]), 'v2\n');
  await peers.ok('crane', ['delete', `${target}@${index.digest}`]);
  assert.equal(await digestOf(registry, 'target/app/manifests/v2'), undefined);
});

interop('crane appends a layer and pushes the image', ['crane'], async (t) => {
  const { registry, peers, source } = await scene(t);
  await writeFile(join(peers.folder, 'layer.tar'), tarLayer('more'));
  const target = `${registry.host}/target/app:more`;
  await peers.ok('crane', ['append', '-b', `${source}:amd64`, '-f', join(peers.folder, 'layer.tar'), '-t', target]);
  const config = JSON.parse(await peers.ok('crane', ['config', target]));
  assert.equal(config.rootfs.diff_ids.length, 2);
});

interop('skopeo copies out and in, inspects, lists and deletes', ['skopeo'], async (t) => {
  const { registry, peers, source, index } = await scene(t);
  const layout = `oci:${join(peers.folder, 'layout')}:v1`;
  const target = `docker://${registry.host}/target/app:v1`;
  await peers.ok('skopeo', ['copy', '--all', `docker://${source}:v1`, layout]);
  await peers.ok('skopeo', ['copy', '--all', layout, target]);
  assert.equal(await peers.ok('skopeo', ['inspect', '--raw', target]), index.bytes.toString());
  const inspected = JSON.parse(await peers.ok('skopeo', ['inspect', '--override-arch', 'arm64', target]));
  assert.deepEqual([inspected.Architecture, inspected.RepoTags], ['arm64', ['v1']]);
  const listed = JSON.parse(await peers.ok('skopeo', ['list-tags', `docker://${source}`]));
  assert.deepEqual(listed.Tags, ['amd64', 'arm64', 'v1']);
  await peers.ok('skopeo', ['delete', target]);
  assert.equal(await digestOf(registry, 'target/app/manifests/v1'), undefined);
  assert.equal(
    registry.faults.requests.some(({ status }) => typeof status === 'number' && status >= 500),
    false,
  );
});

interop('skopeo mounts between repositories', ['skopeo'], async (t) => {
  const { registry, peers, source, index } = await scene(t);
  const target = `docker://${registry.host}/target/app:v1`;
  await peers.ok('skopeo', ['copy', '--all', `docker://${source}:v1`, target]);
  assert.equal(await digestOf(registry, 'target/app/manifests/v1'), index.digest);
  assert.ok(registry.faults.seen({ method: 'POST', path: /mount=/ }).some(({ status }) => status === 201));
});

interop('oras pushes artifacts, attaches, discovers, pulls and deletes', ['oras'], async (t) => {
  const { registry, peers, source, index } = await scene(t);
  const target = `${registry.host}/artifact/app:v1`;
  await writeFile(join(peers.folder, 'notes.txt'), 'notes');
  await writeFile(join(peers.folder, 'sbom.json'), '{}');
  await peers.ok('oras', [
    'push',
    '--plain-http',
    target,
    'notes.txt:text/plain',
    '--artifact-type',
    'application/x-notes',
  ]);
  await peers.ok('oras', ['pull', '--plain-http', target, '-o', 'pulled']);
  assert.equal(await readFile(join(peers.folder, 'pulled', 'notes.txt'), 'utf8'), 'notes');

  const attach = ['attach', '--plain-http', `${source}:v1`, 'sbom.json', '--artifact-type'];
  await peers.ok('oras', [...attach, 'application/x-sbom', '-a', 'org.example.tool=test']);
  await peers.ok('oras', [...attach, 'application/x-other']);
  const discover = ['discover', '--plain-http', '--format', 'json', `${source}:v1`];
  const all = JSON.parse(await peers.ok('oras', discover));
  const typesOf = (found: { referrers: Array<{ artifactType: string }> }) => found.referrers.map((r) => r.artifactType);
  assert.deepEqual(typesOf(all).sort(), ['application/x-other', 'application/x-sbom']);
  const some = JSON.parse(await peers.ok('oras', [...discover, '--artifact-type', 'application/x-sbom']));
  assert.deepEqual(typesOf(some), ['application/x-sbom']);
  assert.equal(
    await digestOf(registry, `source/app/manifests/${index.digest.replace(':', '-')}`),
    undefined,
    'no tag scheme',
  );

  await peers.ok('oras', [
    'copy',
    '--from-plain-http',
    '--to-plain-http',
    '-r',
    `${source}:v1`,
    `${registry.host}/copy/app:v1`,
  ]);
  assert.equal(await digestOf(registry, 'copy/app/manifests/v1'), index.digest);
  assert.equal(await peers.ok('oras', ['repo', 'tags', '--plain-http', source]), 'amd64\narm64\nv1\n');
  assert.match(
    await peers.ok('oras', ['repo', 'ls', '--plain-http', registry.host]),
    /artifact\/app\ncopy\/app\nsource\/app/,
  );
  await peers.ok('oras', ['manifest', 'delete', '--plain-http', '-f', target]);
  assert.equal(await digestOf(registry, 'artifact/app/manifests/v1'), undefined);
});

interop('podman pulls by platform, pushes images and manifest lists', ['podman'], async (t) => {
  const { registry, peers, source } = await scene(t);
  const image = (await peers.ok('podman', ['pull', '-q', '--platform', 'linux/arm64', `${source}:v1`])).trim();
  assert.equal((await peers.ok('podman', ['inspect', '--format', '{{.Architecture}}', image])).trim(), 'arm64');
  await peers.ok('podman', ['push', image, `${registry.host}/target/app:pushed`]);
  assert.notEqual(await digestOf(registry, 'target/app/manifests/pushed'), undefined);

  await peers.ok('podman', ['manifest', 'create', 'list']);
  await peers.ok('podman', ['manifest', 'add', '--all', 'list', `docker://${source}:v1`]);
  await peers.ok('podman', ['manifest', 'push', '--all', 'list', `docker://${registry.host}/target/list:v1`]);
  const pushed = await http(`${registry.url}/v2/target/list/manifests/v1`);
  assert.equal(JSON.parse(pushed.text).manifests.length, 2);
});

interop('buildah reads an index and pushes one', ['buildah'], async (t) => {
  const { registry, peers, source, index } = await scene(t);
  const inspected = JSON.parse(await peers.ok('buildah', ['manifest', 'inspect', `${source}:v1`]));
  assert.deepEqual(inspected.manifests, JSON.parse(index.bytes.toString()).manifests);
  await peers.ok('buildah', ['manifest', 'create', 'list', `${source}:amd64`]);
  await peers.ok('buildah', ['manifest', 'push', '--all', 'list', `docker://${registry.host}/target/list:v1`]);
  assert.notEqual(await digestOf(registry, 'target/list/manifests/v1'), undefined);
});

interop('clients log in: basic, and bearer tokens', ['crane', 'skopeo'], async (t) => {
  const users = { alice: 'secret' };
  const bearer = await bearerAuth(t, { users, anonymousPull: false });
  for (const authorize of [basicAuth(users), bearer.authorize]) {
    await t.test(authorize === bearer.authorize ? 'bearer' : 'basic', async (inner) => {
      let open = true;
      const { registry, peers, source, index } = await scene(inner, {
        authorize: (access) => (open ? 'allow' : authorize(access)),
      });
      open = false;
      const target = `docker://${registry.host}/target/app:v1`;
      const creds = ['--src-creds', 'alice:secret', '--dest-creds', 'alice:secret'];
      await peers.ok('skopeo', ['copy', '--all', ...creds, `docker://${source}:v1`, target]);
      const refused = await peers.run('skopeo', ['inspect', '--raw', '--creds', 'alice:wrong', target]);
      assert.notEqual(refused.code, 0);
      await peers.ok('crane', ['auth', 'login', registry.host, '-u', 'alice', '--password-stdin'], { input: 'secret' });
      assert.equal(await peers.ok('crane', ['digest', `${registry.host}/target/app:v1`]), `${index.digest}\n`);
    });
  }
});
