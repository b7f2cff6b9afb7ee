// Builds dist/: the program as one script with its dependencies inside, large parts that few runs need in files of their own; and
// the library, whose dependencies stay outside.
// Plain JavaScript, for `npm ci` runs it before anything says which Node.js is there.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isFresh, sourceStamp, writeStamp } from '../bin/freshness.js';

const root = new URL('../', import.meta.url);
process.chdir(fileURLToPath(root));

/** Modules that cannot be part of a bundle: native ones, which may also be absent. */
const external = ['keytar'];

/**
 * What only some runs need, and what is large: files of their own below dist/parts. Whoever needs one loads it by `import()`;
 * they hold packages alone, so that no module of ours is there twice.
 */
const parts = {
  openpgp: 'openpgp',
  bundle: 'src/signing/sigstore/packages/bundle.ts',
  'protobuf-specs': 'src/signing/sigstore/packages/protobuf-specs.ts',
  sign: 'src/signing/sigstore/packages/sign.ts',
  verify: 'src/signing/sigstore/packages/verify.ts',
  yaml: 'src/registry-config/yaml.ts',
};

/** Code in dependencies that calls `require` for parts of Node.js. */
const requireBanner = "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);";

const withTypes = process.argv.includes('--types');
/** `--readable=FOLDER`: the program alone, in that folder, with the names that the sources have. */
const readable = process.argv.find((word) => word.startsWith('--readable='))?.slice('--readable='.length);
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) {
  // a checkout with --omit=dev runs its sources, a package has none
  if (withTypes) console.error('Without the development dependencies no package can be made: run npm ci first.');
  process.exit(withTypes ? 1 : 0);
}
if (isFresh(root) && !withTypes && readable === undefined) process.exit();

const stamp = sourceStamp(root);
// built aside and put in place in one go: nobody meets half a build, not even a second build at the same time
const aside = readable ?? `.dist-${process.pid}`;
if (readable !== undefined) {
  await buildProgram();
  process.exit();
}
try {
  const metafile = await buildProgram();
  await buildThread();
  await buildLibrary();
  fs.writeFileSync(`${aside}/THIRD-PARTY-LICENSES.txt`, thirdPartyLicenses(metafile));
  if (withTypes) declareTypes();
  else if (fs.existsSync('dist/types')) fs.cpSync('dist/types', `${aside}/types`, { recursive: true });
  putInPlace();
  writeStamp(root, stamp);
  keepCode();
} catch (error) {
  // esbuild has said what is wrong with the sources
  if (!(error instanceof Error && 'errors' in error)) console.error(error);
  process.exitCode = 1;
} finally {
  fs.rmSync(aside, { recursive: true, force: true });
}

/** @returns {import('esbuild').BuildOptions & { metafile: true }} */
function commonOptions() {
  return {
    outdir: aside,
    outbase: 'src',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24.15',
    // Node.js has it; what esbuild makes of it in a loop carries an error of one round into the next
    supported: { using: true },
    external,
    // what is read at every start is a third smaller so
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false, // wrapping every function costs a twentieth of a run
    legalComments: 'none', // the licences of what is included are in dist/THIRD-PARTY-LICENSES.txt
    metafile: true,
    logLevel: 'warning',
  };
}

/**
 * One script for all that a run usually needs, so that it can be kept compiled as a whole. What is loaded by `import()` in the
 * sources is run when it is asked for all the same.
 */
