/** Memory does not grow with a layer. Measured in a process of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/peers.ts';

const child = fileURLToPath(new URL('recompress-child.ts', import.meta.url));

/** MiB at the most. */
async function memoryOf(mebibytes: number, to: string): Promise<number> {
  const { code, stdout, stderr } = await run(process.execPath, [child, String(mebibytes), 'none', to]);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { maxRssMib: number }).maxRssMib;
}

for (const to of ['gzip', 'peers', 'zstd']) {
  test(`a layer of 96 MiB to ${to} takes no more memory than blocks and compressors do`, async () => {
    const base = await memoryOf(1, to);
    const large = await memoryOf(96, to);
    assert.ok(large < base + 80, `${large} MiB, ${base} MiB for a small layer`);
  });
}
