/**
 * SIGINT and SIGTERM: the first stops the run in an orderly way, a second SIGINT ends the process at once, and so does a run
 * that has not stopped some seconds later.
 */
import { CancelledError } from '../foundation/errors.ts';
import { endProcess, type StopSignal, signalExitCodes } from './end-process.ts';

export interface SignalWatch extends Disposable {
  readonly signal: AbortSignal;
  /** The signal that stopped the run, if one did. */
  readonly received: StopSignal | undefined;
}

export interface SignalWatchOptions {
  /** Called once, at the first signal. */
  onStop?: (signal: StopSignal) => void;
  /** Ends the process; replaced by tests. */
  exit?: (code: number) => void;
  /** Ends a run that has not stopped in time as one that failed; replaced by tests. */
  giveUp?: (code: number, error: CancelledError) => void;
  source?: NodeJS.EventEmitter;
}

/** Milliseconds that a run has to stop in an orderly way: a file or a helper that it waits for may never come. */
const graceMs = 3000;

export function watchSignals(options: SignalWatchOptions = {}): SignalWatch {
  const source = options.source ?? process;
  const exit = options.exit ?? ((code) => endProcess(code, true));
  const giveUp = options.giveUp ?? showAndEnd;
  const controller = new AbortController();
  let overdue: NodeJS.Timeout | undefined;
  let received: StopSignal | undefined;
  const stop = (signal: StopSignal): void => {
    if (received !== undefined) {
      if (signal === 'SIGINT') exit(signalExitCodes.SIGINT);
      return;
    }
    received = signal;
    options.onStop?.(signal);
    const error = new CancelledError();
    overdue = setTimeout(() => giveUp(signalExitCodes[signal], error), graceMs).unref();
    controller.abort(error);
  };
  const listeners = (Object.keys(signalExitCodes) as StopSignal[]).map((name) => [name, () => stop(name)] as const);
  for (const [name, listener] of listeners) source.on(name, listener);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]() {
      clearTimeout(overdue);
      for (const [name, listener] of listeners) source.off(name, listener);
    },
  };
}

/** By way of what the process does with an error that nobody has caught: it is shown like any other. */
function showAndEnd(code: number, error: CancelledError): never {
  process.exitCode = code;
  throw error;
}
