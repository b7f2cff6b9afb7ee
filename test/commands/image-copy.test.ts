/** `image copy` as a person meets it: two sides with their own ways in, skopeo's flags, exit codes. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { put } from '../credentials/support.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { basicAuth, basicHeader } from '../support/auth.ts';
import { type Certificate, selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { findPeer, run, skipWithout } from '../support/peers.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { type SeededImage, seedImage, seedIndex } from '../support/seed.ts';

interface Scene {
  home: string;
  sheaf: Sheaf;
  registry: TestRegistry;
  amd64: SeededImage;
  arm64: SeededImage;
  index: string;
}

async function scene(t: TestContext): Promise<Scene> {
  const home = await testFolder(t);
  const registry = await withRegistry(t);
  const amd64 = await seedImage(registry, 'src/app', { layers: [gzipSync('for amd64'), gzipSync('shared')] });
  const arm64 = await seedImage(registry, 'src/app', {
    layers: [gzipSync('for arm64'), gzipSync('shared')],
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  });
  const { digest } = await seedIndex(registry, 'src/app', [amd64, arm64], { tag: 'multi' });
  return { home, sheaf: sheafIn(home), registry, amd64, arm64, index: digest };
}

const copy = ['image', 'copy', '--retry', '0'];
const heard = ({ faults }: TestRegistry, ...methods: string[]): string[] =>
  faults.requests.filter(({ method }) => methods.includes(method)).map(({ method, path }) => `${method} ${path}`);

test('copy: the image of this system, of another, and the whole index', async (t) => {
  const { sheaf, registry, amd64, arm64, index, home } = await scene(t);
  const from = `docker://${registry.host}/src/app:multi`;
  const to = (tag: string): string => `docker://${registry.host}/dst/app:${tag}`;
  const plain = [...copy, '--tls-verify=false'];
  const rootOf = async (tag: string): Promise<string> => {
    const found = registry.faults;
    found.reset();
    const raw = await sheaf.ok('image', 'inspect', '--tls-verify=false', '--json', to(tag));
    return (JSON.parse(raw) as { Digest: string }).Digest;
  };
  assert.equal(await sheaf.ok(...plain, '--override-arch', 'amd64', from, to('amd64')), amd64.digest);
  assert.equal(await rootOf('amd64'), amd64.digest);
  assert.equal(
    await sheaf.ok(...plain, '--override-arch=arm64', '--multi-arch=system', from, to('arm64')),
    arm64.digest,
  );
  const file = join(home, 'digest');
  const tags = ['--additional-tag', 'one', '--tag', 'two'];
  assert.equal(await sheaf.ok(...plain, '--all', '--digestfile', file, ...tags, from, to('all')), index);
  assert.equal(await readFile(file, 'utf8'), index);
  for (const tag of ['all', 'one', 'two']) assert.equal(await rootOf(tag), index);
  const result = JSON.parse(await sheaf.ok(...plain, '--json', '--multi-arch', 'all', from, to('all'))) as object;
  assert.deepEqual(result, {
    digest: index,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    source: from,
    destination: to('all'),
    copied: 0,
    mounted: 0,
    reused: 0,
    recompressed: 0,
    bytes: 0,
  });
});

test('copy within a registry mounts and sends no blob', async (t) => {
  const { sheaf, registry } = await scene(t);
  registry.faults.reset();
  const args = ['--tls-verify=false', '--all', `docker://${registry.host}/src/app:multi`];
  await sheaf.ok(...copy, ...args, `docker://${registry.host}/dst/app:1`);
  assert.deepEqual(heard(registry, 'PATCH'), []);
  const puts = heard(registry, 'PUT');
  assert.ok(puts.length > 0 && puts.every((line) => line.includes('/manifests/')), puts.join('\n'));
  assert.equal(
    registry.faults.requests.filter(({ method, query }) => method === 'POST' && query.has('mount')).length,
    5,
  );
});

test('copy to a layout: platforms, sparse and stripped; the dry run prints the plan', async (t) => {
  const { sheaf, registry, arm64, index, home } = await scene(t);
  const from = `docker://${registry.host}/src/app:multi`;
  const layout = join(home, 'layout');
  const plain = [...copy, '--tls-verify=false', '--platform', 'linux/arm64'];
  const plan = await sheaf.ok(...plain, '--dry-run', from, `oci:${layout}:a`);
  assert.match(plan, new RegExp(`^Plan: ${from} -> oci:${layout}:a$`, 'm'));
  assert.match(plan, /linux\/amd64: not selected, taken out of the index/);
  await assert.rejects(readFile(join(layout, 'index.json')));
  const stripped = await sheaf.ok(...plain, from, `oci:${layout}:a`);
  assert.notEqual(stripped, index);
  const shown = JSON.parse(await sheaf.ok('image', 'inspect', '--json', `oci:${layout}:a`)) as {
    Manifests: Array<{ Digest: string }>;
  };
  assert.deepEqual(
    shown.Manifests.map(({ Digest }) => Digest),
    [arm64.digest],
  );
  assert.equal(await sheaf.ok(...plain, '--unselected', 'keep', from, `oci:${layout}:b`), index);
});

/** A registry behind TLS with a certificate of its own, for one user. */
async function guarded(t: TestContext, user: string, password: string): Promise<[TestRegistry, Certificate]> {
  const tls = selfSignedCertificate(user);
  return [await withRegistry(t, { tls, authorize: basicAuth({ [user]: password }) }), tls];
}

