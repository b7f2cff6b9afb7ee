/** Start-up stays light: what a command does not need, it does not load. `npm run bench startup` measures what that gives. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isFresh } from '../../bin/freshness.js';
import { run, sheaf } from './support/program.ts';

const root = new URL('../../', import.meta.url);
const hook = new URL('support/log-loads.ts', import.meta.url).href;
const dev = fileURLToPath(new URL('bin/dev.js', root));

/** Packages that are loaded only by what uses them. */
const heavy = [
  'undici',
  'zod',
  'openpgp',
  'keytar',
  '@sigstore',
  'tar-stream',
  'mime-types',
  'ejs',
  'minimatch',
  'tinyglobby',
];

/** The files that a run of `script` loaded. */
async function loads(
  t: TestContext,
  script: string,
  ...argv: string[]
): Promise<{ files: string[]; code: number | null }> {
  const folder = mkdtempSync(join(tmpdir(), 'sheaf-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'loads.json');
  const { code, stderr } = await run(script, argv, {
    nodeFlags: ['--import', hook],
    env: { SHEAF_HOME: join(folder, 'home'), XDG_CACHE_HOME: join(folder, 'cache'), SHEAF_TEST_LOADS: log },
  });
  assert.equal(stderr, '');
  return { files: JSON.parse(readFileSync(log, 'utf8')) as string[], code };
}

describe('start-up', () => {
  it('of --version loads nothing but bin/run.js', async (t) => {
    const { files } = await loads(t, sheaf, '--version');
    assert.deepEqual(
      files.filter((url) => url.startsWith('file:')),
      [new URL('bin/run.js', root).href],
    );
  });

  it('of manifest exists loads no part that only others need', async (t) => {
    const { files, code } = await loads(t, dev, 'manifest', 'exists', 'no-such-list');
    assert.equal(code, 1);
    // oclif itself asks for some of them; the build puts that off, see the next test
    const ofOclif = ['ejs', 'minimatch', 'tinyglobby'];
    const wrong = heavy.filter(
      (name) => !ofOclif.includes(name) && files.some((url) => url.includes(`/node_modules/${name}/`)),
    );
    assert.deepEqual(wrong, []);
    const areas = ['distribution', 'transports', 'operations', 'copy', 'credentials', 'registry-server'];
    assert.deepEqual(
      areas.filter((area) => files.some((url) => url.includes(`/src/${area}/`))),
      [],
    );
  });

  it('of manifest exists evaluates no such part of the build either', async (t) => {
    if (!isFresh(root)) return t.skip('dist/ is not built from the sources');
    const { files } = await loads(t, sheaf, 'manifest', 'exists', 'no-such-list');
    const chunks = files.filter((url) => url.startsWith(new URL('dist/', root).href));
    assert.ok(chunks.length > 0, 'the build did not run');
    const modules = chunks.flatMap((url) => eagerModules(readFileSync(fileURLToPath(url), 'utf8')));
    assert.deepEqual(
      heavy.filter((name) => modules.some((path) => path.includes(`node_modules/${name}/`))),
      [],
    );
    return undefined;
  });
});

/** The modules in a file of the build that run as soon as it is loaded: those that are not wrapped in a function. */
function eagerModules(code: string): string[] {
  const parts = code.split(/^\/\/ (.+\.(?:js|ts|cjs|mjs|json))$/m);
  const modules: string[] = [];
  for (let at = 1; at < parts.length; at += 2) {
    if (!/^\s*var require_\w+ = __commonJS\(/.test(parts[at + 1] ?? '')) modules.push(parts[at] ?? '');
  }
  return modules;
}
