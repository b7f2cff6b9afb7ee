/**
 * A program that reads images, or copies them, one after the other: a line `FROM` or `FROM TO` on standard input is answered with
 * a line of JSON. What it takes in memory is what reading takes, without the test that makes the images.
 */
import { createInterface } from 'node:readline';
import type { RegistryPool } from '../../src/distribution/registry-pool.ts';
import { SheafError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';
import { inSmallYoungSpace } from '../../src/foundation/young-garbage.ts';
import type { Store } from '../../src/store/store.ts';
import { locate } from '../../src/transports/image-names.ts';
import { copy, readAll } from './support.ts';

/** What came of one line. */
export interface Outcome {
  /** `read`, or the code of an error of ours. */
  readonly outcome: string;
  /** Of an error that nobody should get to see. */
  readonly stack?: string;
  /** The most that the process has had so far. */
  readonly mebibytes: number;
}

const env = {
  session: createSession(),
  get registries(): RegistryPool {
    throw new Error('nothing here is in a registry');
  },
  store(): Store {
    throw new Error('nothing here is in the store');
  },
  locate,
  host: { os: 'linux', architecture: 'amd64' },
  events: [],
  folder: '',
};

const answer = async (line: string): Promise<void> => {
  const [from = '', to] = line.split(' ');
  let outcome = 'read';
  let stack: string | undefined;
  try {
    // a copy reads in this way, too
    await inSmallYoungSpace<unknown>(() => (to === undefined ? readAll(env, from) : copy(env, from, to)));
  } catch (thrown) {
    const fits = thrown instanceof SheafError && thrown.kind !== 'bug' && thrown.kind !== 'storage';
    outcome = fits ? thrown.code : 'unfit';
    if (!fits) stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  const told: Outcome = {
    outcome,
    mebibytes: Math.round(process.resourceUsage().maxRSS / 1024),
    ...(stack === undefined ? {} : { stack }),
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
};

for await (const line of createInterface({ input: process.stdin })) await answer(line);
