import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DigestPairs, readDigestPairs, writeDigestPairs } from '../../src/copy/digest-pairs.ts';
import { IntegrityError, StorageError } from '../../src/foundation/errors.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { Recompression } from '../../src/store/store.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { seedImage, seedIndex } from '../support/seed.ts';

const layer = digestOf(Buffer.from('layer'));
const made = (text: string): Recompression => ({
  digest: digestOf(Buffer.from(text)),
  size: text.length,
  format: 'zstd',
  annotations: { 'io.github.containers.zstd-chunked.manifest-position': '1:2:3:4' },
  plainSize: 9,
});

test('pairs come back from a file as they were, in an order of its own', async (t) => {
  const file = join(await testFolder(t), 'sub/pairs.json');
  const pairs = await readDigestPairs(file);
  assert.equal(pairs.get(layer, 'zstd/3/x/1'), undefined);
  pairs.add(layer, 'zstd/3/x/1', made('b'));
  pairs.add(layer, 'gzip/6/x/1', made('a'));
  await writeDigestPairs(file, pairs);
  const read = await readDigestPairs(file);
  assert.deepEqual(read.get(layer, 'zstd/3/x/1'), made('b'));
  assert.deepEqual(read.get(layer, 'gzip/6/x/1'), made('a'));
  assert.equal(read.isChanged, false);
  const turned = new DigestPairs();
  turned.add(layer, 'gzip/6/x/1', made('a'));
  turned.add(layer, 'zstd/3/x/1', made('b'));
  assert.deepEqual(turned.encode(), await readFile(file));
});

test('what another run has written meanwhile is kept', async (t) => {
  const file = join(await testFolder(t), 'pairs.json');
  const [one, two] = await Promise.all([readDigestPairs(file), readDigestPairs(file)]);
  one.add(layer, 'one', made('a'));
  two.add(layer, 'two', made('b'));
  await writeDigestPairs(file, one);
  await writeDigestPairs(file, two);
  const read = await readDigestPairs(file);
  assert.ok(read.get(layer, 'one') && read.get(layer, 'two'));
});

test('a file that is not whole, not what it says, or no file of pairs is refused', async (t) => {
  const file = join(await testFolder(t), 'pairs.json');
  const pairs = new DigestPairs();
  pairs.add(layer, 'zstd', made('a'));
  const good = Buffer.from(pairs.encode()).toString();
  const signed = (list: string): string =>
    `{"schemaVersion":1,"pairs":${list},"digest":"${digestOf(Buffer.from(list))}"}`;
  const cases: Array<[string, RegExp]> = [
    ['', /unexpected end|line 1/],
    [good.slice(0, -20), /line 1/],
    ['[]', /is not an object/],
    [good.replace('"schemaVersion":1', '"schemaVersion":2'), /schemaVersion is not 1/],
    ['{"schemaVersion":1,"digest":""}', /has no pairs/],
    [good.replace('"size":1', '"size":2'), /not those that its digest is of/],
    [good.replace('"size":1', '"size":1,"size":1'), /twice|duplicate/i],
    [signed('[1]'), /pairs\[0\] is not an object/],
    [signed('[{"layer":"sha256:1"}]'), /pairs\[0\]\.layer is not a digest/],
    [signed(`[{"layer":"${layer}","digest":"${layer}","size":-1}]`), /pairs\[0\]\.size is not a number of bytes/],
  ];
  for (const [text, why] of cases) {
    await writeFile(file, text);
    await assert.rejects(readDigestPairs(file), (error: unknown) => {
      assert.ok(error instanceof IntegrityError, text);
      assert.equal(error.code, 'BAD_DIGEST_PAIRS');
      assert.match(error.message, why);
      assert.ok(error.message.startsWith(file));
      return true;
    });
  }
  await truncate(file, 40 << 20);
  await assert.rejects(readDigestPairs(file), StorageError);
});

