/** Durations as Go's `time.ParseDuration` reads them: `4s`, `1m30s`, `250ms`. */
import { UsageError } from '../foundation/errors.ts';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const term = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/y;

/** Milliseconds of `text`; `what` names the value in the UsageError that a malformed one gets. */
export function parseDuration(text: string, what: string): number {
  if (text === '0') return 0;
  let ms = 0;
  let at = 0;
  while (at < text.length) {
    term.lastIndex = at;
    const match = term.exec(text);
    if (match === null) break;
    ms += Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN);
    at = term.lastIndex;
  }
  if (text === '' || at < text.length || !Number.isFinite(ms)) {
    throw new UsageError(`unable to parse ${what} "${text}": it is not a duration`, {
      code: 'INVALID_DURATION',
      hint: 'Write a number and a unit: 500ms, 4s, 1m30s.',
    });
  }
  return ms;
}
