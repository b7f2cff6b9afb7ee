import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testEnv } from '../support/env.ts';
import { readAll, writeKinds } from '../transports/support.ts';

const program = fileURLToPath(new URL('../../bin/dev.js', import.meta.url));

test('an archive goes through standard output and standard input, and nothing goes with it', async (t) => {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  const digests = await writeKinds(layout);
  const sheaf = (args: readonly string[], input?: string) => {
    const child = spawn(process.execPath, [program, 'image', 'copy', '--quiet', ...args], {
      env: { ...process.env, SHEAF_HOME: join(env.folder, 'home') },
    });
    if (input === undefined) child.stdin.end();
    else createReadStream(input).pipe(child.stdin);
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    return Promise.all([buffer(child.stdout), text(child.stderr), code]);
  };
  const file = join(env.folder, 'a.tar');
  const [[, toFile, first], [bytes, stderr, second]] = await Promise.all([
    sheaf(['--all', `oci:${layout}:list`, `oci-archive:${file}:one`]),
    sheaf(['--all', `oci:${layout}:list`, 'oci-archive:-:one']),
  ]);
  assert.deepEqual([first, second], [0, 0], toFile + stderr);
  assert.deepEqual(bytes, await readFile(file));
  assert.match(stderr, new RegExp(digests.list));
  const [, problem, third] = await sheaf(['--all', 'oci-archive:-:one', `dir:${env.folder}/d`], file);
  assert.equal(third, 0, problem);
  assert.deepEqual(await readAll(env, `dir:${env.folder}/d`), await readAll(env, `oci:${layout}:list`));
});
