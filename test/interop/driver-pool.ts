/** A few processes that run command lines of sheaf, see `sheaf-driver.ts`. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Order, Report } from './sheaf-driver.ts';

export interface DriverPool {
  /** Waits its turn. */
  run(order: Order): Promise<Report>;
  close(): Promise<void>;
}

/** At most `size` processes, started when they are needed. */
export function driverPool(size: number): DriverPool {
  const all: ChildProcess[] = [];
  const idle: ChildProcess[] = [];
  const waiting: Array<(driver: ChildProcess) => void> = [];
  const take = async (): Promise<ChildProcess> => {
    const free = idle.pop();
    if (free !== undefined) return free;
    if (all.length === size) return new Promise((resolve) => waiting.push(resolve));
    const started = startDriver();
    all.push(started);
    return started;
  };
  const giveBack = (driver: ChildProcess): void => {
    const next = waiting.shift();
    if (next === undefined) idle.push(driver);
    else next(driver);
  };
  return {
    async run(order) {
      await mkdir(order.folder, { recursive: true });
      const driver = await take();
      const over = new AbortController();
      try {
        const ended = once(driver, 'exit', over).then(([code]: unknown[]) => {
          throw new Error(`the process that ran sheaf ended with ${String(code)} at ${order.argv.join(' ')}`);
        });
        const answer = Promise.race([once(driver, 'message', over), ended]);
        driver.send(order);
        const [report] = (await answer) as [Report];
        return report;
      } finally {
        over.abort();
        giveBack(driver);
      }
    },
    async close() {
      await Promise.all(
        all.map(async (driver) => {
          if (driver.exitCode !== null) return;
          const ended = once(driver, 'exit');
          driver.disconnect();
          await ended;
        }),
      );
    },
  };
}

function startDriver(): ChildProcess {
  return fork(new URL('./sheaf-driver.ts', import.meta.url), {
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
  });
}
