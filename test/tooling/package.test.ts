/** What `npm publish` would send out. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface PackageJson {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as PackageJson;

/** Parts of bin/ and dist/ that are of use in a checkout only. */
const forCheckouts = ['bin/dev.js', 'bin/freshness.js', 'dist/code/image-copy.code', 'dist/sources.stamp'];

describe('the package', () => {
  it('holds the build, the start and what a reader needs, to which its README leads, but no sources', () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const listing = execFileSync('npm', args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
    const [{ files }] = JSON.parse(listing) as [{ files: Array<{ path: string }> }];
    const paths = files.map(({ path }) => path);
    const wanted = [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'oclif.manifest.json',
      'bin/run.js',
      'bin/package.json',
      'bin/hand-over.js',
      'bin/built-program.js',
    ];
    const built = [
      'dist/index.js',
      'dist/cli/main.cjs',
      'dist/commands/manifest/push.js',
      'dist/compression/peer-gzip-thread.js',
      'dist/THIRD-PARTY-LICENSES.txt',
    ];
    for (const path of [...wanted, ...built]) assert.ok(paths.includes(path), `${path} is missing`);
    assert.deepEqual(
      paths.filter((path) => !wanted.includes(path) && !/^(dist|bin|docs)\//.test(path)),
      [],
    );
    const readme = readFileSync(`${root}README.md`, 'utf8');
    const links = [...readme.matchAll(/\]\(([^):#]+)\)/g)].map(([, path = '']) => path);
    assert.ok(links.includes('docs/library.md'));
    assert.deepEqual(
      links.filter((link) => !paths.some((path) => path === link || path.startsWith(link))),
      [],
    );
    assert.deepEqual(
      paths.filter((path) => forCheckouts.includes(path)),
      [],
    );
  });

  it('is not made without what builds it', (t) => {
    const bare = mkdtempSync(join(tmpdir(), 'sheaf-bare-'));
    t.after(() => rmSync(bare, { recursive: true }));
    for (const part of ['.ci/build.js', 'bin', 'package.json'])
      cpSync(join(root, part), join(bare, part), { recursive: true });
    const build = (...flags: string[]) =>
      spawnSync(process.execPath, [join(bare, '.ci/build.js'), ...flags], { encoding: 'utf8' });
    const packed = build('--types');
    assert.deepEqual(
      [packed.status, packed.stderr],
      [1, 'Without the development dependencies no package can be made: run npm ci first.\n'],
    );
    // what npm runs while it installs a checkout with --omit=dev
    assert.equal(build().status, 0);
  });

  it('names exact versions, for what was tested is what is used', () => {
    const ranges = Object.entries({ ...pjson.dependencies, ...pjson.devDependencies, ...pjson.optionalDependencies });
    assert.deepEqual(
      ranges.filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range)),
      [],
    );
  });

  it('is installed from a lock file that names no place to download from', () => {
    const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
      packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; version?: string }>;
    };
    const located = Object.entries(packages).filter(([, { resolved }]) => resolved?.includes('://'));
    assert.deepEqual(located, []);
    const unverified = Object.entries(packages).filter(
      ([path, { integrity, link }]) => path.startsWith('node_modules/') && !link && integrity === undefined,
    );
    assert.deepEqual(unverified, []);
  });
});
