/**
 * One writer an upload. A second one is a client that came back after its connection broke, which the server may not
 * have noticed yet: the first is cut off, and the second begins when it has let go.
 */
export interface UploadWriters {
  /** `cut` ends what the present writer is waiting for. */
  run<T>(id: string, cut: () => void, work: () => Promise<T>): Promise<T>;
}

export function createUploadWriters(): UploadWriters {
  const writers = new Map<string, { cut: () => void; done: Promise<void> }>();
  return {
    async run(id, cut, work) {
      const before = writers.get(id);
      const { promise: done, resolve: release } = Promise.withResolvers<void>();
      const own = { cut, done };
      writers.set(id, own);
      before?.cut();
      await before?.done;
      try {
        return await work();
      } finally {
        if (writers.get(id) === own) writers.delete(id);
        release();
      }
    },
  };
}
