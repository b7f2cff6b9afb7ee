import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeTree } from '../../src/operations/describe-tree.ts';
import { readImage } from '../../src/operations/read-image.ts';
import { locate } from '../../src/transports/image-names.ts';
import type { ImageLocation } from '../../src/transports/transport.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import { copy, writeKinds } from '../transports/support.ts';

/** The same place, whose source must not be asked for anything once it is closed. */
function watched(location: ImageLocation, late: string[]): ImageLocation {
  return {
    ...location,
    async openSource(env) {
      const source = await location.openSource(env);
      let closed = false;
      const told = <T>(what: string, work: () => T): T => {
        if (closed) late.push(what);
        return work();
      };
      return {
        getManifest: (instance) => told(`manifest ${instance}`, () => source.getManifest(instance)),
        openBlob: (blob, range) => told(`blob ${blob.digest}`, () => source.openBlob(blob, range)),
        async [Symbol.asyncDispose]() {
          closed = true;
          await source[Symbol.asyncDispose]();
        },
      };
    },
  };
}

test('a source is closed after the last question to it, not before', async (t) => {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  await writeKinds(layout);
  const late: string[] = [];
  for (const kind of ['image', 'list', 'artifact']) {
    const location = watched(locate(`oci:${layout}:${kind}`), late);
    await readImage(env, location, 'all');
    await describeTree(env, location);
  }
  assert.deepEqual(late, []);
});

test('an archive from a pipe cannot be kept as a place, and leaves nothing behind', async (t) => {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  const spool = join(env.folder, 'spool');
  await writeKinds(layout);
  await mkdir(spool);
  const file = join(env.folder, 'a.tar');
  await copy(env, `oci:${layout}:image`, `docker-archive:${file}`);
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = spool;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  const piped = { ...env, standardInput: () => createReadStream(file) } as TestEnv;
  await assert.rejects(readImage(piped, locate('docker-archive:-'), 'all'), { code: 'LOCATION_NOT_STABLE' });
  assert.deepEqual(await readdir(spool), []);
});
