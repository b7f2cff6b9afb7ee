/**
 * What a run tells the outside while it goes on. The library is silent unless somebody listens; only `cli/render` draws.
 */
import type { TransferSide } from './errors.ts';

/** How a step of a plan ended. */
export type StepOutcome =
  | 'copied'
  | 'mounted'
  | 'recompressed'
  | 'encrypted'
  | 'decrypted'
  | 'reused'
  | 'written'
  | 'checked';

export type ProgressEvent =
  /** For `--log-level`; never holds a secret. */
  | { type: 'log'; level: 'debug' | 'info'; message: string }
  /** Something that a person should know although the run goes on. */
  | { type: 'warning'; code: string; message: string }
  /** One HTTP exchange, for `--log-level debug` and for tests that count requests; status 0: no answer came. */
  | { type: 'request'; host: string; method: string; path: string; status: number; side?: TransferSide }
  | { type: 'retry'; what: string; attempt: number; of: number; delayMs: number; reason: string }
  /** What is about to be done; `title` says it in words. */
  | { type: 'plan'; title: string; steps: number; bytes: number }
  | { type: 'step-start'; id: string; label: string; bytes: number }
  /** `bytes` more have been moved for the step. */
  | { type: 'step-progress'; id: string; bytes: number }
  | { type: 'step-end'; id: string; outcome: StepOutcome };
