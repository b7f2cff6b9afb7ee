#!/usr/bin/env node
// Runs from the sources, whatever stands in dist/.
const { pathToFileURL } = require('node:url');

const root = new URL('../', pathToFileURL(__filename));
void import('../src/cli/main.ts').then(({ main }) => main(process.argv.slice(2), { root, tree: 'src' }));
