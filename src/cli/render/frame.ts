/** One picture of a transfer for a terminal, as lines that fit. Pure. */

import { formatBytes, formatDuration } from './texts.ts';
import type { MovingStep, Transfer } from './transfer.ts';

export interface FrameSize {
  /** Characters a line may have. */
  readonly columns: number;
  /** Lines the picture may have, at least one. */
  readonly rows: number;
}

export interface FrameStyle {
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean;
  paint(style: 'bar' | 'rest' | 'quiet', text: string): string;
}

/** More lines than this nobody follows. */
const maxMoving = 6;
const longestBar = 30;
/** Shorter ones say nothing. */
const shortestBar = 6;

/** The last line is the sum; before it a line for each blob under way, and how many more there are. */
export function renderFrame(transfer: Transfer, { columns, rows }: FrameSize, style: FrameStyle): string[] {
  const moving = transfer.moving;
  const room = Math.max(0, Math.min(maxMoving, rows - 1));
  const shown = moving.length <= room ? moving : moving.slice(0, Math.max(0, room - 1));
  const more = moving.length - shown.length;
  return [
    ...shown.map((step) => movingLine(step, columns, style)),
    ...(more > 0 && room > 0 ? [style.paint('quiet', cut(`  and ${more} more`, columns, style))] : []),
    totalLine(transfer, columns, style),
  ];
}

function movingLine(step: MovingStep, columns: number, style: FrameStyle): string {
  const label = `  ${shortLabel(step.label)}`;
  const done = share(step.moved, step.total);
  const amount = `${formatBytes(step.moved).padStart(7)} / ${formatBytes(step.total).padEnd(7)}`;
  return (
    fitting(columns, [
      () => line([label, barOf(columns - label.length - amount.length - 2)(done, style), amount]),
      () => line([label, barOf(columns - label.length - 6)(done, style), percent(done)]),
      () => line([label, { text: percent(done), width: 4 }]),
    ]) ?? cut(label, columns, style)
  );
}

function totalLine(transfer: Transfer, columns: number, style: FrameStyle): string {
  const { ended, all } = transfer.steps;
  const { done, all: total } = transfer.bytes;
  const count = `[${ended}/${all}]`;
  if (total === 0) return cut([count, shortLabel(transfer.newest ?? '')].join(' '), columns, style);
  const { rate, timeLeft } = transfer;
  const amount = `${formatBytes(done)} / ${formatBytes(total)}`;
  const speed = rate === undefined ? '' : `${formatBytes(rate)}/s`;
  const left = timeLeft === undefined || done === total ? '' : `${formatDuration(timeLeft)} left`;
  const fraction = share(done, total);
  const texts = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('  ');
  const withBar = (text: string) => () =>
    line([count, barOf(columns - count.length - text.length - 2)(fraction, style), text]);
  const plain = (text: string) => () => line([count, text]);
  return (
    fitting(columns, [
      withBar(texts(amount, speed, left)),
      withBar(texts(amount, left)),
      withBar(texts(percent(fraction).trim(), left)),
      plain(texts(amount, left)),
      plain(percent(fraction).trim()),
    ]) ?? cut(count, columns, style)
  );
}

/** A piece of a line whose escape sequences take no room. */
interface Painted {
  readonly text: string;
  readonly width: number;
}

type Piece = string | Painted | undefined;

/** Pieces with a space between; `undefined` where one of them could not be made. */
function line(pieces: readonly Piece[]): Painted | undefined {
  if (pieces.includes(undefined)) return undefined;
  const all = pieces.filter((piece) => piece !== undefined);
  const widths = all.map((piece) => (typeof piece === 'string' ? piece.length : piece.width));
  return {
    text: all.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join(' '),
    width: widths.reduce((sum, width) => sum + width, all.length - 1),
  };
}

/** The first that fits. */
function fitting(columns: number, ways: ReadonlyArray<() => Painted | undefined>): string | undefined {
  for (const way of ways) {
    const made = way();
    if (made !== undefined && made.width <= columns) return made.text;
  }
  return undefined;
}

function barOf(room: number): (fraction: number, style: FrameStyle) => Painted | undefined {
  return (fraction, { unicode, paint }) => {
    if (room < shortestBar) return undefined;
    const width = Math.min(longestBar, room);
    const full = Math.floor(fraction * width);
    const [done, rest] = unicode ? ['━', '─'] : ['=', '-'];
    return { text: `${paint('bar', done.repeat(full))}${paint('rest', rest.repeat(width - full))}`, width };
  };
}

const share = (part: number, whole: number): number => (whole === 0 ? 1 : Math.min(1, part / whole));

const percent = (fraction: number): string => `${Math.floor(fraction * 100)}%`.padStart(4);

/** A digest by its first twelve digits: enough to find it in the log. */
function shortLabel(label: string): string {
  return label.replace(/\bsha(?:256|512):([0-9a-f]{12})[0-9a-f]+/g, '$1').replace(/^(?:Copying|Checking) blob /, '');
}

function cut(text: string, columns: number, { unicode }: FrameStyle): string {
  const signs = [...text];
  if (signs.length <= columns) return text;
  return columns < 4
    ? signs.slice(0, columns).join('')
    : `${signs.slice(0, columns - 1).join('')}${unicode ? '…' : '.'}`;
}
