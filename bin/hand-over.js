// Started on a Node.js that is too old: hands over to a newer one if there is one to be had.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { fileURLToPath } = require('node:url');

/**
 * Runs the same command line on $SHEAF_NODE or the Node.js of this checkout and ends as it ends.
 * @param {URL} root the folder of package.json
 */
function handOver(root) {
  const named = process.env.SHEAF_NODE;
  const candidates = [named, fileURLToPath(new URL('node_modules/.bin/node', root))];
  const node = process.env.SHEAF_REEXEC ? undefined : candidates.find((path) => path && fs.existsSync(path));
  if (node === undefined) {
    process.stderr.write(
      `sheaf: needs Node.js ^24.15 or >=26 (this is ${process.version} at ${process.execPath}): ` +
        'install it from https://nodejs.org or with your package manager, or name one in SHEAF_NODE' +
        `${named && !fs.existsSync(named) ? ` (there is no ${named}, which it names)` : ''}\n`,
    );
    process.exitCode = 1;
    return;
  }
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  // listening begins before the child does: a signal in between would end this process alone.
  // The terminal sends Ctrl-C to both of us: passing it on would look like a second one
  process.on('SIGINT', () => process.stdin.isTTY || child?.kill('SIGINT'));
  process.on('SIGTERM', () => child?.kill('SIGTERM'));
  process.on('SIGHUP', () => child?.kill('SIGHUP'));
  child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env: { ...process.env, SHEAF_REEXEC: '1' } });
  child.on('error', (error) => {
    process.stderr.write(`sheaf: cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

module.exports = { handOver };
