/** Archives in bzip2 and xz, which other programs unpack. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testEnv } from '../support/env.ts';
import { run } from '../support/peers.ts';
import { copy, readAll, writeKinds } from './support.ts';

const programs = ['bzip2', 'xz'] as const;
const isHere = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

function setEnvironment(t: TestContext, name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

for (const program of programs) {
  describe(`archives in ${program}`, () => {
    it('are read like others, and told where they are cut off', { skip: !isHere(program) }, async (t) => {
      const env = await testEnv(t);
      const layout = join(env.folder, 'layout');
      await writeKinds(layout);
      const file = join(env.folder, 'a.tar');
      await copy(env, `oci:${layout}:list`, `oci-archive:${file}:one`);
      const packed = `${file}${program === 'xz' ? '.xz' : '.bz2'}`;
      const { code, stderr } = await run(program, ['-k', file]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(await readAll(env, `oci-archive:${packed}`), await readAll(env, `oci:${layout}:list`));
      await writeFile(`${file}.cut`, (await readFile(packed)).subarray(0, 200));
      setEnvironment(t, 'TMPDIR', env.folder);
      const before = await readdir(env.folder);
      await assert.rejects(readAll(env, `oci-archive:${file}.cut`), {
        code: 'DAMAGED_ARCHIVE',
        message: new RegExp(`a\\.tar\\.cut cannot be used: ${program} says: .*end`),
      });
      assert.deepEqual(await readdir(env.folder), before);
    });

    it('are refused where there is no such program', async (t) => {
      const env = await testEnv(t);
      const file = join(env.folder, 'a.tar');
      await writeFile(file, program === 'xz' ? Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) : 'BZh91AY&SY');
      setEnvironment(t, 'PATH', '');
      await assert.rejects(readAll(env, `docker-archive:${file}`), {
        code: 'UNREADABLE_COMPRESSION',
        message: new RegExp(`compressed with ${program}`),
        hint: new RegExp(`Install ${program}`),
      });
    });
  });
}
