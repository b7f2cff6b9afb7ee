/** Progress for programs: every event as one JSON document a line. */
import type { StepPainter } from './painter.ts';

export function createJsonPainter(stream: NodeJS.WritableStream): StepPainter {
  return {
    handle: (event) => {
      stream.write(`${JSON.stringify(event)}\n`);
    },
    clear: () => {},
    close: () => {},
  };
}
