/** stdout: the result of a command and nothing else. */
import { asError, StorageError, systemCode, UsageError } from '../foundation/errors.ts';

export interface Output {
  /** One line of the text form of the result; silent with --json, where the JSON document takes its place. */
  print(line: string): void;
  /** Bytes as they are, in both forms. */
  raw(bytes: Uint8Array | string): void;
  /** The JSON form of the result. */
  json(document: unknown): void;
}

/** Whether stdout holds an archive; the text of the result goes to stderr then, lest it end up in the archive. */
let holdsArchive = false;

/** stdout for an archive, which takes it for itself. Throws UsageError ARCHIVE_TO_TERMINAL. */
export function takeStandardOutput(): NodeJS.WriteStream {
  if (process.stdout.isTTY) {
    throw new UsageError('an archive cannot be shown on a terminal', {
      code: 'ARCHIVE_TO_TERMINAL',
      hint: 'Redirect the output to a file or another program.',
    });
  }
  holdsArchive = true;
  return process.stdout;
}

export function createOutput(stream: NodeJS.WritableStream, jsonOnly: boolean): Output {
  const write = (bytes: Uint8Array | string): void => {
    const instead = holdsArchive && stream === process.stdout;
    (instead ? process.stderr : stream).write(bytes);
  };
  return {
    print: (line) => {
      if (!jsonOnly) write(`${line}\n`);
    },
    raw: write,
    json: (document) => write(`${JSON.stringify(document, undefined, 2)}\n`),
  };
}

/** Code of the error that stdout or stderr cannot be written to. */
export const outputFailed = 'OUTPUT_FAILED';

/**
 * Decides what a failing stdout or stderr means: a reader that went away (`| head`) does not matter, the run goes on and
 * its status tells how it ended; anything else (a full disk behind `> file`) fails the run through `fail`.
 */
export function guardStream(stream: NodeJS.WriteStream, name: string, fail: (error: Error) => void): void {
  stream.on('error', (thrown: unknown) => {
    if (systemCode(thrown) === 'EPIPE') return;
    fail(
      new StorageError(`cannot write to ${name}: ${asError(thrown).message}`, {
        code: outputFailed,
        cause: thrown,
        hint: `Make sure that what ${name} is redirected to can take it.`,
      }),
    );
  });
}

/** Resolves once everything written to `stream` so far has left the process, or has been found not to be able to. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const afterErrors = (): void => void setImmediate(resolve);
    if (stream.destroyed) resolve();
    // a failed write is told by an event after its callback, and even an empty one can fail
    else if (stream.writableLength === 0) afterErrors();
    else stream.write('', afterErrors);
  });
}
