#!/usr/bin/env node
// Plain JavaScript: a Node.js that is too old for sheaf must still be able to read this and say so. CommonJS, as all of bin/:
// Node.js's loader of ES modules takes a tenth of a short run to begin with.
const fs = require('node:fs');
const { dirname, isAbsolute } = require('node:path');
const { pathToFileURL } = require('node:url');

const root = new URL('../', pathToFileURL(__filename));
const argv = process.argv.slice(2);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (!((major === 24 && minor >= 15) || major >= 26)) {
  require('./hand-over.js').handOver(root);
} else if (argv[0] === '--version' || argv[0] === '-v') {
  const { version } = JSON.parse(fs.readFileSync(new URL('package.json', root), 'utf8'));
  process.stdout.on('error', cannotWrite);
  process.stdout.write(`sheaf version ${version} (${process.platform}-${process.arch}, node ${process.version})\n`);
} else {
  void start();
}

async function start() {
  // without one Node.js and what we load fail for a user whom the machine does not know; an empty one is the working directory
  if (process.platform !== 'win32') process.env.HOME ||= homeOfUser();
  const { XDG_CACHE_HOME: caches = '', HOME: ofUser } = process.env;
  // a relative one does not count (XDG Base Directory Specification): each working directory would get a cache
  const home = isAbsolute(caches) ? caches : ofUser && `${ofUser}/.cache`;
  // not Node's default below /tmp, where somebody else could put code for us to run
  const cache = home ? `${home}/sheaf/compile-cache` : undefined;
  const isCheckout = fs.existsSync(new URL('src', root));
  if (!isCheckout && !fs.existsSync(new URL('dist/cli/main.cjs', root))) {
    process.stderr.write(
      `Error: ${dirname(__dirname)} has no dist/, which is the program itself. Install sheaf again.\n`,
    );
    process.exitCode = 9;
  } else if (!isCheckout || require('./freshness.js').isFresh(root)) {
    await require('./built-program.js').loadBuiltProgram(root, argv, cache).main(argv, { root, tree: 'dist' });
  } else {
    if (cache) require('node:module').enableCompileCache(cache);
    const { main } = await import('../src/cli/main.ts');
    await main(argv, { root, tree: 'src' });
  }
}

/** Of a user whom the machine does not know it is what container engines say. */
function homeOfUser() {
  try {
    return require('node:os').userInfo().homedir || '/';
  } catch {
    return '/';
  }
}

/**
 * A reader that has gone does not matter.
 * @param {NodeJS.ErrnoException} error
 */
function cannotWrite({ code, message }) {
  if (code === 'EPIPE') return;
  process.stderr.write(`Error: cannot write to stdout: ${message}\n`);
  // as all that the local disk is to blame for
  process.exitCode = 9;
}