test('two sides: each registry gets its own credentials and is believed by its own certificate', async (t) => {
  const { home, sheaf, registry: open, index } = await scene(t);
  const [left, leftTls] = await guarded(t, 'lewis', 'left');
  const [right, rightTls] = await guarded(t, 'rita', 'right');
  assert.equal(left.host.split(':')[0], right.host.split(':')[0], 'both are on one host');
  await put(home, 'left/ca.crt', leftTls.cert);
  await put(home, 'right/ca.crt', rightTls.cert);
  const leftSide = (side: string): string[] => [`--${side}-creds=lewis:left`, `--${side}-cert-dir=${home}/left`];
  const rightSide = (side: string): string[] => [`--${side}-creds=rita:right`, `--${side}-cert-dir=${home}/right`];
  const onLeft = `docker://${left.host}/app:1`;
  const onRight = `docker://${right.host}/app:1`;

  // a side with and a side without TLS
  const fill = ['--all', '--src-tls-verify=false', '--src-no-creds', ...leftSide('dest')];
  assert.equal(await sheaf.ok(...copy, ...fill, `docker://${open.host}/src/app:multi`, onLeft), index);

  assert.equal(await sheaf.ok(...copy, '--all', ...leftSide('src'), ...rightSide('dest'), onLeft, onRight), index);
  const told = (registry: TestRegistry): Set<string | undefined> =>
    new Set(registry.faults.requests.map(({ headers }) => headers.authorization).filter((one) => one !== undefined));
  assert.deepEqual(told(left), new Set([basicHeader('lewis', 'left')]));
  assert.deepEqual(told(right), new Set([basicHeader('rita', 'right')]));
  assert.deepEqual(told(open), new Set());

  // the other side's certificate and credentials are of no use
  const swapped = await sheaf.fails(8, ...copy, ...leftSide('src'), ...leftSide('dest'), onLeft, onRight);
  assert.match(swapped.stderr, /certificate of .* is signed by itself/);
  const creds = ['--src-creds=rita:right', `--src-cert-dir=${home}/left`, ...rightSide('dest')];
  assert.match((await sheaf.fails(4, ...copy, ...creds, onLeft, onRight)).stderr, new RegExp(left.host));
  assert.ok(!told(right).has(basicHeader('lewis', 'left')));

  // what is said for both holds for both, and one side may differ
  await put(home, 'both/left.crt', leftTls.cert);
  await put(home, 'both/right.crt', rightTls.cert);
  const common = [`--cert-dir=${home}/both`, '--creds=lewis:left', '--dest-username=rita', '--dest-password=right'];
  assert.equal(await sheaf.ok(...copy, '--all', ...common, onLeft, `docker://${right.host}/other:1`), index);
});

