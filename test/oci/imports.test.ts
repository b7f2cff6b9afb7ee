/** What the modules of src/oci may import: zod costs start-up time, and the domain stands on the foundation alone. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('../../src/oci/', import.meta.url);

/** Modules that a module needs at run time, as written. */
function importsOf(name: string): string[] {
  const text = readFileSync(new URL(name, folder), 'utf8');
  return [...text.matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from '([^']+)';/gm)].map(([, from = '']) => from);
}

function needs(name: string, wanted: string, seen = new Set<string>()): boolean {
  if (seen.has(name)) return false;
  seen.add(name);
  return importsOf(name).some(
    (from) => from === wanted || (from.startsWith('./') && needs(from.slice(2), wanted, seen)),
  );
}

const modules = readdirSync(folder).filter((name) => name.endsWith('.ts'));

test('only what parses documents needs zod', () => {
  assert.deepEqual(
    modules.filter((name) => needs(name, 'zod')),
    ['config.ts', 'document-schema.ts', 'image-index.ts', 'manifest.ts', 'referrer.ts'],
  );
  for (const name of [
    'platform.ts',
    'digest.ts',
    'reference.ts',
    'media-types.ts',
    'edits.ts',
    'encode-document.ts',
    'raw-manifest.ts',
  ]) {
    assert.ok(modules.includes(name) && !needs(name, 'zod'), name);
  }
  assert.ok(needs('image-index.ts', 'zod'), 'the test sees imports at all');
});

test('nothing but the foundation, zod and a few parts of Node.js is imported', () => {
  const allowed = new Set([
    '../foundation/errors.ts',
    '../foundation/redaction.ts',
    'node:crypto',
    'node:fs',
    'node:os',
    'zod',
  ]);
  for (const name of modules) {
    const others = importsOf(name).filter((from) => !from.startsWith('./') && !allowed.has(from));
    assert.deepEqual(others, [], name);
  }
});

test('no module imports itself by a detour', () => {
  for (const name of modules) {
    const direct = importsOf(name).filter((from) => from.startsWith('./'));
    for (const from of direct) assert.ok(!needs(from.slice(2), `./${name}`), `${name} and ${from}`);
  }
});