/** A list of two images that share a layer, and machines that have never seen it. */
async function scene(
  t: TestContext,
): Promise<{ registry: TestRegistry; from: string; machine(): Promise<Sheaf>; file: string }> {
  const registry = await withRegistry(t);
  const images = await Promise.all(
    (['amd64', 'arm64'] as const).map((architecture) =>
      seedImage(registry, 'src/app', {
        layers: [gzipSync(`for ${architecture}`), gzipSync('shared')],
        platform: { os: 'linux', architecture },
      }),
    ),
  );
  await seedIndex(registry, 'src/app', images, { tag: 'multi' });
  return {
    registry,
    from: `docker://${registry.host}/src/app:multi`,
    machine: async () => sheafIn(await testFolder(t)),
    file: join(await testFolder(t), 'pairs.json'),
  };
}

test('a machine that has never seen a release skips what another one compressed', async (t) => {
  const { registry, from, machine, file } = await scene(t);
  const to = `docker://${registry.host}/dst/app:1`;
  const copy = ['image', 'copy', '--json', '--all', '--tls-verify=false', '--dest-compress-format', 'zstd'];
  const run = async (sheaf: Sheaf, ...rest: string[]): Promise<Record<string, unknown>> =>
    JSON.parse(await sheaf.ok(...copy, ...rest)) as Record<string, unknown>;
  const first = await run(await machine(), '--digest-pairs', file, from, to);
  assert.equal(first['recompressed'], 3);

  const cold = await run(await machine(), from, to);
  assert.deepEqual([cold['digest'], cold['recompressed']], [first['digest'], 3]);

  registry.faults.reset();
  const before = await readFile(file);
  const second = await run(await machine(), '--digest-pairs', file, from, to);
  assert.deepEqual([second['digest'], second['recompressed'], second['copied']], [first['digest'], 0, 0]);
  const read = registry.faults.requests.filter(({ method, path }) => method === 'GET' && path.includes('/blobs/'));
  assert.deepEqual(read, [], 'no layer is even read');
  assert.deepEqual(await readFile(file), before);

  // what the destination does not have is not believed to be there
  const elsewhere = `docker://${registry.host}/other/app:1`;
  const third = await run(await machine(), '--digest-pairs', file, '--src-no-creds', from, elsewhere);
  assert.deepEqual([third['digest'], third['recompressed']], [first['digest'], 3]);
});

test('a machine that compressed it before writes what it remembers; a dry run reads the file and writes nothing', async (t) => {
  const { registry, from, machine, file } = await scene(t);
  const sheaf = await machine();
  const to = `docker://${registry.host}/dst/app:1`;
  const copy = ['image', 'copy', '--all', '--tls-verify=false', '--dest-compress-format', 'zstd'];
  await sheaf.ok(...copy, from, to);
  await sheaf.ok(...copy, '--dry-run', '--digest-pairs', file, from, to);
  await assert.rejects(readFile(file), { code: 'ENOENT' });
  await sheaf.ok(...copy, '--digest-pairs', file, from, to);
  const plan = await (await machine()).ok(...copy, '--dry-run', '--digest-pairs', file, from, to);
  assert.doesNotMatch(plan, /compress .* to zstd|recompress/);
  assert.match(plan, /already there|nothing to do|reuse/i);
});

test('a list is pushed with pairs, too; a broken file stops it before anything is sent', async (t) => {
  const { registry, from, machine, file } = await scene(t);
  const push = async (sheaf: Sheaf): Promise<Record<string, unknown>> => {
    await sheaf.ok('manifest', 'create', '--tls-verify=false', '--all', 'app:1', from);
    const flags = ['--json', '--tls-verify=false', '--add-compression', 'zstd', '--digest-pairs', file];
    return JSON.parse(
      await sheaf.ok('manifest', 'push', ...flags, 'app:1', `docker://${registry.host}/dst/app:1`),
    ) as Record<string, unknown>;
  };
  const first = await push(await machine());
  const second = await push(await machine());
  assert.deepEqual([first['recompressed'], second['recompressed'], second['digest']], [3, 0, first['digest']]);
  await writeFile(file, '{');
  registry.faults.reset();
  await assert.rejects(push(await machine()), /BAD_DIGEST_PAIRS|no file of digest pairs/);
  assert.deepEqual(
    registry.faults.requests.filter(({ method }) => ['POST', 'PUT', 'PATCH'].includes(method)),
    [],
  );
});
