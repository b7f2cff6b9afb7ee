/** How many compressors one job has at once: one always, more while the budget has memory that nobody waits for. */
import type { Turn } from './budget.ts';

export class Places {
  /** Nobody wants what the job makes any more. */
  stopped = false;
  readonly #turn: Turn;
  readonly #bytes: number;
  #taken = 0;
  #wake: (() => void) | undefined;

  /** `bytes` is the memory of one compressor; that of the first one belongs to the turn already. */
  constructor(turn: Turn, bytes: number) {
    this.#turn = turn;
    this.#bytes = bytes;
  }

  /** Waits for a place, for one caller at a time; the call that is returned gives it back. Undefined once stopped. */
  async take(): Promise<(() => void) | undefined> {
    while (!this.stopped) {
      const giveBack = this.#taken === 0 ? () => {} : this.#turn.tryMore(this.#bytes);
      if (giveBack !== undefined) {
        this.#taken += 1;
        return () => {
          this.#taken -= 1;
          giveBack();
          this.#wake?.();
        };
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return undefined;
  }

  stop(): void {
    this.stopped = true;
    this.#wake?.();
  }
}
