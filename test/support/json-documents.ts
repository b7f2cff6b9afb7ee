/** Holds what sheaf prints with --json to the schemas that are published for it, member by member. */
import assert from 'node:assert/strict';
import { type DocumentName, documents, printedBy } from '../../src/cli/documents/index.ts';
import { findCommand } from '../../src/cli/find-command.ts';

const place = { root: new URL('../../', import.meta.url), tree: 'src' } as const;

/** The document that `stdout`, what a run with `argv` has printed, was found to be; `undefined` where it is none. */
export function checkDocument(argv: readonly string[], stdout: string): DocumentName | undefined {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const request = findCommand(argv, place);
  if (!words.includes('--json') || request.kind === 'help') return undefined;
  const found: unknown = JSON.parse(stdout);
  if (typeof found !== 'object' || found === null || !('error' in found)) {
    assert.ok(request.kind === 'command', `${argv.join(' ')}: no command`);
    return check(expected(request.id, words), found);
  }
  const { error, ...done } = found;
  if (Object.keys(done).length > 0) check(expected(request.kind === 'command' ? request.id : '', words), done);
  return check('failure', { error });
}

function expected(id: string, words: readonly string[]): DocumentName {
  const printed = printedBy[id]?.find(({ flags }) => flags?.some((flag) => words.includes(flag)) ?? true);
  assert.ok(printed, `no document is published for ${id}`);
  return printed.document;
}

function check(name: DocumentName, found: unknown): DocumentName {
  // what a schema does not know is left out of what comes back
  assert.deepEqual(documents[name].parse(found), found, `not as docs/schemas/${name}.json says`);
  return name;
}

/** Holds the lines of `--progress json` in `stderr` to their schema; gives their types. */
export function checkProgress(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const found: unknown = JSON.parse(line);
      check('progress', found);
      return documents.progress.parse(found).type;
    });
}
