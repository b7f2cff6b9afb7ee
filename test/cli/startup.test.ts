/** Start-up stays light: what a command does not need, it does not load. `npm run bench startup` measures what that gives. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
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

/** The files that a run of `script` loaded, and the modules of the build that ran in it. */
async function loads(
  t: TestContext,
  script: string,
  ...argv: string[]
): Promise<{ files: string[]; modules: string[]; code: number | null }> {
  const folder = mkdtempSync(join(tmpdir(), 'sheaf-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'loads.json');
  const { code, stderr } = await run(script, argv, {
    nodeFlags: ['--import', hook],
    env: { SHEAF_HOME: join(folder, 'home'), XDG_CACHE_HOME: join(folder, 'cache'), SHEAF_TEST_LOADS: log },
  });
  assert.equal(stderr, '');
  const seen = JSON.parse(readFileSync(log, 'utf8')) as { files: string[]; modules: string[] };
  return { ...seen, code };
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
    const built = readableBuild(t);
    const { files, modules } = await loads(t, join(built, 'bin/run.js'), 'manifest', 'exists', 'no-such-list');
    assert.ok(modules.includes('src/commands/manifest/exists.ts'), 'the build did not run');
    const ran = [...modules, ...files];
    assert.deepEqual(
      heavy.filter((name) => ran.some((path) => path.includes(`node_modules/${name}/`))),
      [],
    );
    assert.deepEqual(
      files.filter((url) => url.includes('/dist/parts/')),
      [],
    );
  });
});

/** A folder as the package is installed, with a build whose modules have names. */
function readableBuild(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sheaf-built-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const here = fileURLToPath(root);
  const { status } = spawnSync(process.execPath, [join(here, '.ci/build.js'), `--readable=${folder}/dist`]);
  assert.equal(status, 0);
  assert.ok(existsSync(join(folder, 'dist')), 'esbuild, a development dependency, is not installed');
  for (const name of ['bin', 'package.json', 'oclif.manifest.json']) {
    cpSync(join(here, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
