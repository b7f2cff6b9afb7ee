/** Holds the source tree to the layering of docs/ARCHITECTURE.md. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/** Imports point from a higher rank to a lower one. Folders of one rank know nothing of each other. */
const ranks: Readonly<Record<string, number>> = {
  commands: 12,
  cli: 11,
  operations: 10,
  export: 9,
  copy: 8,
  assemble: 7,
  transports: 6,
  encryption: 6,
  signing: 5,
  store: 4,
  'registry-server': 4,
  credentials: 4,
  distribution: 4,
  'registry-config': 3,
  compression: 3,
  archive: 2,
  oci: 1,
  foundation: 0,
};

/** Packages that may be imported in these folders only. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  '@oclif/core': ['cli', 'commands'],
  undici: ['distribution'],
  keytar: ['credentials'],
  'tar-stream': ['archive'],
  '@noble/ciphers': ['signing'],
  '@sigstore/bundle': ['signing'],
  '@sigstore/protobuf-specs': ['signing'],
  '@sigstore/sign': ['signing'],
  '@sigstore/verify': ['signing'],
  openpgp: ['signing', 'encryption'],
  yaml: ['registry-config', 'signing'],
};

/** What a module of the domain may take from Node.js: nothing that reads or writes. */
const pureBuiltins = ['node:crypto', 'node:os', 'node:buffer', 'node:util'];
/** The one module of the domain that looks at the machine: which platform it is. */
const looksAtMachine = 'oci/host-platform.ts';

/** Every error class is public; of everything else the public surface says each name. */
const errorClasses = "export * from './foundation/errors.ts'";

interface Module {
  /** Path below src/, with forward slashes. */
  path: string;
  text: string;
  /** Specifiers of all imports: static, dynamic, of types alone. */
  imports: string[];
  /** Those that are loaded before the module itself runs: not of types alone, not by `import()`. */
  loads: string[];
}

