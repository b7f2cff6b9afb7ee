/** The program in docs/library.md: `npm run types` checks it where it stands, in fixtures/library.ts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fixtureImage, fixtureIndex, writeFixtureLayout } from '../../fixtures/images.ts';
import { testFolder } from '../support/folders.ts';
import { http } from '../support/http.ts';
import { withRegistry } from '../support/registry.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = join(root, 'fixtures/library.ts');

async function run(folder: string, ...args: string[]) {
  const env = { ...process.env, SHEAF_HOME: join(folder, 'store') };
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { out, err, status: status as number };
}

async function layout(t: TestContext, architectures: readonly string[]): Promise<{ folder: string; name: string }> {
  const folder = await testFolder(t);
  const images = await Promise.all(
    architectures.map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  const named = Object.fromEntries(images.map((image) => [image.platform.architecture, image]));
  await writeFixtureLayout(join(folder, 'images'), named, { app: fixtureIndex(images) });
  return { folder, name: `oci:${join(folder, 'images')}:app` };
}

describe('the example of the library', () => {
  it('is the program that is tested', async () => {
    const code = (await readFile(program, 'utf8')).replace("'../src/index.ts'", "'sheaf'");
    assert.ok((await readFile(join(root, 'docs/library.md'), 'utf8')).includes(`\`\`\`ts\n${code}\`\`\`\n`));
  });

  it('copies, makes a list and pushes it', async (t) => {
    const registry = await withRegistry(t);
    const { folder, name } = await layout(t, ['amd64', 'arm64', 's390x']);
    const { out, err, status } = await run(folder, name, `${registry.host}/me/app`);
    assert.equal(status, 0, err);
    const [, copied, pushed] = /^copied (\S+)\npushed (\S+)\n$/.exec(out) ?? assert.fail(out);
    for (const [tag, digest, count] of [
      ['copy', copied, 3],
      ['1.0', pushed, 2],
      ['latest', pushed, 2],
    ] as const) {
      const answer = await http(`${registry.url}/v2/me/app/manifests/${tag}`);
      assert.equal(answer.headers['docker-content-digest'], digest);
      assert.equal((JSON.parse(answer.text) as { manifests: unknown[] }).manifests.length, count);
    }
  });

  it('tells what went wrong', async (t) => {
    const registry = await withRegistry(t);
    const { folder, name } = await layout(t, ['amd64']);
    const { err, status } = await run(folder, name, `${registry.host}/me/app`);
    assert.equal(status, 3);
    assert.match(err, /^NO_IMAGE_FOR_PLATFORM: no image found .*\nIt has linux\/amd64\.$/m);
  });
});
