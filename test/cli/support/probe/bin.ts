/**
 * A program of commands made for tests, started as sheaf is. The first argument is the way to run a command: `lean` or
 * `full`.
 */
import process from 'node:process';
import { fullRun } from '../../../../src/cli/full-run.ts';
import { main } from '../../../../src/cli/main.ts';

const [way, ...argv] = process.argv.slice(2);
await main(argv, { root: new URL('./', import.meta.url), tree: 'src' }, way === 'full' ? fullRun : undefined);
