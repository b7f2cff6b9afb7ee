/** Progress for log files: a line when a step begins, and one that says what was done. */
import type { StepPainter } from './painter.ts';
import { describeRetry } from './texts.ts';
import { Transfer } from './transfer.ts';

export function createPlainPainter(stream: NodeJS.WritableStream, now: () => number = Date.now): StepPainter {
  let transfer: Transfer | undefined;
  const line = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    handle(event) {
      transfer ??= new Transfer(now);
      transfer.handle(event);
      switch (event.type) {
        case 'plan':
          line(event.title);
          return;
        case 'step-start':
          line(event.label);
          return;
        case 'retry':
          line(describeRetry(event));
          return;
        case 'step-end': {
          if (!transfer.isDone) return;
          const summary = transfer.summary();
          transfer = undefined;
          if (summary !== undefined) line(summary);
          return;
        }
        default:
      }
    },
    clear: () => {},
    close: () => {},
  };
}
