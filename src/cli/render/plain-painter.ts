/** Progress for log files: a line when a step begins. */
import type { StepPainter } from './painter.ts';
import { describeRetry } from './texts.ts';

export function createPlainPainter(stream: NodeJS.WritableStream): StepPainter {
  const line = (text: string): void => {
    stream.write(`${text}\n`);
  };
  return {
    handle(event) {
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
        default:
      }
    },
    clear: () => {},
  };
}
