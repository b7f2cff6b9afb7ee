import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { formatError } from '../../../src/cli/error-view.ts';
import { createProgressView } from '../../../src/cli/render/progress.ts';
import { renderTable } from '../../../src/cli/render/table.ts';
import { visible, visibleText } from '../../../src/cli/render/texts.ts';
import { renderTree } from '../../../src/cli/render/tree.ts';
import { NotFoundError } from '../../../src/foundation/errors.ts';
import type { Digest } from '../../../src/oci/digest.ts';

/** Sets the title of a terminal, turns the letters around, and goes up a line. */
const hostile = 'arm\u001b]0;title\u0007\u202e\u009b1A64';
const harmless = 'arm ]0;title   1A64';

describe('what others say', () => {
  it('has nothing that steers the terminal', () => {
    assert.equal(visible(`${hostile}\n`), harmless);
    assert.equal(visibleText(`a\n\t${hostile}\u2028é 日本`), `a\n\t${harmless} é 日本`);
  });

  it('is harmless in tables, in trees and in errors', () => {
    assert.deepEqual(renderTable(['A', 'B'], [[hostile, 'b']]), ['A                    B', `${harmless}  b`]);
    const digest: Digest = `sha256:${'0'.repeat(64)}`;
    const node = { role: 'image', digest, mediaType: hostile, size: 1, annotations: { [hostile]: hostile } } as const;
    const tree = renderTree('app', { ...node, children: [{ ...node, platform: hostile, children: [] }] }).join('\n');
    assert.equal(tree.split(harmless).length, 8, tree);
    assert.equal(visibleText(tree), tree);
    const error = new NotFoundError(`no ${hostile}`, { code: 'X', hint: `try ${hostile}`, cause: new Error(hostile) });
    assert.equal(formatError(error), `Error: no ${harmless}\nhint: try ${harmless}`);
  });

  it('is harmless in progress, and as it is in JSON', () => {
    const said = (mode: 'plain' | 'json'): string => {
      const stream = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.WriteStream & PassThrough;
      const view = createProgressView({ mode, quiet: false, logLevel: 'debug', stream });
      view.handle({ type: 'warning', code: 'X', message: hostile });
      view.handle({ type: 'log', level: 'debug', message: hostile });
      view.handle({ type: 'plan', title: hostile, steps: 1, bytes: 0 });
      view.handle({ type: 'step-start', id: 'a', label: hostile, bytes: 1 });
      return String(stream.read());
    };
    assert.equal(said('plain'), `Warning: ${harmless}\ndebug: ${harmless}\n${harmless}\n${harmless}\n`);
    for (const line of said('json').trim().split('\n')) assert.ok(JSON.stringify(JSON.parse(line)).includes('u001b'));
  });
});
