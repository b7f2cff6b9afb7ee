import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { ProgressMode } from '../../../src/cli/flags.ts';
import type { StepEvent } from '../../../src/cli/render/painter.ts';
import { createProgressView } from '../../../src/cli/render/progress.ts';
import { describeRetry, formatBytes, formatDuration } from '../../../src/cli/render/texts.ts';
import { createTtyPainter } from '../../../src/cli/render/tty-painter.ts';
import type { StepOutcome } from '../../../src/foundation/events.ts';
import { fakeTerminal } from '../../support/terminal.ts';

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

describe('formatDuration', () => {
  it('gets coarser as it gets longer', () => {
    const shown = [0, 940, 9949, 9950, 59_400, 60_000, 185_000, 3_599_000, 7_620_000].map(formatDuration);
    assert.deepEqual(shown, [
      '0.0 s',
      '0.9 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '59 min 59 s',
      '2 h 07 min',
    ]);
  });
});

const utf8 = { LANG: 'C.UTF-8' };
const digest = (sign: string): string => `sha256:${sign.repeat(64)}`;
const start = (sign: string, bytes: number): StepEvent => ({
  type: 'step-start',
  id: sign,
  label: `Copying blob ${digest(sign)}`,
  bytes,
});
const progress = (id: string, bytes: number): StepEvent => ({ type: 'step-progress', id, bytes });
const end = (id: string, outcome: StepOutcome): StepEvent => ({ type: 'step-end', id, outcome });
const plan = (steps: number, bytes: number): StepEvent => ({ type: 'plan', title: 'Copying 2 images', steps, bytes });

