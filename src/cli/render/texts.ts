/** Pieces of text that several views share. */
import type { ProgressEvent } from '../../foundation/events.ts';

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes for people, in powers of a thousand with three digits: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
}

/** A time for people: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** What an image says may hold anything; nothing of it may steer the terminal. */
export const visible = (line: string): string => line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').trimEnd();

/** In the words of the peers, which scripts look for. */
export function describeRetry(event: Extract<ProgressEvent, { type: 'retry' }>): string {
  const seconds = event.delayMs / 1000;
  // up to a tenth more than asked for is there to keep many from trying at the same moment
  const asked = Math.floor(seconds) * 1.1 >= seconds ? Math.floor(seconds) : Math.round(seconds * 10) / 10;
  return `Failed, retrying in ${asked}s ... (${event.attempt}/${event.of}). ${event.what}: ${event.reason}`;
}

/** The same as {@link visible} for a text of lines. */
export function visibleText(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}