async function buildProgram() {
  const found = fs.readdirSync('src/commands', { recursive: true, encoding: 'utf8' });
  const commands = found
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3).replaceAll(path.sep, '/'));
  const program = await need(esbuild).build({
    ...commonOptions(),
    entryPoints: ['src/cli/main.ts'],
    splitting: false,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    // a twentieth of a short run
    minifyIdentifiers: readable === undefined,
    // what bin/built-program.js, which runs it, gives it
    define: { 'import.meta.resolve': '__resolve', 'import.meta.url': '__url' },
    plugins: [commandTable(commands), dataApart(), lazyBuiltins(), lazyUndici(), lazyOclif(), partsApart()],
  });
  const heavy = await need(esbuild).build({
    ...commonOptions(),
    entryPoints: Object.entries(parts).map(([out, file]) => ({ out: `parts/${out}`, in: file })),
    chunkNames: 'parts/[name]-[hash]',
    banner: { js: requireBanner },
    plugins: [lazyBuiltins()],
  });
  makeScript(`${aside}/cli/main.cjs`);
  // where oclif and findCommand look for commands
  for (const command of commands) {
    const file = `${aside}/commands/${command}.js`;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const root = path.posix.relative(path.posix.dirname(`dist/commands/${command}`), '.');
    const code = [
      `import { loadBuiltProgram } from '${root}/bin/built-program.js';`,
      `const { commandModules } = loadBuiltProgram(new URL('${root}/', import.meta.url), []);`,
      `export default (await commandModules['${command.replaceAll('/', ':')}']()).default;`,
    ];
    fs.writeFileSync(file, code.map((line) => `${line}\n`).join(''));
  }
  return { inputs: { ...program.metafile.inputs, ...heavy.metafile.inputs } };
}

/**
 * Makes of the program one function, which bin/built-program.js calls. Its characters are ASCII, so that V8 keeps it in a byte a
 * character: esbuild itself escapes all but regular expressions, where an escape means the same. And it imports through what it
 * is given: a script may do so by itself only with a part of Node.js that is still an experiment. `__load` is `require` under a
 * name by which esbuild does not know it.
 * @param {string} file
 */
function makeScript(file) {
  const escaped = (/** @type {string} */ char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const code = fs.readFileSync(file, 'utf8');
  const script = code.replaceAll(/[^\0-\x7f]/g, escaped).replaceAll(/\bimport\((?!\))/g, '__import(');
  fs.writeFileSync(
    file,
    `(function (module, exports, require, __url, __resolve, __import) {const __load = require;${script}\n})`,
  );
}

/** What runs on threads beside the program and the library: a module of its own, for which both look beside their folder. */
async function buildThread() {
  await need(esbuild).build({ ...commonOptions(), entryPoints: ['src/compression/peer-gzip-thread.ts'] });
}

/** Its dependencies are those of package.json, so that a program that has them too has them once. */
async function buildLibrary() {
  await need(esbuild).build({
    ...commonOptions(),
    entryPoints: ['src/index.ts'],
    chunkNames: 'library/[name]-[hash]',
    packages: 'external',
    // Node.js prints the line of an error that nobody catches, and a program has its own start
    minifyWhitespace: false,
  });
}

function declareTypes() {
  const tsc = ['node_modules/typescript/bin/tsc', '--project', '.ci/types.json', '--outDir', `${aside}/types`];
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
  if (status !== 0) throw new Error('the declarations cannot be made');
}

function putInPlace() {
  const old = `${aside}-old`;
  try {
    fs.renameSync('dist', old);
  } catch {
    // the first build
  }
  fs.renameSync(aside, 'dist');
  fs.rmSync(old, { recursive: true, force: true });
}

/** Runs are only slower without it. */
function keepCode() {
  // an old Node.js, which does not run sheaf either
  if (!process.features.typescript) return;
  const { status } = spawnSync(process.execPath, ['.ci/keep-code.ts'], { stdio: 'inherit' });
  if (status !== 0)
    console.error('sheaf: the build works, and its first runs are slow: no code of theirs could be kept');
}

/**
 * Fills the table of commands, which is empty in the sources, where each is a file to be found.
 * @param {readonly string[]} commands
 */
function commandTable(commands) {
  const entries = commands.map((name) => `'${name.replaceAll('/', ':')}': () => import('../commands/${name}.ts'),`);
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'command-table',
    setup(build) {
      build.onLoad({ filter: /[\\/]src[\\/]cli[\\/]command-modules\.ts$/ }, () => ({
        contents: `export const commandModules = {\n${entries.join('\n')}\n};\n`,
        loader: 'ts',
      }));
    },
  };
  return plugin;
}