describe('the painter for terminals', () => {
  function painted(columns = 80, options: { height?: number; env?: NodeJS.ProcessEnv } = {}) {
    const env = { ...utf8, ...options.env };
    const terminal = fakeTerminal(columns, options.height, env);
    let now = 1000;
    const timers = new Set<() => void>();
    const painter = createTtyPainter(terminal.stream, {
      now: () => now,
      env,
      every: (_, work) => {
        timers.add(work);
        return () => timers.delete(work);
      },
    });
    return {
      terminal,
      timers,
      painter,
      tell: (...events: StepEvent[]) => {
        for (const event of events) painter.handle(event);
      },
      /** Lets the time pass, with what is done all the time. */
      later: (ms: number) => {
        now += ms;
        for (const work of timers) work();
      },
    };
  }

  it('draws a bar for each blob and one for the sum, with rate and time left', () => {
    const { terminal, tell, later } = painted(80);
    tell(plan(5, 40e6), start('a', 10e6), start('b', 30e6), progress('a', 5e6));
    later(1000);
    assert.deepEqual(terminal.text(), [
      'Copying 2 images',
      '  aaaaaaaaaaaa ━━━━━━━━━━━━━━━─────────────── 5.00 MB / 10.0 MB',
      '  bbbbbbbbbbbb ──────────────────────────────     0 B / 30.0 MB',
      '[0/5] ━━━─────────────────────────── 5.00 MB / 40.0 MB  5.00 MB/s  7.0 s left',
    ]);
    tell(progress('a', 5e6), end('a', 'copied'), progress('b', 10e6));
    later(1000);
    assert.deepEqual(terminal.text(), [
      'Copying 2 images',
      '  bbbbbbbbbbbb ━━━━━━━━━━──────────────────── 10.0 MB / 30.0 MB',
      '[1/5] ━━━━━━━━━━━━━━━─────────────── 20.0 MB / 40.0 MB  10.0 MB/s  2.0 s left',
    ]);
  });

  it('goes on while nothing happens: the rate sinks, the time left grows', () => {
    const { terminal, tell, later } = painted();
    tell(plan(1, 40e6), start('a', 40e6), progress('a', 10e6));
    later(1000);
    assert.match(terminal.text().at(-1) ?? '', / 10\.0 MB\/s {2}3\.0 s left$/);
    later(1000);
    assert.match(terminal.text().at(-1) ?? '', / 5\.00 MB\/s {2}6\.0 s left$/);
    later(10_000);
    assert.match(terminal.text().at(-1) ?? '', / 0 B\/s$/);
  });

  it('closes with what was copied, mounted and there already, and leaves nothing else', () => {
    const { terminal, tell, later, timers } = painted();
    tell(
      plan(5, 30e6),
      { type: 'step-start', id: 'r', label: 'Blob r is there already', bytes: 7e6 },
      end('r', 'reused'),
    );
    tell(start('a', 20e6), start('m', 10e6), end('m', 'mounted'), progress('a', 20e6));
    later(2000);
    tell(end('a', 'copied'), { type: 'step-start', id: 'p', label: 'Writing manifest', bytes: 0 }, end('p', 'written'));
    assert.equal(timers.size, 1);
    tell({ type: 'step-start', id: 't', label: 'Writing tag', bytes: 0 }, end('t', 'written'));
    assert.deepEqual(terminal.text(), [
      'Copying 2 images',
      'Blobs: 1 copied (20.0 MB in 2.0 s, 10.0 MB/s), 1 mounted, 1 there already',
    ]);
    assert.equal(timers.size, 0);
  });

  it('counts an empty blob, but no manifest that is there already', () => {
    const { terminal, tell } = painted();
    tell(plan(3, 5), start('a', 5), progress('a', 5), end('a', 'copied'), start('b', 0), end('b', 'copied'));
    tell({ type: 'step-start', id: 'p', label: 'Writing manifest', bytes: 0 }, end('p', 'reused'));
    assert.match(terminal.text().at(-1) ?? '', /^Blobs: 2 copied \(5 B in [^)]*\)$/);
  });

  it('tells blobs that are only read', () => {
    const { terminal, tell, later } = painted();
    const check = (sign: string): StepEvent => ({
      type: 'step-start',
      id: sign,
      label: `Checking blob ${digest(sign)}`,
      bytes: 10e6,
    });
    tell({ type: 'plan', title: 'Checking 2 blobs', steps: 2, bytes: 20e6 }, check('a'), progress('a', 5e6));
    later(1000);
    assert.match(terminal.text()[1] ?? '', /^ {2}aaaaaaaaaaaa ━/);
    tell(progress('a', 5e6), end('a', 'checked'), check('b'), progress('b', 10e6), end('b', 'checked'));
    assert.deepEqual(terminal.text(), ['Checking 2 blobs', 'Blobs: 2 checked (20.0 MB in 1.0 s, 20.0 MB/s)']);
  });

  it('says nothing more where there was nothing to move', () => {
    const { terminal, tell } = painted();
    tell({ type: 'plan', title: 'Everything is there', steps: 1, bytes: 0 });
    tell({ type: 'step-start', id: 't', label: 'tag', bytes: 0 }, end('t', 'reused'));
    assert.deepEqual(terminal.text(), ['Everything is there']);
  });

  it('counts what was sent twice once, and never shows more than all', () => {
    const { terminal, tell, later } = painted();
    tell(plan(2, 10e6), start('a', 10e6), progress('a', 8e6), progress('a', 10e6));
    later(100);
    assert.match(terminal.text().at(-1) ?? '', / 10\.0 MB \/ 10\.0 MB$/);
  });

  it('shows as many blobs as there is room for', () => {
    const { terminal, tell, later } = painted(80, { height: 5 });
    tell(plan(9, 90), ...[...'abcdefgh'].map((sign) => start(sign, 10)));
    later(100);
    assert.deepEqual(
      terminal.text().map((line) => line.slice(0, 14)),
      ['Copying 2 imag', '  aaaaaaaaaaaa', '  bbbbbbbbbbbb', '  and 6 more', '[0/9] ────────'],
    );
  });

  it('fits into any width', () => {
    for (let columns = 1; columns <= 130; columns += 1) {
      const { terminal, tell, later } = painted(columns);
      tell({ ...plan(300, 123e9), title: '' } as StepEvent, start('a', 100e9), start('b', 23e9), progress('a', 54e9));
      tell({ type: 'step-start', id: 'x', label: `Mounting blob ${digest('c')} from host.example/x`, bytes: 9e6 });
      later(3000);
      const lines = terminal.text();
      assert.ok(lines.length <= 5, `${columns}: ${lines.join('\n')}`);
      for (const line of lines) assert.ok([...line].length <= Math.max(1, columns - 1), `${columns}: ${line}`);
      if (columns > 12) assert.match(lines.at(-1) ?? '', /^\[0\/300\] /);
      if (columns > 24) assert.match(lines[1] ?? '', /54(?:%|\.0 GB \/ 100 GB)$/);
    }
  });

  it('is right again after the terminal got narrower or wider', () => {
    for (const widths of [[30], [200], [10, 120], [79, 40, 39, 80]]) {
      const { terminal, tell, later } = painted(80);
      tell(plan(3, 40e6), start('a', 10e6), start('b', 30e6), progress('b', 1e6));
      later(100);
      for (const width of widths) terminal.resize(width);
      const lines = terminal.text().join('\n').replace('Copying 2 \nimages', 'Copying 2 images').split('\n');
      assert.equal(lines[0], 'Copying 2 images');
      assert.equal(lines.filter((line) => line.startsWith('  aaaaaa')).length, 1, lines.join('\n'));
      assert.equal(lines.length, 4, lines.join('\n'));
    }
  });

  it('does not draw more often than anybody can see, and each frame is one write that clears no line first', () => {
    const { terminal, tell, later } = painted();
    tell(plan(2, 4000), start('a', 2000));
    const before = terminal.writes.length;
    for (let i = 0; i < 1000; i += 1) tell(progress('a', 2));
    assert.equal(terminal.writes.length, before);
    later(80);
    assert.equal(terminal.writes.length, before + 1);
    const frame = terminal.writes.at(-1) ?? '';
    assert.ok(frame.startsWith('\r'), JSON.stringify(frame));
    // whatever is cleared is behind what was just written
    assert.doesNotMatch(frame, new RegExp(`(?:\\r|\\n|A)${String.fromCharCode(27)}\\[[JK2]`));
  });

  it('gives way to other lines and comes back below them', () => {
    const { terminal, tell, later, painter } = painted();
    tell(plan(2, 10e6), start('a', 10e6));
    painter.clear();
    terminal.stream.write('Warning: something\n');
    later(100);
    tell({ type: 'retry', what: 'PUT x', attempt: 1, of: 3, delayMs: 1000, reason: 'status 503' });
    assert.deepEqual(
      terminal.text().map((line) => line.slice(0, 20)),
      [
        'Copying 2 images',
        'Warning: something',
        'Failed, retrying in ',
        '  aaaaaaaaaaaa ─────',
        '[0/2] ──────────────',
      ],
    );
    painter.close();
    assert.equal(terminal.text().length, 3);
    later(1000);
    assert.equal(terminal.text().length, 3);
  });

  it('has colours unless NO_COLOR is set, and ASCII where the terminal may know no more', () => {
    const styles = (env: NodeJS.ProcessEnv): Set<number> => {
      const { terminal, tell, later } = painted(80, { env });
      tell(plan(2, 10e6), start('a', 10e6), progress('a', 5e6));
      later(1000);
      return new Set(terminal.cells().flatMap((row) => row.flatMap((cell) => cell.styles)));
    };
    assert.deepEqual(styles({}), new Set([36, 2]));
    assert.deepEqual(styles({ NO_COLOR: '1' }), new Set());
    const { terminal, tell, later } = painted(80, { env: { LANG: 'C' } });
    tell(plan(2, 10e6), start('a', 10e6), progress('a', 5e6));
    later(1000);
    assert.match(terminal.text().join(''), /^[ -~]*=+-+[ -~]*$/);
  });
});