const importPattern =
  /\b(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'|\bimport\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

function importsOf(text: string): string[] {
  return [...withoutComments(text).matchAll(importPattern)].flatMap(
    ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? [],
  );
}

function withoutTypeImports(text: string): string {
  return withoutComments(text).replaceAll(/^(import|export) type [^'"`;]*? from '[^']+';/gm, '');
}

function loadsOf(text: string): string[] {
  return importsOf(withoutTypeImports(text).replaceAll(/\bimport\(\s*'[^']+'/g, ''));
}

/** A template may hold a program of another process. */
function withoutTemplates(text: string): string {
  return withoutComments(text).replaceAll(/`[^`]*`/g, '');
}

const modules: Module[] = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(`${root}src/${path}`, 'utf8');
    return { path, text, imports: importsOf(text), loads: loadsOf(text) };
  });

function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '';
}

/** The module that a relative specifier names, as a path below src/. */
function target(module: Module, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(module.path), specifier)) : undefined;
}

function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function everyImport(check: (module: Module, specifier: string) => string | undefined): string[] {
  return modules.flatMap((module) => module.imports.flatMap((specifier) => check(module, specifier) ?? []));
}

describe('the parser of imports in this test', () => {
  it('sees every form of import', () => {
    const text = `import a from './a.ts';\nimport {\n  b,\n} from './b.ts';\nimport type { C } from './c.ts';\nimport './d.ts';
export { e } from './e.ts';\nexport * from './f.ts';\nconst g = await import('./g.ts');\n/** import x from './no.ts'; */\n// import './no.ts';`;
    assert.deepEqual(loadsOf(text), ['./a.ts', './b.ts', './d.ts', './e.ts', './f.ts']);
    assert.deepEqual(importsOf(text), ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts']);
  });
});

describe('the source tree', () => {
  it('has no folder without a rank', () => {
    const unknown = modules.map(({ path }) => folderOf(path)).filter((folder) => folder !== '' && !(folder in ranks));
    assert.deepEqual([...new Set(unknown)], []);
    assert.deepEqual(
      modules.filter(({ path }) => !path.includes('/') && path !== 'index.ts').map(({ path }) => path),
      [],
    );
  });

  it('imports downwards only', () => {
    const wrong = everyImport((module, specifier) => {
      const path = target(module, specifier);
      if (path === undefined || module.path === 'index.ts') return undefined;
      const [from, to] = [folderOf(module.path), folderOf(path)];
      if (from === to || (ranks[from] ?? 0) > (ranks[to] ?? 99)) return undefined;
      return `${module.path} imports ${specifier}`;
    });
    assert.deepEqual(wrong, []);
  });

  it('imports files that are there, with their extension', () => {
    const paths = new Set(modules.map(({ path }) => path));
    const wrong = everyImport((module, specifier) => {
      const path = target(module, specifier);
      return path === undefined || paths.has(path) || path.endsWith('.d.ts')
        ? undefined
        : `${module.path} imports ${specifier}`;
    });
    assert.deepEqual(wrong, []);
  });

  it('has no cycles between files that load each other', () => {
    const edges = new Map(
      modules.map((module) => [module.path, module.loads.flatMap((specifier) => target(module, specifier) ?? [])]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      const at = trail.indexOf(path);
      if (at >= 0) cycles.push([...trail.slice(at), path].join(' -> '));
      if (at >= 0 || done.has(path)) return;
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const { path } of modules) visit(path, []);
    assert.deepEqual(cycles, []);
  });

  it('keeps packages where they belong', () => {
    const wrong = everyImport((module, specifier) => {
      const name = packageOf(specifier);
      const homes = name === undefined ? undefined : packageHomes[name];
      return homes === undefined || homes.includes(folderOf(module.path))
        ? undefined
        : `${module.path} imports ${specifier}`;
    });
    assert.deepEqual(wrong, []);
  });

  it('puts off the loading of packages only where they are ES modules, for of others the build would find no names', () => {
    // keytar stays outside of the build, and undici's parts are taken by their default export
    const allowed = ['openpgp', '@noble/ciphers', 'smol-toml', 'keytar', 'undici'];
    const wrong = modules.flatMap(({ path, text }) =>
      [...withoutComments(text).matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].flatMap(([, specifier = '']) => {
        const name = packageOf(specifier);
        return name === undefined || allowed.includes(name) ? [] : [`${path} puts off ${specifier}`];
      }),
    );
    assert.deepEqual(wrong, []);
  });

  it('takes parts of oclif by name, for the whole of it is slow to load', () => {
    assert.deepEqual(
      everyImport((module, specifier) => (specifier === '@oclif/core' ? module.path : undefined)),
      [],
    );
  });

  it('runs no schema of what is printed, but takes the types of it: only the generator and tests need more', () => {
    const schemas = 'cli/documents/';
    const wrong = modules.flatMap((module) =>
      importsOf(withoutTypeImports(module.text)).flatMap((specifier) =>
        target(module, specifier)?.startsWith(schemas) && !module.path.startsWith(schemas)
          ? `${module.path} imports ${specifier}`
          : [],
      ),
    );
    assert.deepEqual(wrong, []);
  });

  it('does no input or output in the domain', () => {
    const wrong = everyImport((module, specifier) =>
      folderOf(module.path) === 'oci' &&
      module.path !== looksAtMachine &&
      specifier.startsWith('node:') &&
      !pureBuiltins.includes(specifier)
        ? `${module.path} imports ${specifier}`
        : undefined,
    );
    assert.deepEqual(wrong, []);
  });

  it('writes to the terminal in the terminal layer only', () => {
    const wrong = modules.filter(
      ({ path, text }) =>
        folderOf(path) !== 'cli' && /\bconsole\.|\bprocess\.(stdout|stderr|exit)\b/.test(withoutTemplates(text)),
    );
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  it('has one command a file below commands/, and nothing else', () => {
    const wrong = modules.filter(
      ({ path, text }) =>
        folderOf(path) === 'commands' && !/^export default class \w+ extends BaseCommand<typeof \w+> \{$/m.test(text),
    );
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
    const between = everyImport((module, specifier) =>
      folderOf(module.path) === 'commands' && folderOf(target(module, specifier) ?? '') === 'commands'
        ? `${module.path} imports ${specifier}`
        : undefined,
    );
    assert.deepEqual(between, []);
  });

  it('has a public surface that names what it exports and takes nothing from the terminal', () => {
    const index = modules.find(({ path }) => path === 'index.ts');
    assert.ok(index, 'src/index.ts is missing');
    const code = withoutComments(index.text).trim();
    for (const statement of code
      .split(';')
      .map((part) => part.trim())
      .filter(Boolean)) {
      if (statement === errorClasses) continue;
      assert.match(statement, /^export (type )?\{[^}]*\} from '\.\/(?!cli|commands)[^']+'$/);
    }
  });
});

describe('bin/', () => {
  it('knows the start of the program and nothing else of it', () => {
    for (const file of readdirSync(`${root}bin`)) {
      for (const specifier of importsOf(readFileSync(`${root}bin/${file}`, 'utf8'))) {
        assert.match(specifier, /^(node:.*|\.\/[a-z-]+\.js|\.\.\/src\/cli\/main\.ts)$/, `bin/${file}`);
      }
    }
  });
});