test('two sides: each has its own auth file', async (t) => {
  const { home, sheaf, registry: open } = await scene(t);
  const source = await withRegistry(t, { authorize: basicAuth({ lewis: 'left' }) });
  const destination = await withRegistry(t, { authorize: basicAuth({ rita: 'right' }) });
  const auth = (host: string, user: string): string =>
    JSON.stringify({ auths: { [host]: { auth: Buffer.from(user).toString('base64') } } });
  await put(home, 'src.json', auth(source.host, 'lewis:left'));
  await put(home, 'dest.json', auth(destination.host, 'rita:right'));
  const plain = [...copy, '--tls-verify=false'];
  const onSource = `docker://${source.host}/app:1`;
  const seeded = `docker://${open.host}/src/app:multi`;
  await sheaf.ok(...plain, '--all', `--dest-authfile=${home}/src.json`, seeded, onSource);
  const files = [`--src-authfile=${home}/src.json`, `--dest-authfile=${home}/dest.json`];
  await sheaf.ok(...plain, '--all', ...files, onSource, `docker://${destination.host}/app:1`);
  await sheaf.fails(
    4,
    ...plain,
    '--all',
    `--authfile=${home}/src.json`,
    onSource,
    `docker://${destination.host}/app:2`,
  );
});

test('one registry with a login for each side: what may not be mounted is sent', async (t) => {
  const { sheaf, registry: open, index } = await scene(t);
  const registry = await withRegistry(t, { authorize: basicAuth({ lewis: 'left', rita: 'right' }) });
  const plain = [...copy, '--tls-verify=false', '--all'];
  const from = `docker://${registry.host}/src/app:1`;
  await sheaf.ok(...plain, '--dest-creds=lewis:left', `docker://${open.host}/src/app:multi`, from);
  registry.faults.reset();
  // a token is of no use to a registry that wants a user name and a password
  const sides = ['--src-creds=lewis:left', '--src-registry-token=unused', '--dest-creds=rita:right'];
  assert.equal(await sheaf.ok(...plain, ...sides, from, `docker://${registry.host}/dst/app:1`), index);
  const writers = registry.faults.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
  assert.deepEqual(
    new Set(writers.flatMap(({ headers }) => headers.authorization ?? [])),
    new Set([basicHeader('rita', 'right')]),
  );
});

test('exit codes: 3 for what is not there, 5 for digests that would change; the tag stays', async (t) => {
  const { sheaf, registry, home } = await scene(t);
  const from = `docker://${registry.host}/src/app:multi`;
  const plain = [...copy, '--tls-verify=false'];
  await sheaf.fails(3, ...plain, `docker://${registry.host}/src/app:none`, `oci:${home}/x:1`);
  const none = await sheaf.fails(3, ...plain, '--override-arch=riscv64', from, `oci:${home}/x:1`);
  assert.match(none.stderr, /no image found in image index for architecture "riscv64", variant "", OS "linux"/);
  const digests = ['--preserve-digests', '--all', '--format', 'v2s2'];
  await sheaf.fails(5, ...plain, ...digests, from, `oci:${home}/x:1`);
  const refused = await sheaf.fails(2, ...plain, '--sign-by-sq-fingerprint', 'AB12', from, `oci:${home}/x:1`);
  assert.match(refused.stderr, /--sign-by-sq-fingerprint is not supported yet/);
});

test('skopeo finds the same images as it copies itself', { skip: skipWithout('skopeo') }, async (t) => {
  const { sheaf, registry, home } = await scene(t);
  const from = `docker://${registry.host}/src/app:multi`;
  const skopeo = findPeer('skopeo') ?? 'skopeo';
  for (const flags of [['--all'], ['--multi-arch=system'], ['--multi-arch=index-only']]) {
    const ours = join(home, `ours-${flags.join('')}`);
    const theirs = join(home, `theirs-${flags.join('')}`);
    await sheaf.ok('image', 'copy', '--tls-verify=false', ...flags, from, `oci:${ours}:a`);
    const ran = await run(skopeo, [
      'copy',
      '--insecure-policy',
      '--src-tls-verify=false',
      ...flags,
      from,
      `oci:${theirs}:a`,
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    const digestIn = async (folder: string): Promise<unknown> =>
      (JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as { manifests: Array<{ digest: string }> })
        .manifests[0]?.digest;
    assert.equal(await digestIn(ours), await digestIn(theirs), flags.join(' '));
  }
});
