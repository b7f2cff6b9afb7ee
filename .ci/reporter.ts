/**
 * The report of `npm test`: a line a file, every failure in full, the reason of every skipped test, and as the last line
 * `N passed, N failed, N skipped`.
 */
import { relative } from 'node:path';
import type { TestEvent } from 'node:test/reporters';
import { inspect, styleText } from 'node:util';

interface FileCount {
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
}

type Finished = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>['data'];

const paint = (format: Parameters<typeof styleText>[0], text: string): string =>
  styleText(format, text, { stream: process.stdout });

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileCount>();
  const skips = new Map<string, number>();
  const failures: Array<{ where: string; names: string[]; error: unknown }> = [];
  /** Names of the suites and tests that the test being told of stands in, per file. */
  const open = new Map<string, string[]>();

  const countOf = (file: string): FileCount => {
    const count = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
    files.set(file, count);
    return count;
  };
  const take = (data: Finished, passed: boolean): void => {
    const file = data.file === undefined ? 'unknown file' : relative(process.cwd(), data.file);
    const count = countOf(file);
    const isSuite = data.details.type === 'suite';
    if (data.skip !== undefined && data.skip !== false) {
      if (isSuite) return;
      count.skipped += 1;
      const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason given';
      skips.set(reason, (skips.get(reason) ?? 0) + 1);
    } else if (passed) {
      if (!isSuite) count.passed += 1;
    } else {
      const error = 'error' in data.details ? data.details.error : undefined;
      // a suite or a test around others fails because they did, and they have told so
      if (isSubtestFailure(error)) return;
      count.failed += 1;
      const names = [...(open.get(file) ?? []).slice(0, data.nesting), data.name];
      failures.push({ where: `${file}:${data.line ?? 0}`, names, error });
    }
  };

  for await (const event of events) {
    switch (event.type) {
      case 'test:start': {
        const file = event.data.file === undefined ? '' : relative(process.cwd(), event.data.file);
        const names = open.get(file) ?? [];
        open.set(file, [...names.slice(0, event.data.nesting), event.data.name]);
        break;
      }
      case 'test:pass':
        take(event.data, true);
        break;
      case 'test:fail':
        take(event.data, false);
        break;
      case 'test:stderr':
      case 'test:stdout':
        if (process.env['SHEAF_TEST_OUTPUT'] !== undefined) yield event.data.message;
        break;
      case 'test:summary':
        if (event.data.file === undefined) break;
        yield fileLine(
          relative(process.cwd(), event.data.file),
          countOf(relative(process.cwd(), event.data.file)),
          event.data.duration_ms,
        );
        break;
      default:
    }
  }

  for (const { where, names, error } of failures) {
    yield `\n${paint('red', 'FAILED')} ${names.join(' > ')}\n  at ${where}\n${indent(describe(error))}\n`;
  }
  if (skips.size > 0) yield '\nSkipped:\n';
  for (const [reason, count] of skips) yield `  ${count} x ${reason}\n`;
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const count of files.values()) {
    sum.passed += count.passed;
    sum.failed += count.failed;
    sum.skipped += count.skipped;
  }
  yield `\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`;
}

function fileLine(file: string, count: FileCount, ms: number): string {
  const mark = count.failed > 0 ? paint('red', 'fail') : paint('green', 'ok  ');
  const parts = [`${count.passed} passed`];
  if (count.failed > 0) parts.push(`${count.failed} failed`);
  if (count.skipped > 0) parts.push(`${count.skipped} skipped`);
  return `${mark} ${file} (${parts.join(', ')}, ${(ms / 1000).toFixed(1)} s)\n`;
}

function isSubtestFailure(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'failureType' in error && error.failureType === 'subtestsFailed'
  );
}

/** What was thrown, without the runner's wrapping. */
function describe(error: unknown): string {
  const cause = error instanceof Error && 'failureType' in error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? inspect(cause) : String(cause);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
