/**
 * The main job: a list of eight platforms, made of images that stand in a real CNCF registry, goes to another repository
 * there and to another registry, and everybody else's programs accept it.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fixtureImage, pushFixtureImage } from '../../fixtures/images.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { testFolder } from '../support/folders.ts';
import { isolatedPeers, type Peers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { type RealRegistry, realRegistry, withRegistry } from '../support/registry.ts';
import { readManifest } from './compare.ts';
import { countingProxy } from './counting-proxy.ts';
import { eightPlatforms, must, pushSources, type Sources } from './sources.ts';
import { type Sheaf, sheafIn } from './tools.ts';

const keys = Object.keys(eightPlatforms);
/** A config and a layer for each, and the layer that all share. */
const blobs = 2 * keys.length + 1;
const insecure = '--tls-verify=false';

async function realSources(t: TestContext): Promise<{ registry: RealRegistry; sources: Sources }> {
  const registry = await realRegistry(t, { port: await leasePort(t) });
  return { registry, sources: await pushSources(registry.url) };
}

/** A list called `app` of all eight, from the registry at `host`. */
async function makeList(t: TestContext, host: string): Promise<Sheaf> {
  const sheaf = sheafIn(await testFolder(t));
  await sheaf.ok('manifest', 'create', insecure, 'app', ...keys.map((key) => `docker://${host}/src/app:${key}`));
  return sheaf;
}

async function digestAt(url: string, repository: string, tag: string): Promise<string | null> {
  const accept = 'application/vnd.oci.image.index.v1+json';
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, { method: 'HEAD', headers: { accept } });
  assert.equal(answer.status, 200);
  return answer.headers.get('docker-content-digest');
}

const needs = skipWithout('registry', 'skopeo', 'crane', 'podman', 'buildah', 'oras');

test('a list of eight platforms goes to another repository and to another registry, and all peers accept it', {
  skip: needs,
}, async (t) => {
  const { registry, sources } = await realSources(t);
  const other = await realRegistry(t, { port: await leasePort(t) });
  const sheaf = await makeList(t, registry.host);
  const peers = await isolatedPeers(t);
  for (const { url, host } of [registry, other]) {
    const printed = await sheaf.ok('manifest', 'push', insecure, 'app', `docker://${host}/release/app:1.0`);
    assert.equal(printed, await digestAt(url, 'release/app', '1.0'));
    const pushed = await readManifest(host, 'release/app', '1.0');
    assert.ok(pushed !== undefined);
    assert.equal(digestOf(pushed.bytes), printed);
    const entries = (JSON.parse(pushed.bytes.toString()) as { manifests: Array<{ digest: string; platform: object }> })
      .manifests;
    assert.deepEqual(
      entries.map(({ digest, platform }) => ({ digest, platform })),
      keys.map((key) => ({ digest: must(sources.images, key).manifest.digest, platform: must(eightPlatforms, key) })),
    );
    await readByPeers(peers, `${host}/release/app:1.0`, pushed.bytes.toString(), printed);
    await pullByPodman(peers, `${host}/release/app:1.0`);
  }
});

async function readByPeers(peers: Peers, name: string, document: string, digest: string): Promise<void> {
  assert.equal(await peers.ok('skopeo', ['inspect', '--raw', `docker://${name}`]), document);
  assert.equal((await peers.ok('skopeo', ['inspect', '--format', '{{.Digest}}', `docker://${name}`])).trim(), digest);
  // crane ends its output with a line end of its own
  assert.equal((await peers.ok('crane', ['manifest', name])).replace(/\n$/, ''), document);
  assert.equal((await peers.ok('crane', ['digest', name])).trim(), digest);
  await peers.ok('crane', ['validate', '--remote', name]);
  assert.equal(await peers.ok('oras', ['manifest', 'fetch', '--plain-http', name]), document);
  const seen = JSON.parse(await peers.ok('buildah', ['manifest', 'inspect', insecure, name])) as object;
  assert.deepEqual(seen, JSON.parse(document));
}

/** Platforms of all sorts: without variant, with one that is the default, with one that is not. */
async function pullByPodman(peers: Peers, name: string): Promise<void> {
  for (const platform of ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/s390x']) {
    const id = (await peers.ok('podman', ['pull', '--quiet', insecure, '--platform', platform, name])).trim();
    const [found] = JSON.parse(await peers.ok('podman', ['image', 'inspect', id])) as [
      { Os: string; Architecture: string },
    ];
    assert.equal(`${found.Os}/${found.Architecture}`, platform.split('/').slice(0, 2).join('/'));
  }
}

