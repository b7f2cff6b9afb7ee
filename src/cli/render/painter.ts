import type { ProgressEvent } from '../../foundation/events.ts';

export type StepEvent = Extract<
  ProgressEvent,
  { type: 'plan' | 'step-start' | 'step-progress' | 'step-end' | 'retry' }
>;

/** Draws what the steps of a plan do; one for each way to show progress. */
export interface StepPainter {
  handle(event: StepEvent): void;
  /** Takes what is not finished off the screen, so that other text can be written. */
  clear(): void;
  /** The run is over, well or not. */
  close(): void;
}
