/**
 * The start of every run. A command that exists is imported and run straight away, without loading oclif's configuration of
 * all commands; help goes the full way through oclif.
 */
import { exitCodes, UsageError } from '../foundation/errors.ts';
import { endProcess } from './end-process.ts';
import { asSheafError, failureDocument, formatError } from './error-view.ts';
import { type CommandRunner, findCommand } from './find-command.ts';
import { leanRun } from './lean-run.ts';
import { flushed, guardStream, outputFailed } from './output.ts';
import type { Place } from './place.ts';

export { commandModules } from './command-modules.ts';

/** Runs one command line to its end and ends the process; commands in the lean way unless `runner` is another. */
export async function main(argv: readonly string[], place: Place, runner: CommandRunner = leanRun): Promise<never> {
  const failAndEnd = (thrown: unknown): void => {
    showError(thrown, argv);
    endProcess(process.exitCode, true);
  };
  process.on('uncaughtException', failAndEnd);
  process.on('unhandledRejection', failAndEnd);
  // before oclif adds a listener of its own, which throws
  guardStream(process.stdout, 'stdout', failAndEnd);
  // there is nowhere to tell it; a run that has failed before keeps the status of that
  guardStream(process.stderr, 'stderr', () => process.exit(process.exitCode || exitCodes.storage));
  try {
    await dispatch(argv, place, runner);
  } catch (thrown) {
    showError(thrown, argv);
  }
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  return endProcess();
}

async function dispatch(argv: readonly string[], place: Place, runner: CommandRunner): Promise<void> {
  const request = findCommand(argv, place);
  switch (request.kind) {
    case 'help': {
      const { showHelp } = await import('./full-run.ts');
      return await showHelp(request.argv, place);
    }
    case 'unknown':
      throw new UsageError(`unknown command "${request.words.join(' ')}" for "sheaf"`, {
        code: 'UNKNOWN_COMMAND',
        hint:
          request.suggestion === undefined
            ? `Run "${['sheaf', ...request.words.slice(0, -1), '--help'].join(' ')}" for the commands there are.`
            : `Did you mean "sheaf ${request.suggestion}"?`,
      });
    case 'command': {
      return await runner(request, place);
    }
  }
}

/** Prints the error in the form asked for and sets the exit status, unless a signal has set it. */
function showError(thrown: unknown, argv: readonly string[]): void {
  const error = asSheafError(thrown);
  process.exitCode ||= error.exitCode;
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  // stdout takes no document then
  const isHeard = error.code !== outputFailed;
  if (isHeard && own.some((word) => word === '--json' || word === '--json=true')) {
    const document = failureDocument(error, Number(process.exitCode));
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    return;
  }
  if (lastValue(own, '--progress') === 'json') {
    const event = { type: 'error', ...failureDocument(error, Number(process.exitCode)) };
    process.stderr.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const debug = /(^|\n)--log-level[=\n](debug|trace)(\n|$)/.test(own.join('\n')) || Boolean(process.env['DEBUG']);
  process.stderr.write(`${formatError(error, { stack: debug })}\n`);
}

/** Of a flag that may be given more than once, as `--flag VALUE` or `--flag=VALUE`. */
function lastValue(argv: readonly string[], flag: string): string | undefined {
  const at = argv.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  return argv[at] === flag ? argv[at + 1] : argv[at]?.slice(flag.length + 1);
}
