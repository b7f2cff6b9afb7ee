// Builds dist/: the program as split ES modules with its dependencies inside, one entry a command, heavy parts in chunks of
// their own; and the library, whose dependencies stay outside.
// Plain JavaScript, for `npm ci` runs it before anything says which Node.js is there.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isFresh, sourceStamp, writeStamp } from '../bin/freshness.js';

const root = new URL('../', import.meta.url);
process.chdir(fileURLToPath(root));

/** Modules that cannot be part of a bundle: native ones, which may also be absent. */
const external = ['keytar'];

/**
 * What every command that runs needs, put into one chunk: many small files take longer to load than they take to run.
 * Everything that these import (other than by `import()`) goes with them.
 */
const core = [
  'src/cli/lean-run.ts',
  'src/cli/base-command.ts',
  'src/cli/flags.ts',
  'src/store/store.ts',
  '@oclif/core/args',
  '@oclif/core/flags',
];

/** Code in dependencies that calls `require` for parts of Node.js. */
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const withTypes = process.argv.includes('--types');
const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) process.exit(); // installed with --omit=dev: bin/run.js runs the sources
if (isFresh(root) && !withTypes) process.exit();

const stamp = sourceStamp(root);
// built aside and put in place in one go: nobody meets half a build, not even a second build at the same time
const aside = `.dist-${process.pid}`;
try {
  const metafile = await buildProgram();
  await buildLibrary();
  fs.writeFileSync(`${aside}/THIRD-PARTY-LICENSES.txt`, thirdPartyLicenses(metafile));
  if (withTypes) declareTypes();
  else if (fs.existsSync('dist/types')) fs.cpSync('dist/types', `${aside}/types`, { recursive: true });
  putInPlace();
  writeStamp(root, stamp);
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
    keepNames: false, // wrapping every function costs a twentieth of a run
    legalComments: 'none', // the licences of what is included are in dist/THIRD-PARTY-LICENSES.txt
    metafile: true,
    logLevel: 'warning',
  };
}

async function buildProgram() {
  const commands = fs.readdirSync('src/commands', { recursive: true, encoding: 'utf8' });
  const { metafile } = await need(esbuild).build({
    ...commonOptions(),
    entryPoints: [
      'src/cli/main.ts',
      ...commands.filter((file) => file.endsWith('.ts')).map((file) => `src/commands/${file}`),
    ],
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: requireBanner },
    plugins: [lazyOclif(), oneCore(await coreModules())],
  });
  return metafile;
}

/** Its dependencies are those of package.json, so that a program that has them too has them once. */
async function buildLibrary() {
  await need(esbuild).build({
    ...commonOptions(),
    entryPoints: ['src/index.ts'],
    chunkNames: 'library/[name]-[hash]',
    packages: 'external',
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

/** The modules of ours in {@link core}, and those that they import other than by `import()`. */
async function coreModules() {
  const { metafile } = await need(esbuild).build({
    ...commonOptions(),
    stdin: { contents: coreImports(), resolveDir: '.', sourcefile: 'core.js' },
    plugins: [lazyOclif()],
    write: false,
  });
  const modules = new Set();
  const visit = (/** @type {string} */ file) => {
    if (modules.has(file)) return;
    modules.add(file);
    for (const { path: imported, kind } of metafile.inputs[file]?.imports ?? []) {
      if (kind === 'import-statement') visit(imported);
    }
  };
  visit('core.js');
  return modules;
}

function coreImports() {
  return core.map((file) => `import '${file.startsWith('src/') ? `./${file}` : file}';`).join('\n');
}

/**
 * Makes every other module of ours import the core. All of them are loaded after it anyway, and esbuild puts into one chunk
 * what the same entries reach.
 * @param {Set<string>} modules
 */
function oneCore(modules) {
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'one-core',
    setup(build) {
      build.onResolve({ filter: /^sheaf:core$/ }, () => ({ path: 'core', namespace: 'sheaf', sideEffects: true }));
      build.onLoad({ filter: /.*/, namespace: 'sheaf' }, () => ({ contents: coreImports(), resolveDir: '.' }));
      build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: file }) => {
        const name = path.relative('.', file).replaceAll(path.sep, '/');
        if (!name.startsWith('src/') || modules.has(name)) return undefined;
        const source = await fs.promises.readFile(file, 'utf8');
        return { contents: `${source}\nimport 'sheaf:core';\n`, loader: 'ts' };
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
 * The licence text of every package that went into the program.
 * @param {import('esbuild').Metafile} metafile
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
