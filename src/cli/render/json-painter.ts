/** Progress for programs: every event as one JSON document a line. */
import type { ProgressLine } from '../documents/progress.ts';
import type { StepPainter } from './painter.ts';

export function createJsonPainter(stream: NodeJS.WritableStream): StepPainter {
  return {
    handle: (event) => {
      stream.write(`${JSON.stringify(event satisfies ProgressLine)}\n`);
    },
    clear: () => {},
    close: () => {},
  };
}
