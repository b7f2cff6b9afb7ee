/** What is known of a transfer while it goes on: the sum of its events, as numbers to draw. */
import type { StepEvent } from './painter.ts';
import { formatBytes, formatDuration } from './texts.ts';

/** A step under way that moves bytes. */
export interface MovingStep {
  readonly label: string;
  /** Bytes that it is to move. */
  readonly total: number;
  /** Never more than `total`, however often something was sent again. */
  readonly moved: number;
}

/** The rate is that of the last so many milliseconds. */
const rateWindowMs = 5000;
/** Before that a rate says nothing. */
const settleMs = 500;

interface Step {
  readonly label: string;
  readonly total: number;
  moved: number;
}

export class Transfer {
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #active = new Map<string, Step>();
  /** When how many bytes had been moved in all; the oldest that still counts first. */
  #samples: Array<{ at: number; bytes: number }>;
  #steps = 0;
  #ended = 0;
  #totalBytes = 0;
  #endedBytes = 0;
  /** Bytes that went over the wire. */
  #sent = 0;
  #blobs = { copied: 0, mounted: 0, recompressed: 0, encrypted: 0, decrypted: 0, reused: 0, checked: 0 };

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
    this.#samples = [{ at: this.#startedAt, bytes: 0 }];
  }

  handle(event: StepEvent): void {
    switch (event.type) {
      case 'plan':
        this.#steps += event.steps;
        this.#totalBytes += event.bytes;
        return;
      case 'step-start':
        this.#active.set(event.id, { label: event.label, total: event.bytes, moved: 0 });
        return;
      case 'step-progress': {
        const step = this.#active.get(event.id);
        if (step === undefined) return;
        step.moved = Math.min(step.total, step.moved + event.bytes);
        this.#sent += event.bytes;
        this.#sample();
        return;
      }
      case 'step-end': {
        const step = this.#active.get(event.id);
        this.#active.delete(event.id);
        this.#ended += 1;
        // manifests and tags move no bytes; nor does an empty blob, but it is copied all the same
        if (step === undefined || event.outcome === 'written') return;
        if (step.total === 0 && event.outcome === 'reused') return;
        this.#blobs[event.outcome] += 1;
        // what was there from the start is not in the plan's sum
        if (event.outcome !== 'reused') this.#endedBytes += step.total;
        return;
      }
      case 'retry':
    }
  }

  get isDone(): boolean {
    return this.#steps > 0 && this.#ended >= this.#steps;
  }

  get steps(): { ended: number; all: number } {
    return { ended: this.#ended, all: Math.max(this.#steps, this.#ended) };
  }

  get bytes(): { done: number; all: number } {
    const moving = [...this.#active.values()].reduce((sum, step) => sum + step.moved, 0);
    return { done: Math.min(this.#totalBytes, this.#endedBytes + moving), all: this.#totalBytes };
  }

  /** Steps that move bytes, in the order in which they began. */
  get moving(): readonly MovingStep[] {
    return [...this.#active.values()].filter((step) => step.total > 0);
  }

  /** What goes on where nothing moves bytes: the newest step. */
  get newest(): string | undefined {
    return [...this.#active.values()].at(-1)?.label;
  }

  /** Bytes a second now; `undefined` before it can be told. */
  get rate(): number | undefined {
    this.#sample();
    const [oldest] = this.#recent();
    if (oldest === undefined || this.#now() - this.#startedAt < settleMs) return undefined;
    const rate = ((this.#sent - oldest.bytes) * 1000) / (this.#now() - oldest.at);
    return Number.isFinite(rate) ? rate : undefined;
  }

  /** Milliseconds; `undefined` where nobody can tell. */
  get timeLeft(): number | undefined {
    const { rate } = this;
    const { done, all } = this.bytes;
    return rate === undefined || rate <= 0 ? undefined : ((all - done) / rate) * 1000;
  }

  /** What was done, in one line; `undefined` where there was nothing to move. */
  summary(): string | undefined {
    const { copied, mounted, recompressed, encrypted, decrypted, reused, checked } = this.#blobs;
    const made = recompressed + encrypted + decrypted;
    if (copied + mounted + made + reused + checked === 0) return undefined;
    const ms = this.#now() - this.#startedAt;
    const how =
      this.#sent === 0
        ? ''
        : ` (${formatBytes(this.#sent)} in ${formatDuration(ms)}${ms < settleMs ? '' : `, ${formatBytes((this.#sent * 1000) / ms)}/s`})`;
    if (checked > 0) return `Blobs: ${checked} checked${how}`;
    const parts = [
      ...(copied > 0 || made === 0 ? [`${copied} copied${made > 0 ? '' : how}`] : []),
      ...(recompressed > 0 ? [`${recompressed} compressed${encrypted + decrypted > 0 ? '' : how}`] : []),
      ...(encrypted > 0 ? [`${encrypted} encrypted${how}`] : []),
      ...(decrypted > 0 ? [`${decrypted} decrypted${how}`] : []),
      ...(mounted > 0 ? [`${mounted} mounted`] : []),
      ...(reused > 0 ? [`${reused} there already`] : []),
    ];
    return `Blobs: ${parts.join(', ')}`;
  }

  #sample(): void {
    const last = this.#samples.at(-1);
    const at = this.#now();
    if (last === undefined || at - last.at >= 100) this.#samples.push({ at, bytes: this.#sent });
  }

  #recent(): ReadonlyArray<{ at: number; bytes: number }> {
    const since = this.#now() - rateWindowMs;
    // the last one before the window stays: it is where the window begins
    while ((this.#samples[1]?.at ?? since + 1) <= since) this.#samples.shift();
    return this.#samples;
  }
}
