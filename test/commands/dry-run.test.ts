/**
 * `--dry-run` of the commands that change lists and logins: it reads what a real run reads, fails where that fails, tells what
 * that does, and writes nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { changesDocument } from '../../src/cli/render/diff.ts';
import { diffIndexes } from '../../src/oci/diff-indexes.ts';
import { emptyIndex, type ImageIndex, parseIndex } from '../../src/oci/image-index.ts';
import { rawManifest } from '../../src/oci/manifest.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { putHelper } from '../credentials/support.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { basicAuth } from '../support/auth.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';
import { writeKinds } from '../transports/support.ts';

/** Every file below `folder` with its mode and what is in it, the database of the store included. */
async function everything(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of await readdir(folder, { recursive: true })) {
    const { mode } = await stat(join(folder, path));
    const isFile = (mode & 0o170000) === 0o100000;
    const content = isFile
      ? createHash('sha256')
          .update(await readFile(join(folder, path)))
          .digest('hex')
      : '';
    found[path] = `${mode.toString(8)} ${content}`;
  }
  return found;
}

/** Runs that must leave everything in `home` as it is; `dry` gives the document, `refused` the code of the failure. */
function rehearsals(sheaf: Sheaf, home: string) {
  const unchanged = async (...args: string[]) => {
    const before = await everything(home);
    const ran = await sheaf.run(...args);
    assert.deepEqual(await everything(home), before, args.join(' '));
    return ran;
  };
  return {
    async dry(...args: string[]) {
      const { code, stdout, stderr } = await unchanged(...args, '--dry-run', '--json');
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}${stdout}`);
      return JSON.parse(stdout);
    },
    async refused(...args: string[]) {
      const rehearsed = await unchanged(...args, '--dry-run', '--json');
      const real = await sheaf.run(...args, '--json');
      assert.equal(rehearsed.code, real.code, args.join(' '));
      const [error, expected] = [rehearsed, real].map(({ stdout }) => JSON.parse(stdout).error);
      // the system has other words for a folder that cannot be made than for one that cannot be written to
      if (error.code === 'AUTH_FILE_NOT_WRITTEN') error.message = expected.message;
      assert.deepEqual(error, expected, args.join(' '));
      return error.code as string;
    },
    text: async (...args: string[]) => (await unchanged(...args, '--dry-run')).stdout,
  };
}

async function scene(t: TestContext) {
  const home = await testFolder(t);
  const digests = await writeKinds(join(home, 'l'));
  await writeFile(join(home, 'sbom.json'), '{"a":1}\n');
  const sheaf = sheafIn(home);
  return { home, sheaf, digests, ...rehearsals(sheaf, home) };
}

/** The list in the OCI format: in which one it is pushed depends on what is on it. */
async function indexOf(sheaf: Sheaf, list: string): Promise<ImageIndex> {
  const { code, stdout } = await sheaf.run('manifest', 'inspect', '--raw', list);
  if (code !== 0) return emptyIndex(mediaTypes.ociIndex);
  return { ...parseIndex(rawManifest(Buffer.from(stdout))), mediaType: mediaTypes.ociIndex };
}

test('an edit of a list is told as the real run then makes it, and nothing is written before', async (t) => {
  const { sheaf, dry } = await scene(t);
  const edits: ReadonlyArray<readonly [list: string, ...argv: string[]]> = [
    ['app', 'create', 'app'],
    ['app', 'create', '--amend', '--annotation', 'k=v', 'app', 'oci:l:image'],
    ['app', 'add', '--all', '--annotation', 'a=b', 'app', 'oci:l:zstd-list'],
    ['app', 'add', 'app', 'oci:l:image'],
    [
      'app',
      'add',
      '--artifact',
      '--artifact-type',
      'text/x',
      '--annotation',
      'c=d',
      'app',
      'sbom.json',
      'l/oci-layout',
    ],
    ['app', 'add', '--artifact', '--artifact-config', 'sbom.json', '--artifact-exclude-titles', 'app', 'sbom.json'],
    ['app', 'annotate', '--annotation', 'org.example.tier=gold', '--os-version', '5', 'app', 'linux/arm64'],
    ['app', 'annotate', '--index', '--annotation', 'k-', '--annotation', 'l=w', 'app'],
    ['app', 'annotate', '--subject', 'oci:l:artifact', 'app'],
    ['app', 'annotate', '--annotation', 'c-', 'app', 'oci-layout'],
    ['app', 'remove', 'app', 'linux/arm64', 'oci-layout'],
    ['app', 'create', '--replace', '--all', 'app', 'oci:l:list'],
    ['new', 'create', '--platform', 'linux/arm64', 'new', 'oci:l:list'],
  ];
  for (const [list, ...argv] of edits) {
    const before = argv.includes('--replace') ? emptyIndex(mediaTypes.ociIndex) : await indexOf(sheaf, list);
    const { changes, ...told } = await dry('manifest', ...argv);
    const done = JSON.parse(await sheaf.ok('manifest', ...argv, '--json'));
    const isNew = told.id === null;
    assert.equal(isNew, argv[0] === 'create' && !argv.includes('--amend'), argv.join(' '));
    assert.deepEqual(told, { ...done, dryRun: true, ...(isNew ? { id: null } : {}) }, argv.join(' '));
    assert.deepEqual(
      changes,
      JSON.parse(JSON.stringify(changesDocument(diffIndexes(before, await indexOf(sheaf, list))))),
    );
  }
});

test('names are told as the real run then gives and takes them', async (t) => {
  const { sheaf, dry } = await scene(t);
  for (const name of ['app', 'other', 'third']) await sheaf.ok('manifest', 'create', name);
  for (const argv of [
    ['tag', 'app', 'app:2', 'other', 'app', 'app:2'],
    ['rm', 'app:2', 'app'],
    ['rm', '--ignore', 'third', 'third', 'other', 'nothing'],
  ]) {
    const told = await dry('manifest', ...argv);
    const done = JSON.parse(await sheaf.ok('manifest', ...argv, '--json'));
    assert.deepEqual(told, { ...done, dryRun: true }, argv.join(' '));
  }
  assert.equal(JSON.parse(await sheaf.ok('manifest', 'ls', '--json')).length, 1, 'the one that lost its name');
});

test('where nothing is kept yet, nothing is made', async (t) => {
  const { dry, text, refused } = await scene(t);
  assert.deepEqual((await dry('manifest', 'create', '--all', 'app', 'oci:l:list')).instances, 2);
  assert.equal(await text('manifest', 'create', 'app'), 'Plan: create localhost/app:latest with a random ID\n');
  assert.equal(await refused('manifest', 'add', 'app', 'oci:l:list'), 'LIST_NOT_FOUND');
  assert.equal(await refused('manifest', 'rm', 'app'), 'LIST_NOT_FOUND');
});

test('what is printed says what would be done', async (t) => {
  const { sheaf, text, digests } = await scene(t);
  const id = await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:list');
  const other = await sheaf.ok('manifest', 'create', 'other');
  const [, arm64] = (await indexOf(sheaf, 'app')).manifests;
  assert.equal(
    await text('manifest', 'create', '--replace', 'app', 'oci:l:image'),
    `Plan: create localhost/app:latest with a random ID, which takes the name from the list ${id}
  + linux/amd64  ${digests.image}
`,
  );
  assert.equal(
    await text('manifest', 'annotate', '--annotation', 'a=b', 'app', 'linux/arm64'),
    `Plan: annotate localhost/app:latest (${id})\n  ~ linux/arm64/v8\n    + annotation a: b\n`,
  );
  assert.equal(
    await text('manifest', 'annotate', '--index', '--annotation', 'a-', 'app'),
    `Plan: annotate localhost/app:latest (${id})\n  nothing changes on the list\n`,
  );
  assert.equal(
    await text('manifest', 'remove', 'app', 'linux/arm64'),
    `Plan: remove from localhost/app:latest (${id})\n  - linux/arm64/v8  ${arm64?.digest}\n`,
  );
  assert.equal(
    await text('manifest', 'add', 'app', 'oci:l:image'),
    `Plan: add to localhost/app:latest (${id})\n  ~ order of the instances\n`,
  );
  assert.equal(
    await text('manifest', 'tag', 'app', 'new', 'other', 'app'),
    `tag ${id} as localhost/new:latest
tag ${id} as localhost/other:latest, which the list ${other} loses
keep localhost/app:latest
`,
  );
  assert.equal(
    await text('manifest', 'rm', 'app', other),
    `untag localhost/app:latest
remove ${id}
untag localhost/other:latest
remove ${other}
`,
  );
});

test('it fails where the real run would, with the same words', async (t) => {
  const { sheaf, refused, text } = await scene(t);
  const { host } = await withRegistry(t);
  const far = ['--tls-verify=false', '--retry=0', `docker://${host}/absent:1`];
  await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:zstd-list');
  await sheaf.ok('manifest', 'tag', 'app', 'app:2');
  const id = await sheaf.ok('manifest', 'create', '--amend', 'app');
  for (const [code, ...argv] of [
    ['NAME_IN_USE', 'create', 'app'],
    ['CONFLICTING_FLAGS', 'create', '--amend', '--replace', 'app'],
    ['INVALID_REFERENCE', 'create', 'UPPER'],
    ['INVALID_REFERENCE', 'create', 'oci:x'],
    ['LIST_NOT_FOUND', 'add', 'absent', 'oci:l:image'],
    ['CONFLICTING_FLAGS', 'add', '--artifact-type', 'x', 'app', 'oci:l:image'],
    ['FILE_NOT_FOUND', 'add', '--artifact', 'app', 'absent'],
    ['LIST_NOT_FOUND', 'annotate', '--index', 'absent'],
    ['INSTANCE_NOT_FOUND', 'annotate', '--annotation', 'a=b', 'app', 'linux/s390x'],
    ['AMBIGUOUS_INSTANCE', 'annotate', '--annotation', 'a=b', 'app', 'linux/amd64'],
    ['CONFLICTING_FLAGS', 'annotate', '--index', '--os', 'linux', 'app'],
    ['INSTANCE_NOT_FOUND', 'remove', 'app', 'linux/s390x'],
    ['LIST_NOT_FOUND', 'tag', 'absent', 'x'],
    ['INVALID_REFERENCE', 'tag', 'app', 'good', 'UPPER'],
    ['LIST_HAS_SEVERAL_NAMES', 'rm', id],
    ['LIST_NOT_FOUND', 'rm', 'absent'],
  ] as const) {
    assert.equal(await refused('manifest', ...argv), code, argv.join(' '));
  }
  for (const argv of [
    ['create', ...far.slice(0, 2), 'x', ...far.slice(2)],
    ['add', ...far.slice(0, 2), 'app', ...far.slice(2)],
  ])
    assert.match(await refused('manifest', ...argv), /UNKNOWN|NOT_FOUND/);
  await assert.rejects(stat(join(sheaf.folder, 'store', 'good')));
  assert.match(await text('manifest', 'exists', 'good'), /^$/);
});

