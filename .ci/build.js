// Builds dist/: split ES modules, one entry a command, dependencies included, heavy parts in chunks of their own.
// Plain JavaScript, for `npm ci` runs it before anything says which Node.js is there.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceStamp, writeStamp } from '../bin/freshness.js';

const root = new URL('../', import.meta.url);
process.chdir(fileURLToPath(root));

/** Modules that cannot be part of a bundle: native ones, which may also be absent. */
const external = ['keytar'];

/** Code in dependencies that calls `require` for parts of Node.js. */
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) {
  // installed with --omit=dev: bin/run.js runs the sources
  process.exit();
}

const stamp = sourceStamp(root);
const entryPoints = [
  'src/cli/main.ts',
  ...(fs.existsSync('src/index.ts') ? ['src/index.ts'] : []),
  ...fs.readdirSync('src/commands', { recursive: true }).map((file) => `src/commands/${file}`),
].filter((file) => file.endsWith('.ts'));

clean();
const { metafile } = await esbuild.build({
  entryPoints,
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24.15',
  external,
  banner: { js: requireBanner },
  plugins: [lazyOclif()],
  keepNames: true,
  legalComments: 'none', // the licences of what is included are in dist/THIRD-PARTY-LICENSES.txt
  metafile: true,
  logLevel: 'warning',
}).catch(() => process.exit(1)); // esbuild has said why
fs.writeFileSync('dist/THIRD-PARTY-LICENSES.txt', thirdPartyLicenses(metafile));
if (process.argv.includes('--types')) declareTypes();
writeStamp(root, stamp);

/** Declarations are made for packing alone and outlive the builds that npm runs in between. */
function clean() {
  if (!fs.existsSync('dist')) return;
  for (const name of fs.readdirSync('dist')) {
    if (name !== 'types') fs.rmSync(path.join('dist', name), { recursive: true });
  }
}

function declareTypes() {
  fs.rmSync('dist/types', { recursive: true, force: true });
  const { status } = spawnSync('tsc', ['--project', '.ci/types.json'], { stdio: 'inherit', shell: true });
  if (status !== 0) process.exit(1);
}

/** The licence text of every package that went into the bundle. */
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
  return {
    name: 'lazy-oclif',
    setup(build) {
      build.onLoad({ filter: /[\\/]@oclif[\\/]core[\\/]lib[\\/].*\.js$/ }, async ({ path: file }) => {
        const source = await fs.promises.readFile(file, 'utf8');
        const contents = source.replace(loads, 'const $1 = __lazy(() => $2);');
        // function declarations are hoisted above everything, and so is this
        return { contents: contents.replace('"use strict";', `"use strict";\n${lazy}`), loader: 'js' };
      });
    },
  };
}
