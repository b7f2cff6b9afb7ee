/** Measuring several things against each other on a machine that is not quiet. */

/** Something to measure: resolves when it is done. */
export interface Contender {
  name: string;
  /** Done before each round, and not measured. */
  prepare?(): Promise<void> | void;
  run(): Promise<void> | void;
}

export interface Measured {
  name: string;
  /** Milliseconds; median, least and greatest of all rounds. */
  median: number;
  min: number;
  max: number;
  /** How many times as long as the first contender: the median of the ratios within each round. */
  ratio: number;
}

/**
 * Runs all contenders once a round, in turn and in changing order, so that whatever else the machine does strikes all of
 * them alike. The ratios are taken within a round. The first round warms up and does not count.
 */
export async function compare(contenders: readonly Contender[], rounds: number): Promise<Measured[]> {
  const times = new Map<Contender, number[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of order) {
      if (contender === undefined) continue;
      await contender.prepare?.();
      const start = performance.now();
      await contender.run();
      const ms = performance.now() - start;
      if (round > 0) times.get(contender)?.push(ms);
    }
  }
  const base = times.get(contenders[0] ?? { name: '', run: () => {} }) ?? [];
  return contenders.map((contender) => {
    const own = times.get(contender) ?? [];
    return {
      name: contender.name,
      median: median(own),
      min: Math.min(...own),
      max: Math.max(...own),
      ratio: median(own.map((ms, round) => ms / (base[round] ?? ms))),
    };
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Prints the figures as a table, with limits on the ratio where there are some; tells whether all of them hold. */
export function report(measured: readonly Measured[], limits: Readonly<Record<string, number>> = {}): boolean {
  const rows = [['', 'median ms', 'min', 'max', 'ratio', 'limit']];
  let holds = true;
  for (const { name, median: middle, min, max, ratio } of measured) {
    const limit = limits[name];
    if (limit !== undefined && ratio > limit) holds = false;
    rows.push([
      name,
      middle.toFixed(1),
      min.toFixed(1),
      max.toFixed(1),
      ratio.toFixed(2),
      limit === undefined ? '' : `${limit} ${ratio > limit ? 'EXCEEDED' : 'ok'}`,
    ]);
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    );
  }
  return holds;
}