describe('the other ways to show progress', () => {
  function shown(mode: ProgressMode, quiet = false): string {
    const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
    const view = createProgressView({ mode, quiet, logLevel: 'warn', stream });
    for (const event of [
      plan(2, 10),
      start('a', 10),
      progress('a', 10),
      end('a', 'copied'),
      start('b', 5),
      end('b', 'reused'),
    ])
      view.handle(event);
    view.close();
    return String(stream.read() ?? '');
  }

  it('plain: a line for each step and one at the end', () => {
    const lines = shown('plain')
      .replace(/ \(10 B in .*?\)/, '')
      .split('\n');
    assert.deepEqual(lines, [
      'Copying 2 images',
      `Copying blob ${digest('a')}`,
      `Copying blob ${digest('b')}`,
      'Blobs: 1 copied, 1 there already',
      '',
    ]);
    assert.equal(shown('auto'), shown('plain'), 'a file is no terminal');
  });

  it('json: every event; none and --quiet: nothing', () => {
    const events = shown('json')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as StepEvent);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['plan', 'step-start', 'step-progress', 'step-end', 'step-start', 'step-end'],
    );
    assert.equal(shown('none'), '');
    for (const mode of ['auto', 'plain', 'json', 'tty'] as const) assert.equal(shown(mode, true), '');
  });
});
