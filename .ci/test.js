// Runs the tests: all of them, or the files named on the command line. Several files at once, each in a process of its own.
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import process from 'node:process';

const given = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    // node's own choice on two cores is one file at a time, and most tests wait for a socket or a process
    `--test-concurrency=${Math.max(2, os.availableParallelism())}`,
    '--test-reporter=./.ci/reporter.ts',
    ...(given.length > 0 ? given : ['test/**/*.test.ts']),
  ],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