/** Leaves the parts out of the program. */
function partsApart() {
  const files = new Map(Object.entries(parts).map(([name, file]) => [path.resolve(file), name]));
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'parts-apart',
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path: asked, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return undefined;
        const name = files.get(path.resolve(asked.startsWith('.') ? resolveDir : '.', asked));
        return name === undefined ? undefined : { path: `../parts/${name}.js`, external: true };
      });
    },
  };
  return plugin;
}

/**
 * Leaves out what is data in the shape of code, a fifth of the program: every start would read it. undici's parsers in WebAssembly
 * become files of bytes, of which a run reads the one that it needs; the others are loaded as they are.
 */
function dataApart() {
  const data =
    /[\\/](?:undici[\\/]lib[\\/](?:llhttp[\\/]llhttp(?:_simd)?-wasm|milo[\\/](?:no-)?simd)\.js|mime-db[\\/]db\.json)$/;
  const put = (/** @type {string} */ name, /** @type {string | Buffer} */ content) => {
    fs.mkdirSync(`${aside}/parts`, { recursive: true });
    fs.writeFileSync(`${aside}/parts/${name}`, content);
  };
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'data-apart',
    setup(build) {
      build.onLoad({ filter: data }, async ({ path: file }) => {
        const source = await fs.promises.readFile(file, 'utf8');
        const name = `${path.basename(path.dirname(file))}-${path.basename(file, path.extname(file))}`;
        const bytes = /^const wasmBase64 = '([^']+)'$/m.exec(source)?.[1];
        if (bytes !== undefined) {
          put(`${name}.bin`, Buffer.from(bytes, 'base64'));
          const url = `new URL('../parts/${name}.bin', __url)`;
          return {
            contents: `module.exports = process.getBuiltinModule('node:fs').readFileSync(${url});`,
            loader: 'js',
          };
        }
        const part = `${name}${file.endsWith('.json') ? '.json' : '.cjs'}`;
        put(part, source);
        return { contents: `module.exports = __load('../parts/${part}');`, loader: 'js' };
      });
    },
  };
  return plugin;
}

/**
 * oclif's modules are CommonJS and load one another, and some thirty packages, as soon as they are loaded; a command that
 * runs needs few of them. This puts off each load until something of the module is used.
 */
function lazyOclif() {
  const loads = /^const (\w+) = ((?:__importDefault|__importStar)?\(?require\("[^"]+"\)\)?);$/gm;
  const lazy = [
    'const __lazy = (load) => {',
    '  let module;',
    '  return new Proxy({}, { get: (_, name) => (module ??= load())[name] });',
    '};',
  ].join('\n');
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'lazy-oclif',
    setup(build) {
      build.onLoad({ filter: /[\\/]@oclif[\\/]core[\\/]lib[\\/].*\.js$/ }, async ({ path: file }) => {
        const source = await fs.promises.readFile(file, 'utf8');
        const contents = source.replace(loads, 'const $1 = __lazy(() => $2);');
        return { contents: contents.replace('"use strict";', `"use strict";\n${lazy}`), loader: 'js' };
      });
    },
  };
  return plugin;
}

/**
 * Code that imports a part of Node.js has each of its members looked at, and some of them load much more: some forty modules, a
 * fifth of a short run. Here a part is loaded when a member of it is used first.
 */
function lazyBuiltins() {
  // these are functions themselves, and there from the start
  const eager = /^node:(events|stream|process)$/;
  /** What is there without loading the part. @type {Readonly<Record<string, string>>} */
  const own = {
    // called far more often than it fails
    'node:assert': `(value, ...rest) => { if (!value) process.getBuiltinModule('node:assert')(value, ...rest); }`,
    // the part itself loads readline and what goes with that, and node:fs can do the same
    'node:fs/promises': `Object.fromEntries(
      ['access', 'link', 'lstat', 'mkdir', 'readdir', 'readFile', 'readlink', 'rename', 'stat'].map((name) => [
        name,
        (...args) => new Promise((resolve, reject) => {
          const done = (error, value) => (error ? reject(error) : resolve(value));
          process.getBuiltinModule('node:fs')[name](...args, done);
        }),
      ]),
    )`,
  };
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'lazy-builtins',
    setup(build) {
      const bare = new RegExp(`^(?:${builtinModules.join('|')})$`);
      const place = (/** @type {string} */ name) => ({ path: name, namespace: 'builtin', sideEffects: false });
      build.onResolve({ filter: /^node:/ }, ({ path: name }) => place(name));
      build.onResolve({ filter: bare }, ({ path: name }) => place(`node:${name}`));
      build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path: name }) => {
        const load = `process.getBuiltinModule('${name}')`;
        if (eager.test(name)) return { contents: `module.exports = ${load};` };
        const proxy = `new Proxy({}, { get: (_, member) => (loaded ??= ${load})[member] })`;
        return { contents: `let loaded;\nmodule.exports = Object.setPrototypeOf(${own[name] ?? '{}'}, ${proxy});` };
      });
    },
  };
  return plugin;
}

