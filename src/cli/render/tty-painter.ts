/** Progress for a terminal: one line that is drawn over again. */
import type { StepPainter } from './painter.ts';
import { describeRetry, formatBytes } from './texts.ts';

/** Milliseconds between two drawings. */
const frameMs = 80;

export function createTtyPainter(stream: NodeJS.WriteStream, now: () => number = Date.now): StepPainter {
  /** Bytes done and label of each step under way. */
  const active = new Map<string, { label: string; bytes: number }>();
  let steps = 0;
  let totalBytes = 0;
  let doneSteps = 0;
  let doneBytes = 0;
  let drawnAt = 0;
  let drawn = false;

  const clear = (): void => {
    if (drawn) stream.write('\r\x1b[2K');
    drawn = false;
  };
  const draw = (): void => {
    const newest = [...active.values()].at(-1);
    if (newest === undefined || now() - drawnAt < frameMs) return;
    drawnAt = now();
    const bytes = doneBytes + [...active.values()].reduce((sum, step) => sum + step.bytes, 0);
    const text = `[${doneSteps}/${Math.max(steps, doneSteps)}] ${formatBytes(bytes)}/${formatBytes(totalBytes)} ${newest.label}`;
    stream.write(`\r\x1b[2K${text.slice(0, Math.max(20, (stream.columns || 80) - 1))}`);
    drawn = true;
  };
  return {
    handle(event) {
      switch (event.type) {
        case 'plan':
          steps += event.steps;
          totalBytes += event.bytes;
          return;
        case 'step-start':
          active.set(event.id, { label: event.label, bytes: 0 });
          break;
        case 'step-progress': {
          const step = active.get(event.id);
          if (step !== undefined) step.bytes += event.bytes;
          break;
        }
        case 'step-end':
          doneBytes += active.get(event.id)?.bytes ?? 0;
          doneSteps += 1;
          active.delete(event.id);
          break;
        case 'retry':
          clear();
          stream.write(`${describeRetry(event)}\n`);
          return;
      }
      draw();
    },
    clear,
  };
}
