/**
 * What the tests of buildah and podman assert about their `manifest` commands, asserted about sheaf's: as a program, against a
 * registry. What rests on parts that sheaf does not have (local images, builds, compression, signing, the transport dir:) is
 * asserted of the nearest thing that sheaf has, or of the refusal.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, type TestContext, test } from 'node:test';
import { type Registry, startRegistry } from '../../src/registry-server/index.ts';
import { basicAuth } from '../support/auth.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { withRegistry } from '../support/registry.ts';
import { type Artifact, type Bench, digests, type Entry, type Index, openBench } from './bench.ts';
import { readManifest } from './compare.ts';
import { must, pushSources, type Sources } from './sources.ts';

let registry: Registry;
let sources: Sources;

before(async () => {
  registry = await startRegistry({ storage: 'memory' });
  sources = await pushSources(registry.url);
});

after(async () => {
  await registry.close({ graceMs: 0 });
});

const bench = (t: TestContext): Promise<Bench> => openBench(t, registry, sources);
const idPattern = /^[0-9a-f]{64}$/;

/** What the registry has under `REPOSITORY:TAG`. */
async function stored(name: string, at = registry): Promise<Index> {
  const [repository = '', tag = ''] = name.split(':');
  const found = await readManifest(at.host, repository, tag);
  assert.ok(found !== undefined, `the registry has no ${name}`);
  return JSON.parse(found.bytes.toString()) as Index;
}

