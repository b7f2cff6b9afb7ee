/** The linter finds what it is there for: a promise that nobody waits for is an error, wherever it comes from. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
// below the checkout, where the types of Node.js are found
const folder = mkdtempSync(join(root, 'node_modules/.lint-'));
after(() => rmSync(folder, { recursive: true }));
for (const name of ['.oxlintrc.json', 'tsconfig.json']) copyFileSync(join(root, name), join(folder, name));

/** Lines of `code` with a complaint of the linter, by rule. */
function complaints(code: string): Array<[line: number, rule: string]> {
  writeFileSync(join(folder, 'planted.ts'), code);
  const tsconfig = { extends: '../../tsconfig.json', include: ['planted.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  const args = ['--type-aware', '--format=json', '--no-ignore', 'planted.ts'];
  const { stdout, error } = spawnSync('oxlint', args, { cwd: folder, encoding: 'utf8' });
  if (error !== undefined) throw error;
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: Array<{ code: string; labels: Array<{ span: { line: number } }> }>;
  };
  return diagnostics.map(({ code: rule, labels }) => [labels[0]?.span.line ?? 0, rule]);
}

describe('the linter', () => {
  it('refuses promises that nobody waits for', () => {
    const code = `import { rm } from 'node:fs/promises';
interface Store { close(): Promise<void> }
export function leak(store: Store): void {
  rm('x');
  store.close();
  [store].map((one) => one.close());
  rm('x').finally(() => {});
}
`;
    assert.deepEqual(
      complaints(code),
      [4, 5, 6, 7].map((line) => [line, 'typescript(no-floating-promises)']),
    );
  });

  it('refuses promises where nothing waits for them', () => {
    const code = `import { rm } from 'node:fs/promises';
process.on('exit', async () => { await rm('x'); });
if (rm('x')) process.exit();
`;
    assert.deepEqual(
      complaints(code),
      [2, 3].map((line) => [line, 'typescript(no-misused-promises)']),
    );
  });

  it('has nothing against promises that are waited for, returned or caught', () => {
    const code = `import { it } from 'node:test';
import { rm } from 'node:fs/promises';
it('the runner waits for tests', async () => { await rm('x'); });
export const returned = () => rm('x');
rm('x').catch(() => {});
void rm('x');
`;
    assert.deepEqual(complaints(code), []);
  });
});
