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

/** In the words of the peers, which scripts look for. */
export function describeRetry(event: Extract<ProgressEvent, { type: 'retry' }>): string {
  const seconds = event.delayMs / 1000;
  // up to a tenth more than asked for is there to keep many from trying at the same moment
  const asked = Math.floor(seconds) * 1.1 >= seconds ? Math.floor(seconds) : Math.round(seconds * 10) / 10;
  return `Failed, retrying in ${asked}s ... (${event.attempt}/${event.of}). ${event.what}: ${event.reason}`;
}
