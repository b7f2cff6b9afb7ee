/**
 * Runs command lines of sheaf that come as messages, one after the other in this process: hundreds of them would take
 * minutes if each had to load all of sheaf first. Store and home are in the folder that comes with each.
 */
import { asSheafError, formatError } from '../../src/cli/error-view.ts';
import { findCommand } from '../../src/cli/find-command.ts';
import { leanRun } from '../../src/cli/lean-run.ts';

export interface Order {
  readonly folder: string;
  readonly argv: readonly string[];
}

export interface Report {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const place = { root: new URL('../../', import.meta.url), tree: 'src' } as const;

/** Catches what is written to `stream`; nothing else may be in the way of the messages. */
function capture(stream: NodeJS.WriteStream): { take(): string } {
  let text = '';
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return {
    take() {
      const taken = text;
      text = '';
      return taken;
    },
  };
}

const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];

async function run({ folder, argv }: Order): Promise<Report> {
  process.env['SHEAF_HOME'] = `${folder}/store`;
  process.env['HOME'] = folder;
  process.chdir(folder);
  let failure: number | undefined;
  try {
    const request = findCommand(argv, place);
    if (request.kind !== 'command') throw new Error(`${argv.join(' ')} is no command`);
    await leanRun(request, place);
  } catch (thrown) {
    const error = asSheafError(thrown);
    failure = error.exitCode;
    process.stderr.write(`${formatError(error)}\n`);
  }
  const code = failure ?? Number(process.exitCode ?? 0);
  process.exitCode = 0;
  return { code, stdout: stdout.take(), stderr: stderr.take() };
}

let last: Promise<void> = Promise.resolve();
process.on('message', (order: Order) => {
  last = last.then(async () => {
    process.send?.(await run(order));
  });
});