test('of several lists the real run removes those that are there, and so it is told', async (t) => {
  const { sheaf, home } = await scene(t);
  await sheaf.ok('manifest', 'create', 'app');
  const before = await everything(home);
  const rehearsed = await sheaf.run('manifest', 'rm', '--dry-run', '--json', 'app', 'absent', 'app');
  assert.deepEqual(await everything(home), before);
  const real = await sheaf.run('manifest', 'rm', '--json', 'app', 'absent', 'app');
  const [told, done] = [JSON.parse(rehearsed.stdout), JSON.parse(real.stdout)];
  assert.deepEqual([rehearsed.code, told.dryRun, done.dryRun], [real.code, true, false]);
  assert.deepEqual(
    [told.deleted, told.untagged, told.error.message],
    [done.deleted, done.untagged, done.error.message],
  );
});

test('images are read as for the real run, and platforms that two claim are told', async (t) => {
  const { sheaf, dry } = await scene(t);
  const registry = await withRegistry(t);
  const at = `docker://${registry.host}/app:1`;
  await sheaf.ok('image', 'copy', '--all', '--tls-verify=false', 'oci:l:list', at);
  await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:list');
  for (const argv of [
    ['create', '--tls-verify=false', 'new', at],
    ['add', '--tls-verify=false', 'app', at],
    ['add', '--artifact', '--tls-verify=false', '--artifact-subject', at, 'app', 'sbom.json'],
    ['annotate', '--tls-verify=false', '--subject', at, 'app'],
    ['remove', '--tls-verify=false', 'app', at],
  ]) {
    registry.faults.reset();
    await dry('manifest', ...argv);
    const read = registry.faults.log();
    registry.faults.reset();
    await sheaf.ok('manifest', ...argv);
    assert.ok(read.length > 0, argv.join(' '));
    assert.deepEqual(read, registry.faults.log(), argv.join(' '));
  }
  const { stderr } = await sheaf.run('manifest', 'add', '--dry-run', 'new', 'oci:l:zstd');
  assert.match(stderr, /2 instances claim the platform linux\/amd64/);
});

