import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isFresh, sourceStamp, writeStamp } from '../../bin/freshness.js';

/** A checkout whose dist/ has just been built. */
function built(t: TestContext): { root: URL; path: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'sheaf-fresh-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);
  mkdirSync(path('src/cli'), { recursive: true });
  mkdirSync(path('dist'));
  mkdirSync(path('.ci'));
  for (const name of ['package.json', 'package-lock.json', '.ci/build.js', 'src/index.ts', 'src/cli/main.ts'])
    writeFileSync(path(name), 'x');
  const root = pathToFileURL(`${folder}/`);
  writeStamp(root, sourceStamp(root));
  return { root, path };
}

describe('a build', () => {
  it('is fresh while nothing has changed', (t) => {
    assert.equal(isFresh(built(t).root), true);
  });

  const changes: Readonly<Record<string, (path: (name: string) => string) => void>> = {
    'a file is longer': (path) => writeFileSync(path('src/cli/main.ts'), 'xx'),
    'a file has another time': (path) => utimesSync(path('src/cli/main.ts'), 1, 1),
    'a file is new': (path) => writeFileSync(path('src/cli/new.ts'), 'x'),
    'a file is gone': (path) => rmSync(path('src/index.ts')),
    'a file has another name': (path) => renameSync(path('src/index.ts'), path('src/other.ts')),
    'the way to build has changed': (path) => writeFileSync(path('.ci/build.js'), 'other'),
    'packages have changed': (path) => writeFileSync(path('package-lock.json'), 'other'),
    'there is no build': (path) => rmSync(path('dist'), { recursive: true }),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`is stale when ${what}`, (t) => {
      const { root, path } = built(t);
      change(path);
      assert.equal(isFresh(root), false);
    });
  }
});