/**
 * undici's client loads HTTP/2, which we do not use, for one comparison Node.js's own HTTP client, and makes a tree of names that
 * spares long runs a little.
 */
function lazyUndici() {
  /** @type {Readonly<Record<string, ReadonlyArray<readonly [string | RegExp, string]>>>} */
  const changes = {
    'core/tree.js': [[/.*/s, 'module.exports = { tree: { lookup: () => null } }']],
    'core/util.js': [
      ["const { IncomingMessage } = require('node:http')", "const http = require('node:http')"],
      [
        'Object.getPrototypeOf(stream).constructor === IncomingMessage',
        "stream.constructor?.name === 'IncomingMessage' && Object.getPrototypeOf(stream).constructor === http.IncomingMessage",
      ],
    ],
    'dispatcher/client.js': [
      [
        "const connectH2 = require('./client-h2.js')",
        "const connectH2 = (...args) => require('./client-h2.js')(...args)",
      ],
      [
        /const getDefaultNodeMaxHeaderSize = .*?\n\n/s,
        'const getDefaultNodeMaxHeaderSize = () => http.maxHeaderSize\n\n',
      ],
    ],
    // V8 would compile the parser once more, for speed, after some hundred answers: a sixth of a short copy for what never pays
    'dispatcher/client-h1.js': [
      [
        "mod = new WebAssembly.Module(require('../llhttp/llhttp_simd-wasm.js'))",
        `const { setFlagsFromString } = require('node:v8')
        const flags = ['wasm-lazy-compilation', 'wasm-tier-up', 'wasm-dynamic-tiering']
        try {
          for (const flag of flags) setFlagsFromString('--no-' + flag)
          mod = new WebAssembly.Module(require('../llhttp/llhttp_simd-wasm.js'))
        } finally {
          // as they were: compiled code is kept with the flags that it was compiled with
          for (const flag of flags) setFlagsFromString('--' + flag)
        }`,
      ],
    ],
  };
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'lazy-undici',
    setup(build) {
      const filter = /[\\/]undici[\\/]lib[\\/](core[\\/](tree|util)|dispatcher[\\/]client(-h1)?)\.js$/;
      build.onLoad({ filter }, async ({ path: file }) => {
        const at = file.replaceAll(path.sep, '/').split('/undici/lib/')[1] ?? '';
        let contents = await fs.promises.readFile(file, 'utf8');
        for (const [from, to] of changes[at] ?? []) {
          const changed = contents.replace(from, () => to);
          if (changed === contents) throw new Error(`${at} of undici has changed: ${from} is not there`);
          contents = changed;
        }
        return { contents, loader: 'js' };
      });
    },
  };
  return plugin;
}

/**
 * The licence text of every package that went into the program.
 * @param {Pick<import('esbuild').Metafile, 'inputs'>} metafile
 */
function thirdPartyLicenses({ inputs }) {
  const folders = new Set(
    Object.keys(inputs).flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  const parts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const files = fs.readdirSync(folder).filter((file) => /^(licen[sc]e|notice|copying)/i.test(file));
    const texts = files.map((file) => fs.readFileSync(path.join(folder, file), 'utf8').trim());
    return `${name} ${version} (${license})\n\n${texts.join('\n\n') || 'The package carries no licence file.'}\n`;
  });
  return `dist/ includes code of these packages.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/**
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
function need(value) {
  if (value === undefined) throw new Error('not there');
  return value;
}
