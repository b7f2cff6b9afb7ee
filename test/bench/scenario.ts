/** What `npm run bench` can run: the default export of each module in `scenarios/`. */
export interface Scenario {
  /** One sentence. */
  summary: string;
  /** Measures, prints, and sets `process.exitCode` where a limit does not hold. */
  run(options: readonly string[]): Promise<void>;
}
