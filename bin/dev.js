#!/usr/bin/env node
// Runs from the sources, whatever stands in dist/.
import { main } from '../src/cli/main.ts';

await main(process.argv.slice(2), { root: new URL('../', import.meta.url), tree: 'src' });
