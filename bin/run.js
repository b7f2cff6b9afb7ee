#!/usr/bin/env node
// Plain JavaScript: a Node.js that is too old for sheaf must still be able to read this and say so.
import fs from 'node:fs';
import module from 'node:module';

const root = new URL('../', import.meta.url);
const argv = process.argv.slice(2);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (!((major === 24 && minor >= 15) || major >= 26)) {
  const { handOver } = await import('./hand-over.js');
  handOver(root);
} else if (argv[0] === '--version' || argv[0] === '-v') {
  const { version } = JSON.parse(fs.readFileSync(new URL('package.json', root), 'utf8'));
  process.stdout.write(`sheaf version ${version} (${process.platform}-${process.arch}, node ${process.version})\n`);
} else {
  await start();
}

async function start() {
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && `${process.env.HOME}/.cache`);
  // not Node's default below /tmp, where somebody else could put code for us to run
  if (home) module.enableCompileCache(`${home}/sheaf/compile-cache`);
  let tree = 'dist';
  if (fs.existsSync(new URL('src', root))) {
    const { isFresh } = await import('./freshness.js');
    if (!isFresh(root)) tree = 'src';
  }
  const { main } = await import(tree === 'dist' ? '../dist/cli/main.js' : '../src/cli/main.ts');
  await main(argv, { root, tree });
}
