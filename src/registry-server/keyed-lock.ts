/** Mutual exclusion inside this process, by key. */

export interface KeyedLock {
  /** Runs `work` when everybody who asked for `key` before has finished. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<void>>();
  return {
    async run(key, work) {
      const before = tails.get(key) ?? Promise.resolve();
      const { promise: own, resolve: release } = Promise.withResolvers<void>();
      tails.set(key, own);
      await before;
      try {
        return await work();
      } finally {
        if (tails.get(key) === own) tails.delete(key);
        release();
      }
    },
  };
}
