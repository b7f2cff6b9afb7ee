/**
 * How much compressing goes on at once in this process. All jobs share one budget: many layers side by side take turns,
 * compressors and blocks of memory from it instead of multiplying them.
 *
 * Nothing here can lock up as long as every job that has its turn is read or destroyed: a turn has its first compressor
 * from the beginning, and always gets two blocks.
 */
import { availableParallelism } from 'node:os';
import { CancelledError, cancelledBy } from '../foundation/errors.ts';

/** Data is compressed in blocks of this size; they are lent out again and again. */
export const blockBytes = 512 << 10;

const mebibyte = 1 << 20;
/** A turn may hold so many blocks whatever the others hold: one that fills, one that is compressed. */
const guaranteedBlocks = 2;
/** Compressors that wait for their next job. */
const maxShelved = 4;

/** Bytes lent by a {@link Turn}. */
export interface Block {
  readonly bytes: Buffer;
  /** To be called once, when nobody reads `bytes` any more. */
  release(): void;
}

/** A compressor that can serve one job after another: what it took from the system is not given back and taken again. */
export interface Reusable {
  destroy(): void;
}

/** What one job may use until it leaves. */
export interface Turn {
  /** Rejects with CancelledError after {@link leave}. */
  takeBlock(): Promise<Block>;
  /** Memory for one more compressor of this job, if there is some that nobody waits for; give it back by the call. */
  tryMore(bytes: number): (() => void) | undefined;
  /** A compressor that another job, or this one before, put by; whether of this turn or not. */
  reuse(kind: string): Reusable | undefined;
  /** Puts a compressor by for whoever wants one of its kind next. It is destroyed when nobody does. */
  putBy(kind: string, compressor: Reusable): void;
  leave(): void;
}

export interface Budget {
  /**
   * Waits until there is memory for another job. Ask before you hold anything that another job may need to go on.
   * Rejects with CancelledError when `signal` is aborted first.
   */
  enter(bytes: number, signal?: AbortSignal): Promise<Turn>;
}

export interface BudgetOptions {
  /** Blocks lent out at once, guaranteed ones apart. */
  blocks?: number;
  /** Bytes of memory for compressors. */
  memory?: number;
}

export function createBudget(options: BudgetOptions = {}): Budget {
  const cores = availableParallelism();
  return new SharedBudget({
    blocks: options.blocks ?? Math.min(8 * Math.max(2, cores), 128),
    memory: options.memory ?? Math.min(12 * Math.max(2, cores), 256) * mebibyte,
  });
}

let shared: Budget | undefined;

/** The budget of this process. */
export function sharedBudget(): Budget {
  shared ??= createBudget();
  return shared;
}

interface Waiting {
  bytes: number;
  start(): void;
}

class SharedBudget implements Budget {
  readonly #limits: Required<BudgetOptions>;
  #usedMemory = 0;
  #turns = 0;
  readonly #entering: Waiting[] = [];
  #lentBlocks = 0;
  readonly #freeBlocks: Buffer[] = [];
  readonly #wantingBlocks: SharedTurn[] = [];
  readonly #shelf: Array<{ kind: string; compressor: Reusable }> = [];

  constructor(limits: Required<BudgetOptions>) {
    this.#limits = limits;
  }

