/** Every document that a command prints with --json, as a real run prints it, against its published schema. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DocumentName, documents, printedBy } from '../../src/cli/documents/index.ts';
import { sheafIn } from '../interop/tools.ts';
import { testFolder } from '../support/folders.ts';
import { checkDocument, checkProgress } from '../support/json-documents.ts';
import { withRegistry } from '../support/registry.ts';
import { writeKinds } from '../transports/support.ts';

const commands = new URL('../../src/commands/', import.meta.url);
const schemas = new URL('../../docs/schemas/', import.meta.url);

/** Runs with --json, for which `run` holds what is printed to its schema, and tells which one that was. */
async function scene(t: TestContext) {
  const folder = await testFolder(t);
  await writeKinds(join(folder, 'l'));
  await writeFile(join(folder, 'pw'), 'secret\n');
  const sheaf = sheafIn(folder, { SHEAF_SIGN_PASSPHRASE: 'secret' });
  const print = async (...args: string[]) => {
    const { code, stdout, stderr } = await sheaf.run(...args, '--json');
    return { name: checkDocument([...args, '--json'], stdout), document: JSON.parse(stdout), code, stderr };
  };
  return { folder, sheaf, print };
}

test('each command says which documents it prints', () => {
  const files = readdirSync(commands, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const ids = files.map((file) => file.slice(0, -'.ts'.length).replaceAll(/[\\/]/g, ':'));
  assert.deepEqual(Object.keys(printedBy).sort(), ids.filter((id) => id !== 'credential-helper').sort());
  const printed = Object.values(printedBy).flatMap((forms) => forms.map(({ document }) => document));
  const others = Object.keys(documents).filter((name) => !printed.some((document) => document === name));
  assert.deepEqual(others, ['failure', 'progress']);
});

test('each published schema says what every member is', () => {
  const unsaid = (name: string, part: unknown): string[] => {
    if (typeof part !== 'object' || part === null) return [];
    const { properties = {} } = part as { properties?: Record<string, object> };
    const here = Object.entries(properties).filter(([, member]) => !('description' in member || '$ref' in member));
    return [...here.map(([key]) => `${name}: ${key}`), ...Object.values(part).flatMap((inner) => unsaid(name, inner))];
  };
  const files = readdirSync(schemas).filter((file) => file.endsWith('.json'));
  assert.deepEqual(
    files,
    Object.keys(documents)
      .map((name) => `${name}.json`)
      .sort(),
  );
  assert.deepEqual(
    files.flatMap((file) => unsaid(file, JSON.parse(readFileSync(new URL(file, schemas), 'utf8')))),
    [],
  );
});

test('what is printed of lists, copies, images and signatures is as published', async (t) => {
  const { host } = await withRegistry(t);
  const { print } = await scene(t);
  const to = ['--tls-verify=false', `docker://${host}/ns/app:1`];
  const own = ['--sign-by-sigstore-private-key', 'sheaf.key'];
  const runs: ReadonlyArray<readonly [DocumentName, exitCode: number, ...argv: string[]]> = [
    ['manifest-create', 0, 'manifest', 'create', '--dry-run', 'app', 'oci:l:image'],
    ['manifest-create', 0, 'manifest', 'create', 'app', 'oci:l:image'],
    ['manifest-add', 0, 'manifest', 'add', '--dry-run', '--all', 'app', 'oci:l:zstd-list'],
    [
      'manifest-add',
      0,
      'manifest',
      'add',
      '--all',
      '--annotation',
      'a=b',
      '--features',
      'sse4',
      'app',
      'oci:l:zstd-list',
    ],
    ['manifest-add', 0, 'manifest', 'add', '--artifact', 'app', 'pw'],
    ['manifest-annotate', 0, 'manifest', 'annotate', '--index', '--annotation', 'a=b', 'app'],
    ['manifest-annotate', 0, 'manifest', 'annotate', '--os-version', '1', 'app', 'linux/arm64'],
    ['manifest-annotate', 0, 'manifest', 'annotate', '--dry-run', '--os-version', '2', 'app', 'linux/arm64'],
    ['manifest-tag', 0, 'manifest', 'tag', '--dry-run', 'app', 'other'],
    ['manifest-tag', 0, 'manifest', 'tag', 'app', 'other'],
    ['manifest-exists', 0, 'manifest', 'exists', 'app'],
    ['manifest-diff', 0, 'manifest', 'diff', 'app', 'oci:l:zstd-list'],
    ['manifest-diff', 1, 'manifest', 'diff', '--exit-code', 'oci:l:zstd-list', 'oci:l:artifact'],
    ['manifest-exists', 1, 'manifest', 'exists', 'nothing'],
    ['manifest-ls', 0, 'manifest', 'ls'],
    ['content', 0, 'manifest', 'inspect', 'app'],
    ['content', 0, 'manifest', 'inspect', '--raw', 'app'],
    ['tree', 0, 'manifest', 'inspect', '--tree', 'app'],
    ['manifest-remove', 0, 'manifest', 'remove', '--dry-run', 'app', 'linux/arm64'],
    ['manifest-remove', 0, 'manifest', 'remove', 'app', 'linux/arm64'],
    ['manifest-rm', 0, 'manifest', 'rm', '--dry-run', 'app'],
    ['key-generate', 0, 'key', 'generate', '--dry-run'],
    ['key-generate', 0, 'key', 'generate'],
    [
      'key-generate',
      0,
      'key',
      'generate',
      '--type=gpg',
      '--algorithm=ed25519',
      '--email=a@b.example',
      '--output-key-prefix=gpg',
    ],
    ['plan', 0, 'manifest', 'push', '--dry-run', ...own, 'app', ...to],
    ['plan', 0, 'manifest', 'push', '--dry-run', '--add-compression', 'zstd', 'app', ...to],
    ['transfer', 0, 'manifest', 'push', ...own, 'app', ...to],
    ['tree', 0, 'manifest', 'inspect', '--tree', ...to],
    ['plan', 0, 'image', 'copy', '--dry-run', '--all', ...to, `docker://${host}/ns/other:1`],
    ['transfer', 0, 'image', 'copy', '--all', ...to, `docker://${host}/ns/other:1`],
    ['plan', 0, 'image', 'copy', '--dry-run', '--all', ...to, `docker://${host}/ns/other:1`],
    ['plan', 0, 'image', 'copy', '--dry-run', '--dest-compress-format', 'zstd', 'oci:l:image', 'oci:c:app'],
    ['image', 0, 'image', 'inspect', 'oci:l:image'],
    ['image', 0, 'image', 'inspect', 'oci:l:artifact'],
    ['image', 0, 'image', 'inspect', '--list-tags', ...to],
    ['image', 0, 'image', 'inspect', '--platform', 'linux/amd64', ...to],
    ['content', 0, 'image', 'inspect', '--config', 'oci:l:image'],
    ['content', 0, 'image', 'inspect', '--raw', 'oci:l:image'],
    ['sign', 0, 'sign', '--dry-run', ...own, '--signature-store', 'bundle', ...to],
    ['sign', 0, 'sign', ...own, '--signature-store', 'bundle', ...to],
    ['verify', 0, 'verify', '--key', 'sheaf.pub', ...to],
    ['verify', 6, 'verify', '--key', 'gpg.pub', ...to],
    ['transfer', 0, 'image', 'copy', 'oci:l:image', 'oci:c:app'],
    ['transfer', 0, 'image', 'copy', 'oci:l:arm64', 'oci:c:app'],
    ['prune', 0, 'image', 'prune', '--unnamed', '--dry-run', 'oci:c'],
    ['prune', 0, 'image', 'prune', '--unnamed', 'oci:c'],
    ['store-path', 0, 'store', 'path'],
    ['store-ls', 0, 'store', 'ls'],
    ['store-verify', 0, 'store', 'verify'],
    ['store-export', 0, 'store', 'export', '--tls-verify=false', '--dry-run', 'oci:e'],
    ['store-export', 0, 'store', 'export', '--tls-verify=false', 'oci:e'],
    ['manifest-rm', 0, 'manifest', 'rm', 'app', 'other'],
    ['store-gc', 0, 'store', 'gc', '--dry-run', '--forget'],
    ['store-gc', 0, 'store', 'gc', '--forget'],
  ];
  for (const [expected, exitCode, ...argv] of runs) {
    const { name, code, document } = await print(...argv);
    assert.deepEqual([name, code], [expected, exitCode], `${argv.join(' ')}: ${JSON.stringify(document)}`);
  }
});

test('what is printed of failures is as published, with what was done beside it', async (t) => {
  const { host } = await withRegistry(t);
  const { print } = await scene(t);
  const failed = async (...argv: string[]) => {
    const { name, document, code } = await print(...argv);
    assert.deepEqual([name, document.error.exitCode], ['failure', code]);
    return document;
  };
  await failed('manifest', 'creat');
  await failed('manifest', 'create');
  await failed('manifest', 'push', '--nothing', 'app');
  const { error } = await failed('image', 'inspect', '--tls-verify=false', `docker://${host}/ns/app:1`);
  assert.deepEqual([error.kind, error.status], ['not-found', undefined]);
  assert.equal(
    (await failed('image', 'copy', '--retry', '0', 'oci:l:image', 'docker://127.0.0.1:1/a')).error.side,
    'destination',
  );
  await print('manifest', 'create', 'app');
  assert.equal((await failed('manifest', 'rm', 'app', 'nothing')).deleted.length, 1);
});

test('the lines of --progress json are as published', async (t) => {
  const { sheaf } = await scene(t);
  const { stderr } = await sheaf.run('image', 'copy', '--progress', 'json', '--all', 'oci:l:zstd-list', 'dir:d');
  const types = checkProgress(stderr);
  assert.equal(types[0], 'plan');
  assert.deepEqual([...new Set(types)].sort(), ['plan', 'step-end', 'step-progress', 'step-start']);
  const debugged = ['--progress', 'json', '--log-level', 'debug', '--retry', '1', '--retry-delay', '1ms'];
  const failed = await sheaf.run('image', 'copy', ...debugged, 'oci:l:image', 'docker://127.0.0.1:1/a');
  const told = checkProgress(failed.stderr);
  assert.equal(told.at(-1), 'error');
  assert.deepEqual([...new Set(told)].sort(), ['error', 'request', 'retry']);
});
