// Loads the build. Half of a short run would go into compiling functions: Node.js's own cache keeps only those that are compiled
// when a module is loaded. So the build is a script here, and what V8 has compiled of it by the end of a run is kept for the
// next run of the same command.
const fs = require('node:fs');
const { createRequire, enableCompileCache } = require('node:module');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const vm = require('node:vm');

/** Runs with the same flags after which functions are no longer gathered: each adds what the runs before it had no need of. */
const gatheringRuns = 3;
/** So much longer than any other a run must take to be gathered whatever its flags: what else did it do? */
const muchLonger = 1.5;
/** Sets of flags that are remembered of a command. */
const maxKinds = 16;

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
  const name = `${commandOf(root, argv)}.code`;
  const made = `${process.version} ${process.arch} ${fs.statSync(file).mtimeMs} ${source.length}`;
  const compile = (/** @type {Kept | undefined} */ kept) =>
    new vm.Script(source, { filename: file, ...(kept && { cachedData: kept.code }) });
  // of the commands that need most, .ci/keep-code.ts gathers it right after the build
  let kept = readCode(fileURLToPath(new URL(`dist/code/${name}`, root)), made);
  let script = kept && compile(kept);
  if (script === undefined || script.cachedDataRejected) {
    const cache = cacheFolder === undefined ? undefined : path.join(cacheFolder, name);
    kept = cache === undefined ? undefined : readCode(cache, made);
    script = compile(kept);
    const known = kept !== undefined && !script.cachedDataRejected;
    if (cache !== undefined) gatherAtExit(cache, made, script, known ? kept : undefined, kindOf(argv));
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
 * Where code comes from: milliseconds of the longest run, and how many runs there were of each kind.
 * @typedef {{ longest: number, runs: Record<string, number> }} Gathered
 * @typedef {{ gathered: Gathered, code: Buffer }} Kept
 */

/**
 * What decides which functions a run of a command needs: its flags and the transports that it names.
 * @param {readonly string[]} argv
 */
function kindOf(argv) {
  const words = argv.map((word) => /^(?:--?[a-z][a-z-]*|[a-z-]+(?=:(?!\d)))/.exec(word)?.[0] ?? '');
  return [...new Set(words)].sort().join(' ').trim();
}

/**
 * Adds what V8 has compiled by the end of this run to what is kept, if that may be much.
 * @param {string} file
 * @param {string} made
 * @param {vm.Script} script
 * @param {Kept | undefined} kept
 * @param {string} kind
 */
function gatherAtExit(file, made, script, kept, kind) {
  const { longest, runs } = kept?.gathered ?? { longest: 0, runs: {} };
  const count = runs[kind] ?? (Object.keys(runs).length < maxKinds ? 0 : gatheringRuns);
  if (count < gatheringRuns) setFlags('--no-flush-bytecode');
  process.once('exit', (status) => {
    const took = Math.round(process.uptime() * 1000);
    // one that failed may have stopped early: it does not count, and is better than nothing
    const counts = status === 0 && (count < gatheringRuns || took > longest * muchLonger);
    if (!counts && kept !== undefined) return;
    // V8 takes code for what was compiled with other flags, unless they are what they were
    if (count < gatheringRuns) setFlags('--flush-bytecode');
    const now = script.createCachedData();
    // a long run drops functions that it has not used for a while
    const code = kept !== undefined && now.length < kept.code.length * 0.98 ? kept.code : now;
    const gathered = counts
      ? { longest: Math.max(longest, took), runs: { ...runs, [kind]: count + 1 } }
      : { longest, runs };
    keepCode(file, made, gathered, code);
  });
}

/** @param {string} flag */
function setFlags(flag) {
  // loaded only here: it takes as long as all that a short run reads
  require('node:v8').setFlagsFromString(flag);
}

/**
 * A line that tells of which build the code is and what it was gathered from, then the code. V8 checks that it is its own.
 * @param {string} file
 * @param {string} made
 * @returns {Kept | undefined}
 */
function readCode(file, made) {
  try {
    const bytes = fs.readFileSync(file);
    const end = bytes.indexOf('\n');
    const { length, longest, runs, ...rest } = JSON.parse(bytes.toString('utf8', 0, end));
    const code = bytes.subarray(end + 1);
    const whole = rest.made === made && length === code.length && typeof longest === 'number' && runs instanceof Object;
    return whole ? { gathered: { longest, runs }, code } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * On the disk before it has its name: after a power cut there is a whole file or none.
 * @param {string} file
 * @param {string} made
 * @param {Gathered} gathered
 * @param {Buffer} code
 */
function keepCode(file, made, gathered, code) {
  const aside = `${file}.${process.pid}`;
  const head = Buffer.from(`${JSON.stringify({ made, length: code.length, ...gathered })}\n`);
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(aside, Buffer.concat([head, code]), { flush: true });
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