  async enter(bytes: number, signal?: AbortSignal): Promise<Turn> {
    if (signal?.aborted) throw cancelledBy(signal);
    if (this.#entering.length > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#use(bytes);
    return new SharedTurn(this, bytes);
  }

  #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        start: () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      const stop = (): void => {
        this.#entering.splice(this.#entering.indexOf(waiting), 1);
        this.#admit();
        reject(cancelledBy(signal));
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#entering.push(waiting);
    });
  }

  /** Whatever it needs, one job alone is always let in. */
  #fits(bytes: number): boolean {
    return this.#turns === 0 || this.#usedMemory + bytes <= this.#limits.memory;
  }

  #use(bytes: number): void {
    this.#usedMemory += bytes;
    this.#turns += 1;
  }

  #admit(): void {
    for (let first = this.#entering[0]; first !== undefined && this.#fits(first.bytes); first = this.#entering[0]) {
      this.#entering.shift();
      this.#use(first.bytes);
      first.start();
    }
  }

  tryMore(bytes: number): (() => void) | undefined {
    if (this.#entering.length > 0 || this.#usedMemory + bytes > this.#limits.memory) return undefined;
    this.#usedMemory += bytes;
    return once(() => {
      this.#usedMemory -= bytes;
      this.#admit();
    });
  }

  leave(turn: SharedTurn, bytes: number): void {
    this.#usedMemory -= bytes;
    this.#turns -= 1;
    for (let at = this.#wantingBlocks.length - 1; at >= 0; at -= 1) {
      if (this.#wantingBlocks[at] === turn) this.#wantingBlocks.splice(at, 1);
    }
    if (this.#turns === 0) {
      this.#freeBlocks.length = 0;
      for (const { compressor } of this.#shelf.splice(0)) compressor.destroy();
    }
    this.#admit();
    this.#serveBlocks();
  }

  /** Whether `turn` may have one more block now; what is free is shared evenly. */
  mayTakeBlock(turn: SharedTurn): boolean {
    if (turn.heldBlocks < guaranteedBlocks) return true;
    const share = Math.max(guaranteedBlocks, Math.floor(this.#limits.blocks / Math.max(1, this.#turns)));
    return turn.heldBlocks < share && this.#lentBlocks < this.#limits.blocks;
  }

  lendBlock(): Buffer {
    this.#lentBlocks += 1;
    return this.#freeBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  takeBack(bytes: Buffer): void {
    this.#lentBlocks -= 1;
    if (this.#turns > 0) this.#freeBlocks.push(bytes);
    this.#serveBlocks();
  }

  wantBlock(turn: SharedTurn): void {
    this.#wantingBlocks.push(turn);
  }

  #serveBlocks(): void {
    for (let at = 0; at < this.#wantingBlocks.length; ) {
      const turn = this.#wantingBlocks[at];
      if (turn === undefined || !this.mayTakeBlock(turn)) at += 1;
      else {
        this.#wantingBlocks.splice(at, 1);
        turn.serve();
      }
    }
  }

  reuse(kind: string): Reusable | undefined {
    const at = this.#shelf.findIndex((item) => item.kind === kind);
    return at < 0 ? undefined : this.#shelf.splice(at, 1)[0]?.compressor;
  }

  putBy(kind: string, compressor: Reusable): void {
    this.#shelf.push({ kind, compressor });
    const keep = this.#turns === 0 ? 0 : maxShelved;
    while (this.#shelf.length > keep) this.#shelf.shift()?.compressor.destroy();
  }
}

class SharedTurn implements Turn {
  heldBlocks = 0;
  readonly #budget: SharedBudget;
  readonly #bytes: number;
  #left = false;
  readonly #wanting: Array<{ resolve(block: Block): void; reject(error: Error): void }> = [];

  constructor(budget: SharedBudget, bytes: number) {
    this.#budget = budget;
    this.#bytes = bytes;
  }

  takeBlock(): Promise<Block> {
    if (this.#left) return Promise.reject(new CancelledError());
    if (this.#wanting.length === 0 && this.#budget.mayTakeBlock(this)) return Promise.resolve(this.#lend());
    return new Promise((resolve, reject) => {
      this.#wanting.push({ resolve, reject });
      this.#budget.wantBlock(this);
    });
  }

  /** A block has become free for one that waits. */
  serve(): void {
    this.#wanting.shift()?.resolve(this.#lend());
  }

  #lend(): Block {
    const bytes = this.#budget.lendBlock();
    this.heldBlocks += 1;
    const release = once(() => {
      this.heldBlocks -= 1;
      this.#budget.takeBack(bytes);
    });
    return { bytes, release };
  }

  tryMore(bytes: number): (() => void) | undefined {
    return this.#left ? undefined : this.#budget.tryMore(bytes);
  }

  reuse(kind: string): Reusable | undefined {
    return this.#budget.reuse(kind);
  }

  putBy(kind: string, compressor: Reusable): void {
    this.#budget.putBy(kind, compressor);
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    for (const { reject } of this.#wanting.splice(0)) reject(new CancelledError());
    this.#budget.leave(this, this.#bytes);
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
