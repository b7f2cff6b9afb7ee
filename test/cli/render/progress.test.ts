import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { describeRetry, formatBytes } from '../../../src/cli/render/texts.ts';
import { createTtyPainter } from '../../../src/cli/render/tty-painter.ts';

describe('formatBytes', () => {
  it('shows three digits and a unit of a thousand', () => {
    const shown = [0, 1, 999, 1000, 1234, 12_345, 123_456, 999_499, 999_500, 5_349_785_600, 2e15].map(formatBytes);
    assert.deepEqual(shown, [
      '0 B',
      '1 B',
      '999 B',
      '1.00 kB',
      '1.23 kB',
      '12.3 kB',
      '123 kB',
      '999 kB',
      '1.00 MB',
      '5.35 GB',
      '2000 TB',
    ]);
  });
});

describe('describeRetry', () => {
  it('has the words of the peers in front', () => {
    const shown = (delayMs: number): string =>
      describeRetry({ type: 'retry', what: 'PUT x', attempt: 2, of: 3, delayMs, reason: 'status 503' });
    assert.equal(shown(2180), 'Failed, retrying in 2s ... (2/3). PUT x: status 503');
    assert.match(shown(1100), / in 1s \.\.\./);
    assert.match(shown(500), / in 0\.5s /);
    assert.match(shown(1500), / in 1\.5s /);
    assert.match(shown(0), / in 0s /);
  });
});

describe('the painter for terminals', () => {
  function painted(columns = 80) {
    const stream = Object.assign(new PassThrough(), { columns }) as unknown as NodeJS.WriteStream & PassThrough;
    let now = 1000;
    const painter = createTtyPainter(stream, () => now);
    return {
      painter,
      /** Lets the time pass that lies between two drawings. */
      later: () => {
        now += 100;
      },
      written: () => String(stream.read() ?? ''),
    };
  }

  it('draws one line over and over, with what has been moved in all', () => {
    const { painter, later, written } = painted();
    painter.handle({ type: 'plan', title: 'Copying', steps: 2, bytes: 3000 });
    painter.handle({ type: 'step-start', id: 'a', label: 'Copying a', bytes: 2000 });
    assert.equal(written(), '\r\x1b[2K[0/2] 0 B/3.00 kB Copying a');
    later();
    painter.handle({ type: 'step-progress', id: 'a', bytes: 500 });
    assert.equal(written(), '\r\x1b[2K[0/2] 500 B/3.00 kB Copying a');
    later();
    painter.handle({ type: 'step-progress', id: 'a', bytes: 1500 });
    assert.equal(written(), '\r\x1b[2K[0/2] 2.00 kB/3.00 kB Copying a');
    painter.handle({ type: 'step-end', id: 'a', outcome: 'copied' });
    later();
    painter.handle({ type: 'step-start', id: 'b', label: 'Copying b', bytes: 1000 });
    assert.equal(written(), '\r\x1b[2K[1/2] 2.00 kB/3.00 kB Copying b');
    painter.clear();
    assert.equal(written(), '\r\x1b[2K');
    painter.clear();
    assert.equal(written(), '');
  });

  it('does not draw more often than anybody can see', () => {
    const { painter, written } = painted();
    painter.handle({ type: 'step-start', id: 'a', label: 'Copying a', bytes: 2000 });
    written();
    for (let i = 0; i < 1000; i += 1) painter.handle({ type: 'step-progress', id: 'a', bytes: 2 });
    assert.equal(written(), '');
  });

  it('stays on one line', () => {
    const { painter, written } = painted(30);
    painter.handle({ type: 'step-start', id: 'a', label: 'x'.repeat(200), bytes: 1 });
    assert.equal(written().replace('\r\x1b[2K', '').length, 29);
  });
});