suite('what the tests of buildah and podman assert', { concurrency: 2 }, () => {
  test('1. create prints an ID; a second create of that name fails', async (t) => {
    const { create, sheaf } = await bench(t);
    assert.match(await create('foo'), idPattern);
    const { stdout, stderr } = await sheaf.fails(5, 'manifest', 'create', 'foo');
    assert.match(stderr, /already in use/);
    assert.equal(stdout, '');
  });

  test('2. create --amend of a list keeps its ID and adds image and annotation', async (t) => {
    const { create, app, inspect, digest } = await bench(t);
    const id = await create('foo');
    assert.equal(await create('--amend', 'foo'), id);
    assert.equal(await create('--amend', '--annotation', 'red=blue', 'foo', app('amd64')), id);
    const index = await inspect('foo');
    assert.deepEqual(index.annotations, { red: 'blue' });
    assert.deepEqual(digests(index), [digest('amd64')]);
  });

  test('3. exists answers with its exit status and prints nothing', async (t) => {
    const { create, sheaf } = await bench(t);
    await create('foo');
    assert.equal(await sheaf.ok('manifest', 'exists', 'foo'), '');
    assert.deepEqual(await sheaf.run('manifest', 'exists', 'bar'), { code: 1, stdout: '', stderr: '' });
  });

  test('4. --amend makes a list of an image (of a layout: there are no local images), and appends more', async (t) => {
    const { create, layout, inspect } = await bench(t);
    const image = await layout('built', 'amd64', 'arm64', 's390x');
    const id = await create('--amend', 'foo', image('amd64'));
    assert.match(id, idPattern);
    assert.equal((await inspect('foo')).manifests.length, 1);
    assert.equal(await create('--amend', 'foo', image('arm64'), image('s390x')), id);
    assert.equal((await inspect('foo')).manifests.length, 3);
  });

  test('5. --replace begins a new empty list with another ID; the old one stays without a name', async (t) => {
    const { create, app, inspect, sheaf, digest } = await bench(t);
    const old = await create('foo', app('amd64'));
    const fresh = await create('--replace', 'foo');
    assert.notEqual(fresh, old);
    assert.deepEqual((await inspect('foo')).manifests, []);
    assert.deepEqual(digests(await inspect(old)), [digest('amd64')]);
    const all = JSON.parse(await sheaf.ok('manifest', 'ls', '--json')) as Array<{ id: string; names: string[] }>;
    assert.deepEqual(all.find(({ id }) => id === old)?.names, []);
    assert.deepEqual(all.find(({ id }) => id === fresh)?.names, ['localhost/foo:latest']);
  });

  test('6. --amend and --replace exclude each other', async (t) => {
    const { sheaf } = await bench(t);
    const { stderr } = await sheaf.fails(2, 'manifest', 'create', '--amend', '--replace', 'foo');
    assert.match(stderr, /mutually exclusive/);
  });

  test('7. inspect knows a list by its ID', async (t) => {
    const { create, app, inspect } = await bench(t);
    const id = await create('foo', app('amd64'));
    const byName = await inspect('foo');
    assert.equal(byName.manifests.length, 1);
    assert.deepEqual(await inspect(id), byName);
  });

  test('8. add of a remote list without --all adds one entry', async (t) => {
    const { create, add, list, inspect, digest } = await bench(t);
    const id = await create('foo');
    assert.equal(await add('--os', 'linux', '--arch', 'arm64', 'foo', list('four')), `${id}: ${digest('arm64')}`);
    assert.deepEqual(digests(await inspect('foo')), [digest('arm64')]);
  });

  test('9. artifacts are told apart by their files, and an OCI layout gets them as they were asked for', async (t) => {
    const { create, add, annotate, app, push, inspect, folder, digest } = await bench(t);
    const [first, second] = [join(folder, 'first.txt'), join(folder, 'second.json')];
    await writeFile(first, 'the first file\n');
    await writeFile(second, '{"second":true}\n');
    const config = ['--artifact-config', second, '--artifact-config-type', 'application/vnd.example.config'];
    await create('foo');
    await add(
      '--artifact',
      '--artifact-type',
      'application/one',
      '--artifact-annotation',
      'up=down',
      '--annotation',
      'a=1',
      'foo',
      first,
    );
    await add(
      '--artifact',
      '--artifact-type',
      'application/two',
      '--artifact-layer-type',
      'text/x-two',
      '--artifact-subject',
      app('amd64'),
      ...config,
      'foo',
      second,
    );
    await annotate('--annotation', 'b=2', 'foo', second);
    const { manifests } = await inspect('foo');
    assert.deepEqual(
      manifests.map(({ artifactType, annotations }) => ({ artifactType, annotations })),
      [
        { artifactType: 'application/one', annotations: { a: '1' } },
        { artifactType: 'application/two', annotations: { b: '2' } },
      ],
    );
    await push('foo', `oci:${join(folder, 'out')}:foo`);
    const blob = (name: string): Promise<Buffer> =>
      readFile(join(folder, 'out', 'blobs', 'sha256', name.slice('sha256:'.length)));
    const [one, two] = await Promise.all(
      manifests.map(async (entry) => JSON.parse((await blob(entry.digest)).toString()) as Artifact),
    );
    assert.ok(one !== undefined && two !== undefined);
    assert.equal(one.artifactType, 'application/one');
    assert.deepEqual(one.annotations, { up: 'down' });
    assert.equal(one.config.mediaType, 'application/vnd.oci.empty.v1+json');
    assert.equal(one.layers[0]?.mediaType, 'text/plain');
    assert.equal((await blob(one.layers[0]?.digest ?? '')).toString(), 'the first file\n');
    assert.equal(two.artifactType, 'application/two');
    assert.equal(two.config.mediaType, 'application/vnd.example.config');
    assert.equal((await blob(two.config.digest)).toString(), '{"second":true}\n');
    assert.equal(two.layers[0]?.mediaType, 'text/x-two');
    assert.equal(two.subject?.digest, digest('amd64'));
    assert.deepEqual(two.layers[0]?.annotations, { 'org.opencontainers.image.title': 'second.json' });
  });

  test('10. several files in one artifact push cleanly', async (t) => {
    const { create, add, push, to, folder } = await bench(t);
    const names = ['a.txt', 'b.bin', 'c.json'];
    for (const name of names) await writeFile(join(folder, name), `content of ${name}\n`);
    await create('foo');
    await add('--artifact', 'foo', ...names);
    await push('foo', to('ten:1'));
    const [entry] = (await stored('ten:1')).manifests;
    const found = await readManifest(registry.host, 'ten', entry?.digest ?? '');
    const { layers } = JSON.parse(found?.bytes.toString() ?? '') as Artifact;
    assert.deepEqual(
      layers.map((layer) => layer.annotations?.['org.opencontainers.image.title']),
      names,
    );
    for (const [at, layer] of layers.entries()) {
      const answer = await fetch(`${registry.url}/v2/ten/blobs/${layer.digest}`);
      assert.equal(await answer.text(), `content of ${names[at]}\n`);
    }
  });

  test('11. what is local can be added by its short name', async (t) => {
    const { create, sheaf, app, inspect, digest } = await bench(t);
    await create('base', app('s390x'));
    await create('foo');
    const { code, stderr } = await sheaf.run(
      'manifest',
      'add',
      '--log-level',
      'info',
      '--arch',
      's390x',
      'foo',
      'base',
    );
    assert.equal(code, 0, stderr);
    assert.match(stderr, /"base" is taken as store:/);
    assert.deepEqual(digests(await inspect('foo')), [digest('s390x')]);
  });

  test('12. add --arch of an instance for another architecture; what is not for this machine is not taken for it', async (t) => {
    const { create, add, sheaf, inspect, digest } = await bench(t);
    await create('foo');
    await add('--arch=s390x', 'foo', `docker://${registry.host}/src/list@${digest('s390x')}`);
    assert.deepEqual(digests(await inspect('foo')), [digest('s390x')]);
    await create('bar');
    const { stderr } = await sheaf.fails(3, 'manifest', 'add', 'bar', 'foo');
    assert.match(stderr, /no image found in image index for architecture "\w+", variant "\w*", OS "\w+"/);
  });

  test('13. add --all brings every instance of the source', async (t) => {
    const { create, add, list, inspect } = await bench(t);
    const id = await create('foo');
    const printed = await add('--all', 'foo', list('attested'));
    const expected = JSON.parse(Buffer.from(must(sources.lists, 'attested').bytes).toString()) as Index;
    assert.equal(
      printed,
      digests(expected)
        .map((digest) => `${id}: ${digest}`)
        .join('\n'),
    );
    assert.deepEqual(await inspect('foo'), expected);
  });

  test('14. annotate sets what it is told, call after call', async (t) => {
    const { create, annotate, app, inspect, digest, sheaf } = await bench(t);
    const id = await create('foo', app('amd64'), app('s390x'));
    const target = ['foo', digest('amd64')];
    assert.equal(await annotate('--index', '--annotation', 'red=blue', 'foo'), id);
    assert.equal(await annotate('--annotation', 'left=right', ...target), `${id}: ${digest('amd64')}`);
    await annotate('--os', 'OperatingSystem', ...target);
    await annotate('--arch', 'aRCHITECTURE', ...target);
    await annotate('--variant', 'vARIANT', ...target);
    await annotate('--features', 'FEATURE1,FEATURE2', ...target);
    await annotate('--os-features', 'OSFEATURE1,OSFEATURE2', ...target);
    await annotate('--annotation', 'up=down', ...target);
    const index = await inspect('foo');
    assert.deepEqual(index.annotations, { red: 'blue' });
    assert.deepEqual(index.manifests[0]?.annotations, { left: 'right', up: 'down' });
    assert.deepEqual(index.manifests[0]?.platform, {
      architecture: 'aRCHITECTURE',
      os: 'OperatingSystem',
      'os.features': ['OSFEATURE1', 'OSFEATURE2'],
      variant: 'vARIANT',
    });
    assert.deepEqual(index.manifests[1]?.platform, { architecture: 's390x', os: 'linux' });
    // features are there, but only a Docker list can say so
    await create('bar', app('amd64'));
    await annotate('--features', 'FEATURE1,FEATURE2', 'bar', digest('amd64'));
    assert.deepEqual((await inspect('bar')).manifests[0]?.platform?.['features'], ['FEATURE1', 'FEATURE2']);
    for (const flag of ['--os', '--arch', '--variant', '--features', '--os-features', '--os-version']) {
      const { stderr } = await sheaf.fails(2, 'manifest', 'annotate', '--index', flag, 'x', 'foo');
      assert.ok(stderr.includes(`--index is not compatible with ${flag}`), stderr);
    }
  });

  test('15. annotate --subject records the digest of the named image', async (t) => {
    const { create, annotate, app, inspect, digest } = await bench(t);
    const id = await create('foo');
    assert.equal(await annotate('--subject', app('arm64'), 'foo'), id);
    assert.equal((await inspect('foo')).subject?.digest, digest('arm64'));
  });

  test('16. remove drops the named digest only', async (t) => {
    const { create, list, inspect, sheaf, digest } = await bench(t);
    const id = await create('--all', 'foo', list('four'));
    assert.equal(await sheaf.ok('manifest', 'remove', 'foo', digest('arm64')), `${id}: ${digest('arm64')}`);
    assert.deepEqual(digests(await inspect('foo')), ['amd64', 'armv7', 's390x'].map(digest));
    await sheaf.fails(3, 'manifest', 'remove', 'foo', digest('arm64'));
    assert.equal((await inspect('foo')).manifests.length, 3);
  });

  test('17. rm of a list that is not there', async (t) => {
    const { sheaf } = await bench(t);
    const { stderr } = await sheaf.fails(3, 'manifest', 'rm', 'foo1');
    assert.match(stderr, /foo1: image not known/);
  });

  test('18. push to a folder writes every instance, or the index alone; all is the default', async (t) => {
    const { create, push, list, sheaf, folder, digest } = await bench(t);
    await create('--all', 'foo', list('four'));
    const has = (name: string, digestOf: string): Promise<boolean> =>
      readFile(join(folder, name, 'blobs', 'sha256', digestOf.slice('sha256:'.length))).then(
        () => true,
        () => false,
      );
    const pushed = await push('--all', 'foo', `oci:${join(folder, 'all')}:foo`);
    assert.equal(await push('foo', `oci:${join(folder, 'default')}:foo`), pushed);
    assert.equal(await push('--all=false', 'foo', `oci:${join(folder, 'bare')}:foo`), pushed);
    const keys = ['amd64', 'arm64', 'armv7', 's390x'];
    for (const key of keys) {
      assert.equal(await has('all', digest(key)), true);
      assert.equal(await has('default', digest(key)), true);
      assert.equal(await has('bare', digest(key)), false);
    }
    assert.equal(await has('bare', pushed), true);
    assert.equal(await push('foo', `dir:${join(folder, 'dir')}`), pushed);
    assert.equal(await push('--all=false', 'foo', `dir:${join(folder, 'bare-dir')}`), pushed);
    const manifests = ['manifest.json', ...keys.map((key) => `${digest(key).slice('sha256:'.length)}.manifest.json`)];
    const manifestsIn = async (name: string): Promise<string[]> =>
      (await readdir(join(folder, name))).filter((file) => file.endsWith('manifest.json')).sort();
    assert.deepEqual(await manifestsIn('dir'), manifests.sort());
    assert.deepEqual(await manifestsIn('bare-dir'), ['manifest.json']);
    assert.match(await sheaf.ok('manifest', 'push', '--help'), /--\[no-\]all\b[^-]*\(default true\)/);
  });

  test('19. --retry and --retry-delay are understood', async (t) => {
    const { create, push, app, to, sheaf } = await bench(t);
    await create('foo', app('amd64'));
    await push('--retry', '4', '--retry-delay', '4s', 'foo', to('nineteen:1'));
    const { stderr } = await sheaf.fails(2, 'manifest', 'push', '--retry-delay', 'soon', 'foo', to('nineteen:2'));
    assert.match(stderr, /unable to parse retryDelay "soon"/);
  });

  test('20. --rm and --purge delete the list after a good push, and only then', async (t) => {
    const { create, push, app, to, sheaf } = await bench(t);
    for (const flag of ['--rm', '--purge']) {
      const id = await create('foo', app('amd64'));
      await sheaf.fails(7, 'manifest', 'push', flag, 'foo', 'tarball:somewhere');
      await sheaf.ok('manifest', 'exists', 'foo');
      await push(flag, 'foo', to(`twenty:${flag.slice(2)}`));
      assert.equal((await sheaf.run('manifest', 'exists', 'foo')).code, 1);
      assert.notEqual((await sheaf.run('manifest', 'inspect', id)).code, 0);
      assert.equal((await stored(`twenty:${flag.slice(2)}`)).manifests.length, 1);
    }
  });

  test('21. push with an --authfile that is not there fails, wherever it goes', async (t) => {
    const { create, app, sheaf, folder } = await bench(t);
    await create('foo', app('amd64'));
    const { stderr } = await sheaf.fails(
      3,
      'manifest',
      'push',
      '--authfile',
      '/tmp/nonexistent',
      'foo',
      `oci:${folder}/out:foo`,
    );
    assert.match(stderr, /credential file is not accessible: .*\/tmp\/nonexistent/);
  });

  test('22. a list without an instance for this machine is in the way of nothing', async (t) => {
    const { create, add, app, sheaf, layout, inspect, push, to } = await bench(t);
    await create('foo', app('s390x'), app('ppc64le'));
    assert.match(await sheaf.ok('manifest', 'ls'), /localhost\/foo:latest .* linux\/s390x linux\/ppc64le/);
    await create('bar', app('amd64'));
    const built = await layout('built', 'riscv64');
    await add('foo', built('riscv64'));
    assert.equal((await inspect('foo')).manifests.length, 3);
    await push('foo', to('twentytwo:1'));
  });

  test('23. images of two architectures that stand in one place under two tags; --variant is kept', async (t) => {
    const { create, add, layout, inspect } = await bench(t);
    const pulled = await layout('pulled', 'amd64', 'arm64');
    await create('foo');
    await add('foo', pulled('amd64'));
    await add('--variant', 'v9', 'foo', pulled('arm64'));
    assert.deepEqual(
      (await inspect('foo')).manifests.map((entry) => entry.platform),
      [
        { architecture: 'amd64', os: 'linux' },
        { architecture: 'arm64', os: 'linux', variant: 'v9' },
      ],
    );
  });

  test('24. create with an image that was made here records its architecture', async (t) => {
    const { create, layout, inspect } = await bench(t);
    const built = await layout('built', 's390x');
    await create('foo', built('s390x'));
    assert.deepEqual((await inspect('foo')).manifests[0]?.platform, { architecture: 's390x', os: 'linux' });
  });

  test("25. what is built for many platforms goes onto one list; entries of unknown platform are nobody's", async (t) => {
    const { create, add, layout, list, inspect, digest } = await bench(t);
    const built = await layout('built', 'amd64', 'arm64', 's390x');
    const id = await create('foo', built('amd64'));
    for (const key of ['arm64', 's390x']) assert.equal(await create('--amend', 'foo', built(key)), id);
    assert.equal((await inspect('foo')).manifests.length, 3);
    await create('bar');
    await add('--platform', 'linux/amd64', '--platform', 'linux/arm64', 'bar', list('attested'));
    const images = (await inspect('bar')).manifests.filter((entry) => entry.platform?.['os'] !== 'unknown');
    assert.deepEqual(
      images.map((entry) => entry.digest),
      [digest('amd64'), digest('arm64')],
    );
    await create('baz');
    await add('--arch', 'amd64', 'baz', list('attested'));
    assert.deepEqual(digests(await inspect('baz')), [digest('amd64')]);
  });

  test('26. create again with -a; push to the name of the list, which a registry may deny', async (t) => {
    const closed = await withRegistry(t, {
      authorize: ({ action }) =>
        action === 'push' ? { denied: 'requested access to the resource is denied' } : 'allow',
    });
    const { create, push, sheaf, app } = await bench(t);
    const name = `${closed.host}/not/mine`;
    const id = await create(name);
    const { stderr } = await sheaf.fails(5, 'manifest', 'create', name);
    assert.match(stderr, /already in use/);
    assert.equal(await create('--amend', name), id);
    assert.equal(await create('-a', name, app('amd64')), id);
    const denied = await sheaf.fails(4, 'manifest', 'push', '--tls-verify=false', name);
    assert.match(denied.stderr, /requested access to the resource is denied/);
    assert.doesNotMatch(denied.stderr, /arg/);
    await create(`${registry.host}/twentysix:1`, app('amd64'));
    await push(`${registry.host}/twentysix:1`);
    assert.equal((await stored('twentysix:1')).manifests.length, 1);
  });

  test('27. inspect of what stands in a registry: a list, a name without a tag, an image by digest', async (t) => {
    const { create, push, list, to, sheaf, inspect, digest } = await bench(t);
    await create('--all', 'foo', list('plain'));
    await push('foo', to('twentyseven'));
    assert.deepEqual(await inspect(to('twentyseven')), await stored('twentyseven:latest'));
    assert.deepEqual(await inspect(`${registry.host}/twentyseven`), await stored('twentyseven:latest'));
    const image = await sheaf.run(
      'manifest',
      'inspect',
      '--tls-verify=false',
      `docker://${registry.host}/src/app@${digest('amd64')}`,
    );
    assert.equal(image.code, 0);
    assert.match(image.stderr, /The manifest type \S+ is not a manifest list but a single image\./);
    assert.deepEqual(
      JSON.parse(image.stdout),
      JSON.parse(Buffer.from(must(sources.images, 'amd64').manifest.bytes).toString()),
    );
  });

  test('28. add --os-version and --os', async (t) => {
    const { create, add, app, inspect } = await bench(t);
    await create('foo');
    await add('--os-version', '7.7.7', 'foo', app('amd64'));
    await add('--os', 'bar', 'foo', app('s390x'));
    assert.deepEqual(
      (await inspect('foo')).manifests.map((entry) => entry.platform),
      [
        { architecture: 'amd64', os: 'linux', 'os.version': '7.7.7' },
        { architecture: 's390x', os: 'bar' },
      ],
    );
  });

  test('29. a list looks the same under each of its names', async (t) => {
    const { create, list, sheaf, inspect } = await bench(t);
    const id = await create('--all', 'foobar', list('four'));
    assert.equal(await sheaf.ok('manifest', 'tag', 'foobar', 'foobar2'), id);
    assert.deepEqual(await inspect('foobar2'), await inspect('foobar'));
  });

  test('30. instances in another compression come after those in the first, and a second push changes nothing', async (t) => {
    const { create, push, list, sheaf, folder, inspect, to } = await bench(t);
    await create('foo', list('four'));
    const two = ['--compression-format', 'gzip', '--add-compression', 'zstd'];
    const first = await sheaf.run('manifest', 'push', '--tls-verify=false', ...two, 'foo', to('thirty:1'));
    assert.equal(first.code, 0, first.stderr);
    const { manifests } = await inspect(to('thirty:1'));
    const name = 'io.github.containers.compression.zstd';
    const half = manifests.length / 2;
    assert.ok(half >= 1);
    for (const [at, entry] of manifests.entries()) {
      assert.equal(entry.annotations?.[name], at < half ? undefined : 'true');
      assert.deepEqual(entry.platform, manifests[at % half]?.platform);
    }
    await push(...two, '--force-compression', 'foo', to('thirty:2'));
    assert.deepEqual((await inspect(to('thirty:2'))).manifests, manifests);
    // what cannot be had is refused before anything is written
    for (const [flags, says] of [
      [['--add-compression', 'lzma'], /lzma/],
      [['--compression-format', 'nope'], /nope/],
      [['--force-compression'], /without a compression format/],
      [['--compression-level', '3'], /without a compression format/],
    ] as const) {
      const { stdout, stderr } = await sheaf.fails(
        2,
        'manifest',
        'push',
        ...flags,
        'foo',
        `dir:${join(folder, 'none')}`,
      );
      assert.match(stderr, says);
      assert.equal(stdout, '');
    }
    await assert.rejects(readdir(join(folder, 'none')), { code: 'ENOENT' });
  });

  test('31. annotations of an entry are what was given, commas and all', async (t) => {
    const { create, add, app, inspect, sheaf } = await bench(t);
    await create('foo');
    const { stderr } = await sheaf.fails(2, 'manifest', 'add', '--annotation', 'hoge', 'foo', app('amd64'));
    assert.match(stderr, /no value given for annotation "hoge"/);
    assert.deepEqual((await inspect('foo')).manifests, []);
    await add(
      '--annotation',
      'hoge=fuga',
      '--annotation',
      'key=val,withcomma',
      '--annotation',
      'a==b',
      'foo',
      app('amd64'),
    );
    assert.deepEqual((await inspect('foo')).manifests[0]?.annotations, { a: '=b', hoge: 'fuga', key: 'val,withcomma' });
  });

  test('32. annotations of create and of annotate --index add up; inspect shows the index and nothing else', async (t) => {
    const { create, add, annotate, app, inspect, digest } = await bench(t);
    await create('--annotation', 'up=down', 'foo');
    await add('--arch', 'bar', 'foo', app('amd64'));
    await annotate('--index', '--annotation', 'left=right', 'foo');
    assert.deepEqual(await inspect('foo'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: digest('amd64'),
          size: must(sources.images, 'amd64').manifest.size,
          platform: { architecture: 'bar', os: 'linux' },
        },
      ],
      annotations: { left: 'right', up: 'down' },
    });
  });

  test('33. remove by digest; a digest that is not there is named', async (t) => {
    const { create, list, sheaf, inspect, digest } = await bench(t);
    await create('--all', 'foo', list('foreign'));
    await sheaf.ok('manifest', 'remove', 'foo', digest('s390x'));
    assert.deepEqual(digests(await inspect('foo')), [digest('ppc64le')]);
    const bogus = `sha256:${'b'.repeat(64)}`;
    const { stderr } = await sheaf.fails(3, 'manifest', 'remove', 'foo', bogus);
    assert.ok(stderr.includes(`no instance matching digest "${bogus}" found in manifest list`), stderr);
  });

  test('34. push needs no --all to push everything', async (t) => {
    const { create, push, list, to, digest } = await bench(t);
    await create('--all', 'foo', list('four'));
    assert.equal(await push('foo', to('thirtyfour:1')), await push('--all', 'foo', to('thirtyfour-all:1')));
    for (const key of ['amd64', 'arm64', 'armv7', 's390x']) {
      for (const name of ['thirtyfour', 'thirtyfour-all']) {
        assert.notEqual(await readManifest(registry.host, name, digest(key)), undefined);
      }
    }
  });

  test('35. a compression level is refused before anything is done with it', async (t) => {
    const { create, app, sheaf, to } = await bench(t);
    await create('foo', app('amd64'));
    const { stderr } = await sheaf.fails(
      2,
      'manifest',
      'push',
      '--compression-format',
      'gzip',
      '--compression-level',
      '50',
      'foo',
      to('thirtyfive:1'),
    );
    assert.match(stderr, /invalid compression level/);
    assert.equal(await readManifest(registry.host, 'thirtyfive', '1'), undefined);
    await sheaf.fails(2, 'manifest', 'push', '--compression-level', 'high', 'foo', to('thirtyfive:1'));
  });

  test('36. push tells on stderr what it does, and nothing with --quiet', async (t) => {
    const { create, app, sheaf, to } = await bench(t);
    await create('foo', app('amd64'));
    const loud = await sheaf.run('manifest', 'push', '--tls-verify=false', 'foo', to('thirtysix:1'));
    assert.match(loud.stderr, /Writing manifest list to image destination/);
    // nothing is signed yet, so nothing is said of storing signatures
    assert.doesNotMatch(loud.stderr, /signatures/);
    const quiet = await sheaf.run('manifest', 'push', '--tls-verify=false', '--quiet', 'foo', to('thirtysix-quiet:1'));
    assert.equal(quiet.stderr, '');
    assert.equal(quiet.stdout, loud.stdout);
    assert.match(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
  });

  test('37. push to a port where nobody listens tries again and says so', async (t) => {
    const { create, app, sheaf } = await bench(t);
    await create('foo', app('amd64'));
    const dead = 'docker://127.0.0.1:1/dead:1';
    const patient = await sheaf.fails(8, 'manifest', 'push', '--tls-verify=false', '--retry', '1', 'foo', dead);
    assert.match(patient.stderr, /Failed, retrying in 1s \.\.\. \(1\/1\)/);
    const hasty = await sheaf.fails(8, 'manifest', 'push', '--tls-verify=false', '--retry-delay', '10ms', 'foo', dead);
    assert.equal(hasty.stderr.match(/Failed, retrying in \S+ \.\.\. \([123]\/3\)/g)?.length, 3);
  });

  test('38. credentials that are right, and such that are not', async (t) => {
    const closed = await withRegistry(t, { authorize: basicAuth({ podmantest: 'test' }) });
    const { create, app, sheaf } = await bench(t);
    await create('foo', app('amd64'));
    const push = ['manifest', 'push', '--tls-verify=false'];
    const target = `docker://${closed.host}/credstest:1`;
    const good = await sheaf.run(...push, '--creds', 'podmantest:test', 'foo', target);
    assert.equal(good.code, 0, good.stderr);
    for (const text of [/Copying blob sha256:/, /Writing manifest list to image destination/])
      assert.match(good.stderr, text);
    const bad = await sheaf.fails(4, ...push, '--creds', 'podmantest:wrongpasswd', 'foo', target);
    assert.match(bad.stderr, /authentication required/);
    assert.doesNotMatch(bad.stderr, /wrongpasswd/);
    await sheaf.fails(4, ...push, 'foo', target);
  });

  test('39. push --rm, --purge and -p remove the list, never an image', async (t) => {
    const { create, push, layout, sheaf, to, folder } = await bench(t);
    const image = await layout('kept', 'amd64');
    const before = await readFile(join(folder, 'kept', 'index.json'));
    for (const flag of ['--rm', '--purge', '-p']) {
      await create('foo', image('amd64'));
      await push(flag, 'foo', to(`thirtynine:${flag.replaceAll('-', '')}`));
      const { stderr } = await sheaf.fails(3, 'manifest', 'push', flag, 'foo', to('thirtynine:again'));
      assert.match(stderr, /foo: image not known/);
    }
    assert.deepEqual(await readFile(join(folder, 'kept', 'index.json')), before);
    await create('foo', image('amd64'));
  });

  test('40. rm keeps images, names everything that is not there, and --ignore minds nothing', async (t) => {
    const { create, layout, sheaf, app } = await bench(t);
    const image = await layout('kept', 'amd64');
    const id = await create('foo', image('amd64'), app('arm64'));
    assert.equal(await sheaf.ok('manifest', 'rm', 'foo'), `untagged: localhost/foo:latest\n${id}`);
    await create('foo', image('amd64'));
    const notLists = await sheaf.fails(3, 'manifest', 'rm', image('amd64'));
    assert.match(notLists.stderr, /image not known/);
    const { stderr } = await sheaf.fails(3, 'manifest', 'rm', 'one', 'foo', 'two');
    assert.match(stderr, /one: image not known/);
    assert.match(stderr, /two: image not known/);
    assert.equal((await sheaf.run('manifest', 'exists', 'foo')).code, 1);
    assert.equal(await sheaf.ok('manifest', 'rm', '--ignore', 'one', 'two'), '');
    assert.equal(await sheaf.ok('manifest', 'rm', '-i', 'one'), '');
  });

  test('40a. rm of a list that is named twice removes it once', async (t) => {
    const { create, sheaf } = await bench(t);
    for (const named of [
      ['foo', 'foo'],
      ['foo', 'localhost/foo:latest'],
      ['foo', '{id}'],
      ['{id}', 'foo'],
      ['{id}', '{id}'],
    ]) {
      const id = await create('foo');
      const names = named.map((name) => name.replace('{id}', id));
      for (const dryRun of [['--dry-run'], []]) {
        const removed = await sheaf.ok('manifest', 'rm', ...dryRun, ...names);
        assert.equal(
          removed,
          dryRun.length > 0 ? `untag localhost/foo:latest\nremove ${id}` : `untagged: localhost/foo:latest\n${id}`,
        );
      }
    }
  });

  test('41. inspect over TLS and with credentials; -v is nothing; an empty list is a Docker list', async (t) => {
    const { cert, key } = selfSignedCertificate();
    const closed = await withRegistry(t, { tls: { cert, key }, authorize: basicAuth({ podmantest: 'test' }) });
    const { create, app, sheaf, inspect, folder } = await bench(t);
    const target = `docker://${closed.host}/inspected:1`;
    const inspectTarget = (...flags: string[]): string[] => ['manifest', 'inspect', ...flags, target];
    await create('foo', app('amd64'));
    await sheaf.ok('manifest', 'push', '--tls-verify=false', '--creds', 'podmantest:test', 'foo', target);
    const distrusted = await sheaf.fails(8, ...inspectTarget('--creds', 'podmantest:test'));
    assert.match(distrusted.stderr, /certificate|x509/i);
    await sheaf.fails(4, ...inspectTarget('--tls-verify=false'));
    const auth = join(folder, 'auth.json');
    const entry = { auth: Buffer.from('podmantest:test').toString('base64') };
    await writeFile(auth, JSON.stringify({ auths: { [closed.host]: entry } }));
    for (const flag of ['-v', '--verbose', '--insecure', '--tls-verify=false']) {
      const trust = flag.startsWith('-v') || flag === '--verbose' ? ['--tls-verify=false', flag] : [flag];
      assert.match(await sheaf.ok(...inspectTarget(...trust, '--authfile', auth)), /"manifests"/);
    }
    assert.match(
      await sheaf.with({ REGISTRY_AUTH_FILE: auth }).ok(...inspectTarget('--tls-verify=false')),
      /"manifests"/,
    );
    const certs = join(folder, 'ca.crt');
    await writeFile(certs, cert);
    assert.match(await sheaf.ok(...inspectTarget('--cert-dir', folder, '--authfile', auth)), /"manifests"/);
    const both = await sheaf.fails(2, ...inspectTarget('--insecure', '--tls-verify=true'));
    assert.match(both.stderr, /--insecure may not be used with --tls-verify/);
    await create('empty');
    assert.deepEqual(await inspect('empty'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
      manifests: [],
    });
  });

  test('42. what an artifact is when nobody says', async (t) => {
    const { create, add, inspect, push, folder } = await bench(t);
    const write = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content);
    await Promise.all([
      write('page.html', '<html></html>'),
      write('text', 'only words\n'),
      write('binary', Uint8Array.of(0, 1, 2, 255)),
      write('config', '{"a":1}'),
      write('nothing', ''),
    ]);
    await create('foo');
    const made = async (...args: string[]): Promise<Artifact & { entry: Entry }> => {
      const digest = (await add('--artifact', ...args.slice(0, -1), 'foo', ...args.slice(-1))).split(': ')[1] ?? '';
      await push('foo', `oci:${join(folder, 'out')}:foo`);
      const bytes = await readFile(join(folder, 'out', 'blobs', 'sha256', digest.slice('sha256:'.length)));
      const entry = (await inspect('foo')).manifests.find((one) => one.digest === digest);
      assert.ok(entry !== undefined);
      return { ...(JSON.parse(bytes.toString()) as Artifact), entry };
    };
    const html = await made('page.html');
    assert.equal(html.artifactType, 'application/vnd.unknown.artifact.v1');
    assert.equal(html.entry.artifactType, 'application/vnd.unknown.artifact.v1');
    assert.equal(html.entry.platform, undefined);
    assert.equal(html.config.mediaType, 'application/vnd.oci.empty.v1+json');
    assert.equal(html.layers[0]?.mediaType, 'text/html');
    assert.deepEqual(html.layers[0]?.annotations, { 'org.opencontainers.image.title': 'page.html' });
    assert.equal((await made('text')).layers[0]?.mediaType, 'text/plain');
    assert.equal((await made('binary')).layers[0]?.mediaType, 'application/octet-stream');
    const untitled = await made('--artifact-exclude-titles', 'text');
    assert.equal(untitled.layers[0]?.annotations, undefined);
    const configured = await made('--artifact-config', 'config', 'text');
    assert.equal(configured.config.mediaType, 'application/vnd.oci.image.config.v1+json');
    const hollow = await made('--artifact-config', 'nothing', 'text');
    assert.equal(hollow.config.mediaType, 'application/vnd.oci.empty.v1+json');
    const placed = await made('--artifact-type', 'application/x', '--os', 'linux', '--arch', 'arm64', 'text');
    assert.equal(placed.entry.artifactType, 'application/x');
    assert.deepEqual(placed.entry.platform, { architecture: 'arm64', os: 'linux' });
  });

  test('43. inspect shows what skopeo reads', { skip: skipWithout('skopeo') }, async (t) => {
    const peers = await isolatedPeers(t);
    const { create, add, annotate, push, app, list, to, inspect, digest } = await bench(t);
    await create('--all', 'foo', list('four'));
    await add('--annotation', 'hoge=fuga', 'foo', app('riscv64'));
    await annotate('--index', '--annotation', 'up=down', 'foo');
    await annotate('--os-version', '7.7.7', 'foo', digest('arm64'));
    const local = await inspect('foo');
    const pushed = await push('foo', to('fortythree:1'));
    const raw = await peers.ok('skopeo', ['inspect', '--raw', '--tls-verify=false', to('fortythree:1')]);
    assert.deepEqual(JSON.parse(raw), local);
    assert.deepEqual(await inspect(to('fortythree:1')), local);
    const read = await peers.ok('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--override-arch',
      'amd64',
      '--format',
      '{{.Digest}}',
      to('fortythree:1'),
    ]);
    assert.equal(read.trim(), pushed);
  });

  test('44. adds, annotations and removals at once lose nothing', async (t) => {
    const { create, sheaf, list, app, inspect, digest } = await bench(t);
    await create('--all', 'foo', list('four'));
    const added = ['ppc64le', '386', 'riscv64', 'mips64le'];
    const annotated = ['arm64', 's390x'];
    const runs = await Promise.all([
      ...added.map((key) => sheaf.run('manifest', 'add', '--tls-verify=false', 'foo', app(key))),
      ...annotated.map((key) => sheaf.run('manifest', 'annotate', '--annotation', `who=${key}`, 'foo', digest(key))),
      ...annotated.map((key) => sheaf.run('manifest', 'annotate', '--os-version', key, 'foo', digest(key))),
      ...['amd64', 'armv7'].map((key) => sheaf.run('manifest', 'remove', 'foo', digest(key))),
      sheaf.run('manifest', 'annotate', '--index', '--annotation', 'one=1', 'foo'),
      sheaf.run('manifest', 'annotate', '--index', '--annotation', 'two=2', 'foo'),
    ]);
    for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
    const index = await inspect('foo');
    assert.deepEqual(digests(index).sort(), [...annotated, ...added].map(digest).sort());
    assert.deepEqual(index.annotations, { one: '1', two: '2' });
    for (const key of annotated) {
      const entry = index.manifests.find((one) => one.digest === digest(key));
      assert.equal(entry?.platform?.['os.version'], key);
      assert.equal(entry?.annotations?.['who'], key);
    }
  });
});
