// Loads the build. Half of a short run would go into compiling functions: Node.js's own cache keeps only those that are compiled
// when a module is loaded. So the build is a script here, and what V8 has compiled of it by the end of a run is kept for the
// next run of the same command.
const fs = require('node:fs');
const { createRequire, enableCompileCache } = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const vm = require('node:vm');

/** Runs after which the functions are no longer gathered: each adds what the runs before it had no need of. */
const gatheringRuns = 3;

/**
 * Once in a process, for whoever asks: oclif finds single commands by files of their own.
 * @type {typeof import('../src/cli/main.ts') | undefined}
 */
let loaded;

/**
 * What dist/cli/main.cjs exports, which is one function around the program: see .ci/build.js and src/cli/main.ts.
 * @param {URL} root the folder of package.json
 * @param {readonly string[]} argv
 * @param {string} [cacheFolder] where the user keeps caches, if anywhere
 * @returns {typeof import('../src/cli/main.ts')}
 */
function loadBuiltProgram(root, argv, cacheFolder) {
  if (loaded !== undefined) return loaded;
  const file = fileURLToPath(new URL('dist/cli/main.cjs', root));
  const source = fs.readFileSync(file, 'latin1'); // .ci/build.js sees to it that it is ASCII
  const cache = cacheFolder === undefined ? undefined : path.join(cacheFolder, `${commandOf(root, argv)}.code`);
  const made = `${process.version} ${process.arch} ${fs.statSync(file).mtimeMs} ${source.length}`;
  const kept = cache === undefined ? undefined : readCode(cache, made);
  const script = new vm.Script(source, {
    filename: file,
    ...(kept && { cachedData: kept.code }),
  });
  const known = kept !== undefined && !script.cachedDataRejected;
  const runs = known ? kept.runs : 0;
  if (cache !== undefined && runs < gatheringRuns) {
    process.once('exit', (code) => {
      // one that failed may have stopped early: better than nothing, but the next one adds to it
      if (code === 0) keepCode(cache, made, runs + 1, script.createCachedData());
      else if (!known) keepCode(cache, made, 0, script.createCachedData());
    });
  }
  const near = createRequire(file);
  const url = pathToFileURL(file).href;
  const resolve = (/** @type {string} */ name) => pathToFileURL(near.resolve(name)).href;
  const load = (/** @type {string} */ name) => {
    if (cacheFolder !== undefined) enableCompileCache(cacheFolder); // for the parts, which are ES modules
    return import(name.startsWith('.') ? new URL(name, url).href : name);
  };
  const program = { exports: {} };
  script.runInThisContext()(program, program.exports, near, url, resolve, load);
  loaded = /** @type {typeof import('../src/cli/main.ts')} */ (program.exports);
  return loaded;
}

/**
 * The words of the command, or `other`: each has a cache of its own, for they need little of each other's code.
 * @param {URL} root
 * @param {readonly string[]} argv
 */
function commandOf(root, argv) {
  const exists = (/** @type {string} */ name) => fs.existsSync(new URL(`dist/commands/${name}.js`, root));
  const [first = '', second = ''] = argv;
  const word = /^[a-z][a-z-]*$/;
  if (!word.test(first)) return 'other';
  if (exists(first)) return first;
  return word.test(second) && exists(`${first}/${second}`) ? `${first}-${second}` : 'other';
}

/**
 * A line that tells of which build the code is and how many runs it was gathered in, then the code. V8 checks that it is its own.
 * @param {string} file
 * @param {string} made
 */
function readCode(file, made) {
  try {
    const bytes = fs.readFileSync(file);
    const end = bytes.indexOf('\n');
    const [runs = '', length, ...rest] = bytes.toString('latin1', 0, end).split(' ');
    const code = bytes.subarray(end + 1);
    return rest.join(' ') === made && Number(length) === code.length ? { runs: Number(runs), code } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * On the disk before it has its name: after a power cut there is a whole file or none.
 * @param {string} file
 * @param {string} made
 * @param {number} runs
 * @param {Buffer} code
 */
function keepCode(file, made, runs, code) {
  const aside = `${file}.${process.pid}`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(aside, Buffer.concat([Buffer.from(`${runs} ${code.length} ${made}\n`), code]), { flush: true });
    fs.renameSync(aside, file);
  } catch {
    // it is only faster with it
    try {
      fs.rmSync(aside);
    } catch {
      // not even begun
    }
  }
}

module.exports = { loadBuiltProgram };