test('login asks the registry, tells where the login would be kept, and keeps it nowhere', async (t) => {
  const { host } = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  const home = await testFolder(t);
  const sheaf = sheafIn(home);
  const { dry, text, refused } = rehearsals(sheaf, home);
  const login = ['login', '--tls-verify=false', '--retry=0', '-u', 'alice'];
  const file = ['--authfile', 'auth.json', host];
  const right = ['login', '--tls-verify=false', '-u', 'alice', '-p', 'wonderland', ...file];
  assert.equal(await text(...right), `keep the credentials of alice for ${host} in auth.json\n`);
  const told = await dry(...right);
  assert.deepEqual(told, { registry: host, username: 'alice', keptIn: 'auth.json', dryRun: true });
  assert.equal(
    await refused(...login.filter((word) => !word.startsWith('--retry')), '-p', 'wrong', ...file),
    'UNAUTHORIZED',
  );
  await writeFile(join(home, 'file'), '');
  const below = right.map((word) => (word === 'auth.json' ? 'file/auth.json' : word));
  assert.equal(await refused(...below), 'AUTH_FILE_NOT_WRITTEN');
  await writeFile(join(home, 'broken.json'), '{');
  const broken = right.map((word) => (word === 'auth.json' ? 'broken.json' : word));
  assert.equal(await refused(...broken), 'AUTH_FILE_MALFORMED');
  assert.equal(await refused(...right, '--store', 'helper:not-installed'), 'CREDENTIAL_HELPER_NOT_FOUND');

  assert.deepEqual(JSON.parse(await sheaf.ok(...right, '--json')), { ...told, dryRun: false });
  const again = await dry('login', '--tls-verify=false', ...file);
  assert.equal(again.username, 'alice');
  const logout = ['logout', ...file];
  assert.equal(await text(...logout), `remove the credentials for ${host} from auth.json\n`);
  assert.equal(await text('logout', '--all', '--authfile', 'auth.json'), 'remove all credentials from auth.json\n');
  const gone = await dry(...logout);
  assert.deepEqual(JSON.parse(await sheaf.ok(...logout, '--json')), { ...gone, dryRun: false });
  assert.equal(await refused(...logout), 'NOT_LOGGED_IN');
});

