/** What `npm run bench` can run: the default export of each module in `scenarios/`. */
export interface Scenario {
  /** One sentence. */
  summary: string;
  /** Measures, prints, and sets `process.exitCode` where a limit does not hold. */
  run(options: readonly string[]): Promise<void>;
}

/** A word of the command line that a scenario cannot use. */
export class OptionError extends Error {}

/** One of `known`. Throws OptionError. */
export function oneOf(word: string, known: readonly string[]): string {
  if (known.includes(word)) return word;
  throw new OptionError(`"${word}" is none of ${known.join(', ')}`);
}

/** A whole number above 0. Throws OptionError: of no rounds there are no figures, and no limit would be exceeded. */
export function positive(word: string): number {
  if (/^[1-9]\d*$/.test(word)) return Number(word);
  throw new OptionError(`"${word}" is no number above 0`);
}
