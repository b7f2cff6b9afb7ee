/**
 * Progress for a terminal: a few lines that are drawn over again. A frame is one write, and each line is written over the
 * one before it, so that nothing flickers; only what a line leaves uncovered is cleared.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import { type FrameStyle, renderFrame } from './frame.ts';
import type { StepPainter } from './painter.ts';
import { describeRetry } from './texts.ts';
import { Transfer } from './transfer.ts';

/** Milliseconds between two drawings. */
const frameMs = 80;

export interface TtyOptions {
  now?: () => number;
  /** Calls `work` every `ms` milliseconds until what it returns is called: time goes on when nothing happens. */
  every?: (ms: number, work: () => void) => () => void;
  /** Environment variables, for what the terminal can show. */
  env?: NodeJS.ProcessEnv;
}

const tick = (ms: number, work: () => void): (() => void) => {
  const timer = setInterval(work, ms).unref();
  return () => clearInterval(timer);
};

export function createTtyPainter(stream: NodeJS.WriteStream, options: TtyOptions = {}): StepPainter {
  const { now = Date.now, every = tick, env = process.env } = options;
  const styles = { bar: 'cyan', rest: 'dim', quiet: 'dim' } as const;
  const style: FrameStyle = {
    unicode: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
    paint: (kind, text) => (text === '' ? '' : styleText(styles[kind], text, { stream })),
  };
  let transfer: Transfer | undefined;
  let stop: (() => void) | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  /** Widths of the lines on the screen, above and including that of the cursor. */
  let drawn: readonly number[] = [];

  /** Back to the first character of the frame. After a resize the terminal has wrapped its lines anew. */
  const home = (): string => {
    const columns = Math.max(1, stream.columns || 80);
    const rows = drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows > 1 ? `\r\x1b[${rows - 1}A` : '\r';
  };
  const clear = (): void => {
    if (drawn.length > 0) stream.write(`${home()}\x1b[J`);
    drawn = [];
  };
  const draw = (): void => {
    if (transfer === undefined) return;
    drawnAt = now();
    // the last column stays free: some terminals go to the next line when it is written to
    const size = { columns: Math.max(1, (stream.columns || 80) - 1), rows: Math.max(1, (stream.rows || 24) - 1) };
    const lines = renderFrame(transfer, size, style);
    const begin = drawn.length > 0 ? home() : '\r';
    const resized = drawn.some((width) => width > size.columns);
    const body = lines.map((line) => `${line}\x1b[K`).join('\n');
    stream.write(`${begin}${resized ? '\x1b[J' : ''}${body}${drawn.length > lines.length ? '\x1b[J' : ''}`);
    drawn = lines.map(widthOf);
  };
  const permanent = (text: string): void => {
    clear();
    stream.write(`${text}\n`);
  };
  const finish = (): void => {
    stop?.();
    stop = undefined;
    stream.off('resize', draw);
    clear();
    transfer = undefined;
  };
  return {
    handle(event) {
      if (event.type === 'retry') {
        permanent(describeRetry(event));
        if (transfer !== undefined) draw();
        return;
      }
      if (event.type === 'plan') permanent(event.title);
      if (transfer === undefined) {
        transfer = new Transfer(now);
        stop = every(frameMs, () => {
          if (now() - drawnAt >= frameMs) draw();
        });
        stream.on('resize', draw);
      }
      transfer.handle(event);
      if (transfer.isDone) {
        const summary = transfer.summary();
        finish();
        if (summary !== undefined) stream.write(`${summary}\n`);
      } else if (event.type !== 'plan' && now() - drawnAt >= frameMs) draw();
    },
    clear,
    close: finish,
  };
}

/** Characters that take room. */
function widthOf(line: string): number {
  return [...stripVTControlCharacters(line)].length;
}