test('a list that was not edited keeps its bytes, whoever formatted them', {
  skip: skipWithout('registry'),
}, async (t) => {
  const { registry } = await realSources(t);
  const other = await realRegistry(t, { port: await leasePort(t) });
  const sheaf = sheafIn(await testFolder(t));
  for (const key of ['four', 'pretty', 'attested', 'docker', 'twice', 'nested']) {
    const source = await readManifest(registry.host, 'src/list', key);
    for (const { host } of [registry, other]) {
      await sheaf.ok(
        'manifest',
        'create',
        insecure,
        '--replace',
        '--all',
        key,
        `docker://${registry.host}/src/list:${key}`,
      );
      const printed = await sheaf.ok('manifest', 'push', insecure, key, `docker://${host}/kept/${key}:1`);
      const pushed = await readManifest(host, `kept/${key}`, '1');
      assert.deepEqual(pushed, source, `${key} at ${host}`);
      assert.equal(printed, digestOf(source?.bytes ?? Buffer.of()));
    }
  }
  // add --all onto an empty list is the same
  await sheaf.ok('manifest', 'create', 'added');
  await sheaf.ok('manifest', 'add', insecure, '--all', 'added', `docker://${registry.host}/src/list:pretty`);
  await sheaf.ok('manifest', 'push', insecure, 'added', `docker://${registry.host}/kept/added:1`);
  assert.deepEqual(
    await readManifest(registry.host, 'kept/added', '1'),
    await readManifest(registry.host, 'src/list', 'pretty'),
  );
  // and an edit shows
  await sheaf.ok('manifest', 'annotate', '--index', '--annotation', 'a=b', 'added');
  await sheaf.ok('manifest', 'push', insecure, 'added', `docker://${registry.host}/kept/added:2`);
  const edited = await readManifest(registry.host, 'kept/added', '2');
  assert.match(edited?.bytes.toString() ?? '', /^\{"schemaVersion":2,.*"annotations":\{"a":"b"\}\}$/);
});

test('blobs of the same registry are mounted, not uploaded: a real registry', {
  skip: skipWithout('registry'),
}, async (t) => {
  const { registry } = await realSources(t);
  const proxy = await countingProxy(t, registry.url);
  const sheaf = await makeList(t, proxy.host);
  const count = (method: string, path: RegExp, status?: number): number =>
    proxy.passed.filter(
      (one) => one.method === method && path.test(one.target) && (status === undefined || one.status === status),
    ).length;

  proxy.forget();
  await sheaf.ok('manifest', 'push', insecure, 'app', `docker://${proxy.host}/release/app:1.0`);
  assert.equal(count('POST', /[?&]mount=/, 201), blobs);
  assert.equal(count('POST', /./), blobs);
  assert.equal(count('PATCH', /./), 0);
  assert.equal(count('PUT', /\/blobs\//), 0);
  assert.equal(count('GET', /\/blobs\//), 0);
  assert.equal(count('PUT', /\/manifests\/sha256:/, 201), keys.length);
  assert.equal(count('PUT', /\/manifests\/1\.0$/, 201), 1);
  assert.equal(
    proxy.passed.filter((one) => one.target.includes('/blobs/')).reduce((sum, one) => sum + one.bytes, 0),
    0,
  );
  // nothing is asked twice
  const heads = proxy.passed.filter((one) => one.method === 'HEAD').map((one) => one.target);
  assert.deepEqual(heads, [...new Set(heads)]);
  assert.ok(proxy.passed.at(-1)?.target.endsWith('/manifests/1.0'), 'the tag is the last thing that is written');

  proxy.forget();
  await sheaf.ok('manifest', 'push', insecure, 'app', `docker://${proxy.host}/release/app:1.0`);
  assert.deepEqual(
    // a machine with registries.d asks whether the registry keeps signatures
    proxy.passed.filter((one) => one.method !== 'HEAD' && one.target !== '/v2/'),
    [],
    'a second push changes nothing',
  );
});

test('blobs of the same registry are mounted, not uploaded: our own registry', async (t) => {
  const registry = await withRegistry(t);
  await pushSources(registry.url);
  const sheaf = await makeList(t, registry.host);
  const count = (method: string, path: RegExp): number => registry.faults.seen({ method, path }).length;

  registry.faults.reset();
  await sheaf.ok('manifest', 'push', insecure, 'app', `docker://${registry.host}/release/app:1.0`);
  assert.deepEqual(
    registry.faults.seen({ method: 'POST' }).map(({ status }) => status),
    Array.from({ length: blobs }, () => 201),
  );
  assert.equal(count('POST', /[?&]mount=/), blobs);
  assert.equal(count('PATCH', /./), 0);
  assert.equal(count('PUT', /\/blobs\//), 0);
  assert.equal(count('GET', /\/blobs\//), 0);
  assert.equal(count('PUT', /\/manifests\//), keys.length + 1);
});

test('to another registry every blob is sent once, however many images have it', async (t) => {
  const [source, target] = [await withRegistry(t), await withRegistry(t)];
  for (const [key, platform] of Object.entries(eightPlatforms)) {
    const layers = [
      { 'etc/base': 'the same everywhere\n' },
      { 'etc/platform': `${Object.values(platform).join('/')}\n` },
    ];
    await pushFixtureImage(source.url, 'src/app', await fixtureImage({ platform, layers }), key);
  }
  const sheaf = await makeList(t, source.host);
  source.faults.reset();
  await sheaf.ok('manifest', 'push', insecure, 'app', `docker://${target.host}/release/app:1.0`);
  const put = target.faults.seen({ method: 'PUT', path: /\/blobs\// });
  const digests = put.map(({ query }) => query.get('digest'));
  assert.equal(put.length, blobs);
  assert.equal(new Set(digests).size, blobs);
  const got = source.faults.seen({ method: 'GET', path: /\/blobs\// }).map(({ path }) => path);
  assert.deepEqual(got, [...new Set(got)], 'nothing is read twice');
});
