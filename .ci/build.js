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
 * What is put into one chunk, since many small files take longer to load than they take to run; everything that these
 * import (other than by `import()`) goes with them. `core`: what every command that runs needs. `transfer`: what every
 * command needs that reaches a registry.
 */
const groups = {
  core: [
    'src/cli/lean-run.ts',
    'src/cli/base-command.ts',
    'src/cli/flags.ts',
    'src/store/store.ts',
    '@oclif/core/args',
    '@oclif/core/flags',
  ],
  transfer: [
    'src/cli/registry-wiring.ts',
    'src/distribution/registry-pool.ts',
    'src/oci/platform.ts',
    'src/operations/copy-image.ts',
    'src/operations/find-image.ts',
    'src/operations/push-list.ts',
    'src/registry-config/certificate-dirs.ts',
    'src/registry-config/load-registries-conf.ts',
    'src/registry-config/registry-routes.ts',
    'src/registry-config/short-name-aliases.ts',
    'src/signing/policy/policy-files.ts',
    'src/transports/image-names.ts',
    'src/transports/docker/destination.ts',
    'src/transports/docker/source.ts',
    'src/transports/oci/source.ts',
    'src/transports/store/list-source.ts',
  ],
};

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
    // what is read at every start is a third smaller so; names stay, for stack traces
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false, // wrapping every function costs a twentieth of a run
    legalComments: 'none', // the licences of what is included are in dist/THIRD-PARTY-LICENSES.txt
    metafile: true,
    logLevel: 'warning',
  };
}

async function buildProgram() {
  const commands = fs.readdirSync('src/commands', { recursive: true, encoding: 'utf8' });
  const entryPoints = [
    'src/cli/main.ts',
    ...commands.filter((file) => file.endsWith('.ts')).map((file) => `src/commands/${file}`),
  ];
  const { metafile } = await need(esbuild).build({
    ...commonOptions(),
    entryPoints,
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: requireBanner },
    plugins: [lazyOclif(), inGroups(await groupsOf(entryPoints))],
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

/**
 * Which modules of ours are to import which groups, so that whoever loads a part of one loads all of it: esbuild puts into one
 * chunk what the same entries reach.
 * @param {string[]} entryPoints
 * @returns {Promise<Map<string, string[]>>}
 */
async function groupsOf(entryPoints) {
  const { metafile } = await need(esbuild).build({
    ...commonOptions(),
    entryPoints,
    plugins: [lazyOclif(), inGroups(new Map())],
    write: false,
  });
  const imports = (/** @type {string} */ file, /** @type {string} */ kind) =>
    (metafile.inputs[file]?.imports ?? []).flatMap((one) => (one.kind === kind ? one.path : []));
  const closure = (/** @type {readonly string[]} */ roots) => {
    const found = new Set();
    const visit = (/** @type {string} */ file) => {
      if (found.has(file)) return;
      found.add(file);
      imports(file, 'import-statement').forEach(visit);
    };
    roots.forEach(visit);
    return found;
  };
  // what a command loads on the way stays where it is: only what our own modules load by import() is an entry
  const entries = new Set([
    ...entryPoints,
    ...Object.keys(metafile.inputs).flatMap((file) => imports(file, 'dynamic-import')),
  ]);
  const ours = Object.keys(metafile.inputs).filter((file) => file.startsWith('src/'));
  const core = closure(groups.core.filter((root) => root.startsWith('src/')));
  const transfer = closure(groups.transfer);
  for (const file of core) transfer.delete(file);
  /** @type {Map<string, string[]>} */
  const wanted = new Map();
  for (const file of ours) {
    if (core.has(file)) continue;
    // a member imports its group only where it can be loaded by itself, and then last, when all that it needs is there
    const joins = transfer.has(file)
      ? entries.has(file)
      : [...closure([file])].some((reached) => transfer.has(reached));
    wanted.set(file, ['core', ...(joins ? ['transfer'] : [])]);
  }
  return wanted;
}

/**
 * @param {keyof typeof groups} group
 */
function importsOf(group) {
  return groups[group].map((file) => `import '${file.startsWith('src/') ? `./${file}` : file}';`).join('\n');
}

/**
 * Makes modules of ours import groups.
 * @param {Map<string, string[]>} wanted
 */
function inGroups(wanted) {
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'in-groups',
    setup(build) {
      build.onResolve({ filter: /^sheaf:/ }, ({ path: name }) => ({
        path: name.slice('sheaf:'.length),
        namespace: 'sheaf',
        sideEffects: true,
      }));
      build.onLoad({ filter: /.*/, namespace: 'sheaf' }, ({ path: name }) => ({
        contents: importsOf(name === 'core' ? 'core' : 'transfer'),
        resolveDir: '.',
      }));
      build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: file }) => {
        const joins = wanted.get(path.relative('.', file).replaceAll(path.sep, '/'));
        if (joins === undefined) return undefined;
        const source = await fs.promises.readFile(file, 'utf8');
        return { contents: [source, ...joins.map((name) => `import 'sheaf:${name}';`), ''].join('\n'), loader: 'ts' };
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
