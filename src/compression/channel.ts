/** What one side makes and the other takes, in order, both at once. */
export interface Channel<T> extends AsyncIterable<T> {
  push(item: T): void;
  /** No more is to come. */
  close(): void;
  /** The reader gets `error` after what was pushed before. */
  fail(error: unknown): void;
}

/** For one reader. It holds as much as is pushed: bounds are for the side that pushes. */
export function createChannel<T>(): Channel<T> {
  const items: T[] = [];
  let ended: { error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const changed = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    push(item) {
      items.push(item);
      changed();
    },
    close() {
      ended ??= {};
      changed();
    },
    fail(error) {
      ended ??= { error };
      changed();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const item = items.shift();
        if (item !== undefined) yield item;
        else if (ended === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else if ('error' in ended) throw ended.error;
        else return;
      }
    },
  };
}
