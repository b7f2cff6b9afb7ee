import assert from 'node:assert/strict';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { run } from '../support/peers.ts';
import { copy, kinds, readAll, writeKinds } from './support.ts';

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  const work = join(env.folder, 'work');
  await mkdir(work);
  return { env, layout, work, digests: await writeKinds(layout) };
}

const listing = async (file: string): Promise<string[]> => (await run('tar', ['tf', file])).stdout.trim().split('\n');

describe('oci-archive:', () => {
  it('gives back every kind of image, the same bytes every time', async (t) => {
    const { env, layout, work, digests } = await prepare(t);
    for (const kind of kinds) {
      const [one, two] = [join(work, `${kind}-1.tar`), join(work, `${kind}-2.tar`)];
      for (const file of [one, two]) {
        const root = await copy(env, `oci:${layout}:${kind}`, `oci-archive:${file}:name`);
        assert.equal(root.digest, digests[kind]);
      }
      assert.deepEqual(await readFile(one), await readFile(two));
      assert.deepEqual(await readAll(env, `oci-archive:${one}:name`), await readAll(env, `oci:${layout}:${kind}`));
      const names = await listing(one);
      assert.deepEqual(names, [...names].sort());
      assert.deepEqual(names.slice(0, 2), ['blobs/', 'blobs/sha256/']);
    }
    assert.equal((await readdir(work)).length, 2 * kinds.length);
  });

  it('reads compressed archives and standard input, and says what it cannot read', async (t) => {
    const { env, layout, work, digests } = await prepare(t);
    const file = join(work, 'a.tar');
    await copy(env, `oci:${layout}:list`, `oci-archive:${file}:name`);
    const bytes = await readFile(file);
    await writeFile(join(work, 'a.gz'), gzipSync(bytes));
    await writeFile(join(work, 'a.zst'), zstdCompressSync(bytes));
    const expected = await readAll(env, `oci:${layout}:list`);
    for (const name of ['a.gz:name', 'a.zst', 'a.tar:@0', `a.tar@${digests.list}`, 'a.tar']) {
      assert.deepEqual(await readAll(env, `oci-archive:${work}/${name}`), expected, name);
    }
    for (const stream of [() => createReadStream(file), () => createReadStream(join(work, 'a.gz'))]) {
      const piped = { ...env, standardInput: stream } as TestEnv;
      assert.deepEqual(await readAll(piped, 'oci-archive:-:name'), expected);
    }
    const cases: Array<[string, Uint8Array, string]> = [
      ['cut', bytes.subarray(0, 3000), 'UNREADABLE_TAR'],
      ['cut.gz', gzipSync(bytes).subarray(0, 500), 'TRUNCATED_GZIP'],
      ['text', Buffer.from('hello'.repeat(200)), 'UNREADABLE_TAR'],
      ['empty', Buffer.alloc(0), 'UNREADABLE_TAR'],
    ];
    for (const [name, content, code] of cases) {
      await writeFile(join(work, name), content);
      await assert.rejects(
        readAll(env, `oci-archive:${work}/${name}`),
        (thrown: Error & { code?: string; hint?: string }) => {
          assert.equal(thrown.code, code, name);
          assert.ok(thrown.message.includes(join(work, name)), thrown.message);
          assert.ok(thrown.hint);
          return true;
        },
      );
    }
    await assert.rejects(readAll(env, `oci-archive:${work}`), { code: 'ARCHIVE_NOT_FOUND', message: /folder/ });
    await assert.rejects(readAll(env, `oci-archive:${work}/absent`), { code: 'ARCHIVE_NOT_FOUND' });
  });

  it('takes the place of what was there, and needs no blob twice', async (t) => {
    const { env, layout, work, digests } = await prepare(t);
    const file = join(work, 'a.tar');
    await copy(env, `oci:${layout}:list`, `oci-archive:${file}:one`);
    const before = await listing(file);
    await copy(env, `oci:${layout}:image`, `oci-archive:${file}:two`);
    assert.deepEqual(await readAll(env, `oci-archive:${file}`), await readAll(env, `oci:${layout}:image`));
    assert.ok((await listing(file)).length < before.length);
    const location = locate(`oci-archive:${file}:two`);
    await using destination = await location.openDestination(env);
    assert.equal(await destination.currentRoot(), digests.image);
    assert.equal(await destination.currentRoot('one'), undefined);
    await using source = await openVerifiedSource(locate(`oci:${layout}:image`), env);
    const { namedBy } = await import('../../src/transports/named-content.ts');
    for (const blob of namedBy(await source.getManifest()).blobs) assert.equal(await destination.hasBlob(blob), true);
  });

  it('a copy that fails leaves what was there, and nothing else', async (t) => {
    const { env, layout, work } = await prepare(t);
    const file = join(work, 'a.tar');
    await copy(env, `oci:${layout}:image`, `oci-archive:${file}`);
    const before = await readFile(file);
    {
      await using source = await openVerifiedSource(locate(`oci:${layout}:arm64`), env);
      await using destination = await locate(`oci-archive:${file}`).openDestination(env);
      const { namedBy } = await import('../../src/transports/named-content.ts');
      const root = await source.getManifest();
      const [config, layer] = namedBy(root).blobs;
      assert.ok(config && layer);
      await destination.putBlob({ descriptor: config, open: () => source.openBlob(config) });
      await assert.rejects(
        destination.putBlob({ descriptor: layer, open: async () => Readable.from([Buffer.from('x')]) }),
        { code: 'DIGEST_MISMATCH' },
      );
      await assert.rejects(destination.commit(root), { code: 'BLOB_NOT_FOUND' });
    }
    assert.deepEqual(await readFile(file), before);
    assert.deepEqual(await readdir(work), ['a.tar']);
  });

  it('writes to standard output, once', async (t) => {
    const { env, layout, work } = await prepare(t);
    const output = createWriteStream(join(work, 'out.tar'));
    const piped = { ...env, standardOutput: () => output } as TestEnv;
    await copy(piped, `oci:${layout}:list`, 'oci-archive:-:name');
    await new Promise((resolve) => output.end(resolve));
    assert.deepEqual(await readAll(env, `oci-archive:${work}/out.tar:name`), await readAll(env, `oci:${layout}:list`));
    await assert.rejects(copy(env, `oci:${layout}:list`, 'oci-archive:-'), { kind: 'unsupported' });
  });
});
