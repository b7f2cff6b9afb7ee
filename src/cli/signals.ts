/** SIGINT and SIGTERM: the first stops the run in an orderly way, a second SIGINT ends the process at once. */
import { CancelledError } from '../foundation/errors.ts';

/** What a process that ends because of a signal reports: 128 and the number of the signal. */
export const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof signalExitCodes;

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
  source?: NodeJS.EventEmitter;
}

export function watchSignals(options: SignalWatchOptions = {}): SignalWatch {
  const source = options.source ?? process;
  const exit = options.exit ?? ((code) => process.exit(code));
  const controller = new AbortController();
  let received: StopSignal | undefined;
  const stop = (signal: StopSignal): void => {
    if (received !== undefined) {
      if (signal === 'SIGINT') exit(signalExitCodes.SIGINT);
      return;
    }
    received = signal;
    options.onStop?.(signal);
    controller.abort(new CancelledError());
  };
  const listeners = (Object.keys(signalExitCodes) as StopSignal[]).map((name) => [name, () => stop(name)] as const);
  for (const [name, listener] of listeners) source.on(name, listener);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) source.off(name, listener);
    },
  };
}
