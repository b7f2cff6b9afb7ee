/**
 * Progress on stderr: consumes the events of a run and draws them. The one place besides the error view that writes to
 * stderr.
 */
import { styleText } from 'node:util';
import type { ProgressEvent } from '../../foundation/events.ts';
import type { ProgressLine } from '../documents/progress.ts';
import type { LogLevel, ProgressMode } from '../flags.ts';
import { createJsonPainter } from './json-painter.ts';
import type { StepEvent, StepPainter } from './painter.ts';
import { createPlainPainter } from './plain-painter.ts';
import { visible, visibleText } from './texts.ts';
import { createTtyPainter } from './tty-painter.ts';

export interface ProgressView {
  handle(event: ProgressEvent): void;
  /** A remark for a person who looks on; not shown where nobody does. */
  note(text: string): void;
  close(): void;
}

export interface ProgressViewOptions {
  mode: ProgressMode;
  quiet: boolean;
  logLevel: LogLevel;
  stream: NodeJS.WriteStream;
}

const rank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

export function createProgressView(options: ProgressViewOptions): ProgressView {
  const { quiet, stream } = options;
  const mode = resolveMode(options.mode, stream);
  const painter = quiet ? undefined : painterFor(mode, stream);
  const shows = (level: LogLevel): boolean => rank[level] <= rank[options.logLevel];
  const line = (text: string): void => {
    painter?.clear();
    stream.write(`${text}\n`);
  };
  /** Whoever reads JSON reads nothing else. */
  const tell = (event: ProgressEvent & ProgressLine, text: string): void =>
    line(mode === 'json' ? JSON.stringify(event) : text);
  return {
    handle(event) {
      switch (event.type) {
        case 'warning':
          if (!quiet && shows('warn'))
            tell(event, `${styleText('yellow', 'Warning:', { stream })} ${visibleText(event.message)}`);
          return;
        case 'log':
          if (shows(event.level)) tell(event, `${event.level}: ${visibleText(event.message)}`);
          return;
        case 'request':
          if (shows('debug')) tell(event, `debug: ${event.method} ${event.host}${event.path} -> ${event.status}`);
          return;
        default:
          painter?.handle(mode === 'json' ? event : shown(event));
      }
    },
    note(text) {
      if (stream.isTTY && !quiet) line(text);
    },
    close: () => painter?.close(),
  };
}

/** A step is called by what the image says. */
function shown(event: StepEvent): StepEvent {
  if (event.type === 'plan') return { ...event, title: visible(event.title) };
  return event.type === 'step-start' ? { ...event, label: visible(event.label) } : event;
}

function resolveMode(mode: ProgressMode, stream: NodeJS.WriteStream): Exclude<ProgressMode, 'auto'> {
  if (mode !== 'auto') return mode;
  return stream.isTTY && process.env['TERM'] !== 'dumb' && !process.env['CI'] ? 'tty' : 'plain';
}

function painterFor(mode: Exclude<ProgressMode, 'auto'>, stream: NodeJS.WriteStream): StepPainter | undefined {
  switch (mode) {
    case 'none':
      return undefined;
    case 'json':
      return createJsonPainter(stream);
    case 'plain':
      return createPlainPainter(stream);
    case 'tty':
      return createTtyPainter(stream);
  }
}