test('a credential helper is asked and told nothing', async (t) => {
  const { host } = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  const home = await testFolder(t);
  const calls = join(await testFolder(t), 'calls');
  const body = `echo "$1" >> '${calls}'; [ "$1" = list ] && echo '{}' && exit; cat > /dev/null; [ "$1" = get ] && echo '{"Username":"u","Secret":"s"}'; exit 0`;
  await putHelper(join(home, 'bin'), 'seen', body);
  await writeFile(join(home, 'auth.json'), JSON.stringify({ auths: { [host]: { auth: 'YTpi' } }, credsStore: 'seen' }));
  await chmod(join(home, 'auth.json'), 0o600);
  const sheaf = sheafIn(home, { PATH: `${join(home, 'bin')}:${process.env['PATH']}` });
  const { dry } = rehearsals(sheaf, home);
  const file = ['--authfile', 'auth.json'];
  const login = await dry('login', '--tls-verify=false', '-u', 'alice', '-p', 'wonderland', ...file, host);
  assert.equal(login.keptIn, 'docker-credential-seen');
  assert.deepEqual((await dry('logout', ...file, host)).removedFrom, ['auth.json', 'docker-credential-seen']);
  assert.deepEqual((await dry('logout', '--all', ...file)).removedFrom, ['docker-credential-seen', 'auth.json']);
  assert.deepEqual([...new Set((await readFile(calls, 'utf8')).trim().split('\n'))], ['get']);
});
