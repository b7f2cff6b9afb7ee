/**
 * What goes wrong outside of sheaf: each case has its exit code, and a message that names what, where, and what to do.
 * Commands run in processes of their own, against the embedded registry with faults.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  blobOf,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
  writeFixtureLayout,
} from '../../fixtures/images.ts';
import { exitCodes } from '../../src/foundation/errors.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { onSmallDisk } from '../support/disks.ts';
import {
  answer,
  changedByte,
  cutAfterDone,
  cutBeforeHeaders,
  cutRequestBodyAfter,
  cutResponseBodyAfter,
  htmlAnswer,
  oversizeBody,
  serverError,
  tooManyRequests,
  truncatedBody,
  unauthorized,
  wrongContentDigest,
} from '../support/fault-kinds.ts';
import type { Fault, Pattern } from '../support/faults.ts';
import { testFolder } from '../support/folders.ts';
import { run } from '../support/peers.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

interface Scene {
  sheaf: Sheaf;
  registry: TestRegistry;
  /** `docker://` and so on, of an image that is all right. */
  image: string;
}

async function scene(t: TestContext): Promise<Scene> {
  const registry = await withRegistry(t);
  await pushFixtureImage(
    registry.url,
    'src/app',
    await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } }),
    'amd64',
  );
  registry.faults.reset();
  const sheaf = sheafIn(join(await testFolder(t), 'home'));
  return { sheaf, registry, image: `docker://${registry.host}/src/app:amd64` };
}

/** The message must name `names`, and a hint must say what to do. */
async function expectFailure(
  sheaf: Sheaf,
  status: number,
  names: readonly (string | RegExp)[],
  ...args: string[]
): Promise<void> {
  const ran = await sheaf.fails(status, ...args);
  assert.equal(ran.stdout, '', 'stdout holds results only');
  for (const name of names) {
    if (typeof name === 'string') assert.ok(ran.stderr.includes(name), `"${name}" is not in: ${ran.stderr}`);
    else assert.match(ran.stderr, name);
  }
  assert.match(ran.stderr, /^hint: \S/m);
  assert.doesNotMatch(ran.stderr, /^\s+at .*\(/m, 'no stack trace');
}

const program = join(import.meta.dirname, '..', '..', 'bin', 'run.js');
const plain = '--tls-verify=false';
const quick = ['--retry=1', '--retry-delay=1ms'];

describe('what a person types', () => {
  const cases: ReadonlyArray<readonly [string, number, ReadonlyArray<string | RegExp>, readonly string[]]> = [
    [
      'a list that is not there',
      exitCodes['not-found'],
      ['nosuch'],
      ['manifest', 'push', 'nosuch', 'docker://127.0.0.1:1/a:b'],
    ],
    ['help for what is no command', exitCodes.usage, ['"nothing"', '"sheaf --help"'], ['help', 'nothing']],
    [
      'a command that its topic does not have',
      exitCodes.usage,
      ['"registry start"', '"sheaf registry --help"'],
      ['registry', 'start'],
    ],
    [
      'a file for a passphrase that is not there',
      exitCodes['not-found'],
      ['the passphrase file /nonexistent'],
      ['key', 'generate', '--passphrase-file', '/nonexistent'],
    ],
    [
      'a field of an instance, for the index',
      exitCodes.usage,
      ['--subject is not compatible with --os', 'leave --subject away'],
      ['manifest', 'annotate', '--subject', 'x', '--os', 'linux', 'l'],
    ],
    ['an empty name', exitCodes.usage, ['it is empty', 'app:1.0'], ['manifest', 'create', '']],
    [
      'an image in another place for the name of a list',
      exitCodes.usage,
      ['"oci:x"', 'oci:', 'localhost/oci:x'],
      ['manifest', 'create', 'oci:x'],
    ],
    [
      'a folder for the name of a list',
      exitCodes.usage,
      ['"dir:/tmp/x"', 'app:1.0'],
      ['manifest', 'create', 'dir:/tmp/x'],
    ],
    [
      'an ID for the name of a list',
      exitCodes.usage,
      ['that is a digest'],
      ['manifest', 'create', `sha256:${'a'.repeat(64)}`],
    ],
    [
      'an image in another place for one more name',
      exitCodes.usage,
      ['"dir:1"', 'localhost/dir:1'],
      ['manifest', 'tag', 'l', 'm', 'dir:1'],
    ],
    [
      'a word for a number',
      exitCodes.usage,
      ['--retry: expected an integer but received: x', 'sheaf manifest push --help'],
      ['manifest', 'push', '--retry=x', 'a', 'docker://127.0.0.1:1/a:b'],
    ],
    [
      'an address that is not of this machine',
      exitCodes.storage,
      ['192.0.2.1', '127.0.0.1'],
      ['registry', 'serve', '--host=192.0.2.1', '--port=0'],
    ],
    [
      'a reference with capitals',
      exitCodes.usage,
      ['UPPER/case'],
      ['manifest', 'create', 'l', 'docker://quay.io/UPPER/case:1'],
    ],
    [
      'a digest that is none',
      exitCodes.usage,
      ['sha256:abc'],
      ['manifest', 'create', 'l', 'docker://quay.io/a/b@sha256:abc'],
    ],
    [
      'a platform that is none',
      exitCodes.usage,
      ['linux/a b'],
      ['manifest', 'create', '--platform', 'linux/a b', 'l', 'quay.io/a/b'],
    ],
    ['an unknown transport', exitCodes.usage, ['nope'], ['manifest', 'create', 'l', 'nope://a/b']],
    [
      'an address of a browser',
      exitCodes.usage,
      ['docker://127.0.0.1:5000/a/b:1', '--tls-verify=false'],
      ['image', 'inspect', 'http://127.0.0.1:5000/a/b:1'],
    ],
    ['a layout as regctl names it', exitCodes.usage, ['oci:images:1'], ['image', 'inspect', 'ocidir://images:1']],
    [
      'a misspelt transport',
      exitCodes.usage,
      ['oci-archve', 'oci-archive:x.tar'],
      ['image', 'inspect', 'oci-archve:x.tar'],
    ],
    ['a misspelt transport with a path', exitCodes.usage, ['"ocl"', 'oci:/tmp/x'], ['image', 'inspect', 'ocl:/tmp/x']],
    ['a path for an image', exitCodes.usage, ['./x', 'oci:FOLDER'], ['image', 'inspect', './x']],
    [
      'a folder for a file',
      exitCodes.storage,
      ['/tmp'],
      ['image', 'copy', '--digestfile', '/tmp', 'oci:/nonexistent', 'oci:/tmp/x'],
    ],
    [
      'a file below a file',
      exitCodes.storage,
      ['/dev/null is a file'],
      ['manifest', 'push', '--digestfile', '/dev/null/a/b', 'l', 'oci:/tmp/x'],
    ],
    ['a transport for later', exitCodes.unsupported, ['tarball:'], ['manifest', 'create', 'l', 'tarball:/tmp/x']],
    [
      'an annotation without a value',
      exitCodes.usage,
      ['no value given for annotation "hoge"'],
      ['manifest', 'create', '--annotation', 'hoge', 'l'],
    ],
    ['an unknown flag', exitCodes.usage, ['--annotatoin'], ['manifest', 'create', '--annotatoin', 'a=b', 'l']],
    [
      '--amend with --replace',
      exitCodes.usage,
      ['mutually exclusive'],
      ['manifest', 'create', '--amend', '--replace', 'l'],
    ],
    [
      'flags that exclude each other',
      exitCodes.usage,
      ['--raw and --tree are mutually exclusive', 'Leave one'],
      ['manifest', 'inspect', '--raw', '--tree', 'l'],
    ],
    [
      'a flag that needs another',
      exitCodes.usage,
      ['--tls-cert requires --tls-key', 'Add --tls-key'],
      ['registry', 'serve', '--tls-cert', '/tmp/x'],
    ],
    [
      'how to sign, but nobody who signs',
      exitCodes.usage,
      ['--signature-store', 'nobody was asked to sign', '--sign-by-sigstore-private-key'],
      ['image', 'copy', '--signature-store', 'bundle', 'oci:/nonexistent', 'docker://127.0.0.1:1/a:1'],
    ],
    [
      'a layout that is not there',
      exitCodes['not-found'],
      ['/nonexistent'],
      ['manifest', 'create', 'l', 'oci:/nonexistent:x'],
    ],
    ['a format that is none', exitCodes.usage, ['v3'], ['manifest', 'push', '--format', 'v3', 'l', 'oci:/tmp/x']],
    [
      'an expectation that is no digest',
      exitCodes.usage,
      ['--expect-digest: "latest" is neither a digest', 'sha256:', 'or absent'],
      ['image', 'copy', '--expect-digest', 'latest', 'oci:/tmp/x', 'oci:/tmp/y'],
    ],
    [
      'a flag that waits for its issue',
      exitCodes.usage,
      ['--sign-by-sq-fingerprint', 'not supported yet'],
      ['manifest', 'push', '--sign-by-sq-fingerprint', 'AB12', 'l', 'oci:/tmp/x'],
    ],
    [
      'an auth file that is not there',
      exitCodes['not-found'],
      ['/nonexistent.json'],
      ['manifest', 'create', '--authfile', '/nonexistent.json', 'l', 'docker://127.0.0.1:1/a:b'],
    ],
  ];
  for (const [name, status, names, args] of cases) {
    it(name, async (t) => {
      const sheaf = sheafIn(join(await testFolder(t), 'home'));
      await expectFailure(sheaf, status, names, ...args);
      // nothing is made by a command that failed
      assert.equal((await sheaf.run('manifest', 'exists', 'l')).code, 1);
    });
  }

  it('a destination that does not name what is expected of it', async (t) => {
    const folder = await testFolder(t);
    const sheaf = sheafIn(join(folder, 'home'));
    const to = `oci:${join(folder, 'layout')}:1`;
    await sheaf.ok('manifest', 'create', 'l');
    await expectFailure(
      sheaf,
      exitCodes.conflict,
      [to, 'names nothing', `sha256:${'a'.repeat(64)}`, '--expect-digest absent'],
      ...['manifest', 'push', '--expect-digest', `sha256:${'a'.repeat(64)}`, 'l', to],
    );
    await sheaf.ok('manifest', 'push', '--expect-digest', 'absent', 'l', to);
    await sheaf.ok('manifest', 'create', '--annotation', 'a=b', 'other');
    await expectFailure(
      sheaf,
      exitCodes.conflict,
      [to, 'names sha256:', 'and not nothing'],
      ...['manifest', 'push', '--expect-digest', 'absent', 'other', to],
    );
  });

  it('a name that is in use', async (t) => {
    const sheaf = sheafIn(join(await testFolder(t), 'home'));
    await sheaf.ok('manifest', 'create', 'l');
    await expectFailure(sheaf, exitCodes.conflict, ['already in use', '"l"'], 'manifest', 'create', 'l');
  });

  it('lists that are not there do not hide what became of the others', async (t) => {
    const sheaf = sheafIn(join(await testFolder(t), 'home'));
    const { id } = JSON.parse(await sheaf.ok('manifest', 'create', '--json', 'l'));
    const rm = async (status: number, ...names: string[]): Promise<Record<string, unknown>> => {
      const { code, stdout } = await sheaf.run('manifest', 'rm', '--json', ...names);
      assert.equal(code, status);
      return JSON.parse(stdout);
    };
    const { error, ...done } = await rm(3, 'none', 'l');
    assert.equal((error as Record<string, unknown>)['code'], 'LIST_NOT_FOUND');
    assert.deepEqual(done, { untagged: ['localhost/l:latest'], deleted: [id], dryRun: false });
    const several = await sheaf.ok('manifest', 'create', 'm');
    await sheaf.ok('manifest', 'tag', 'm', 'n');
    await sheaf.ok('manifest', 'create', 'l');
    const conflict = await rm(5, 'l', several);
    assert.deepEqual(conflict['untagged'], ['localhost/l:latest']);
  });

  it('a platform that two instances claim: told when added, refused when it must be one', async (t) => {
    const { sheaf, registry, image } = await scene(t);
    const twin = await fixtureImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ other: 'content' }],
    });
    await pushFixtureImage(registry.url, 'src/app', twin, 'twin');
    await sheaf.ok('manifest', 'create', plain, 'l', image);
    const added = await sheaf.run('manifest', 'add', plain, 'l', `docker://${registry.host}/src/app:twin`);
    assert.equal(added.code, 0);
    assert.match(added.stderr, /2 instances claim the platform linux\/amd64/);
    await expectFailure(
      sheaf,
      exitCodes.conflict,
      ['linux/amd64', twin.manifest.digest],
      'manifest',
      'remove',
      'l',
      'linux/amd64',
    );
    await expectFailure(
      sheaf,
      exitCodes.conflict,
      ['linux/amd64 is claimed by 2 instances', 'linux/s390x is missing'],
      ...[
        'manifest',
        'push',
        plain,
        '--require',
        'linux/amd64',
        '--require',
        'linux/s390x',
        'l',
        `docker://${registry.host}/dst/app:1`,
      ],
    );
    assert.deepEqual(registry.faults.seen({ path: /dst\/app/ }), [], 'nothing was sent');
  });
});

describe('what a machine has', () => {
  it('files of an artifact that cannot be read', {
    skip: process.platform !== 'linux' && 'needs a file that not even root can read',
  }, async (t) => {
    const sheaf = sheafIn(await testFolder(t));
    await sheaf.ok('manifest', 'create', 'app');
    await writeFile(join(sheaf.folder, 'notes'), 'notes');
    for (const args of [
      ['app', '/proc/self/mem'],
      ['--artifact-layer-type', 'text/plain', 'app', '/proc/self/mem'],
      ['--artifact-config', '/proc/self/mem', 'app', 'notes'],
    ]) {
      const { stderr } = await sheaf.fails(exitCodes.storage, 'manifest', 'add', '--artifact', ...args);
      assert.match(stderr, /^Error: cannot read \/proc\/self\/mem: /);
    }
  });

  it('settings without an end, and a policy from a pipe', {
    skip: process.platform === 'win32' && 'needs /dev',
  }, async (t) => {
    const sheaf = sheafIn(await testFolder(t));
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    await writeFixtureLayout(join(sheaf.folder, 'l'), { app: image });
    const copy = ['image', 'copy', '-q', 'oci:l:app', 'oci:to', '--policy'];
    await expectFailure(sheaf, exitCodes.storage, ['/dev/zero', 'more than'], ...copy, '/dev/zero');
    await expectFailure(sheaf, exitCodes.storage, ['/dev/zero', 'more than'], 'verify', 'oci:l', '--key', '/dev/zero');
    const env = { ...process.env, HOME: sheaf.folder, SHEAF_HOME: join(sheaf.folder, 'store') };
    const policy = '{"default":[{"type":"insecureAcceptAnything"}]}';
    const piped = ['-c', `printf %s '${policy}' | "$0" "$@"`, process.execPath, program, ...copy, '/dev/stdin'];
    const ran = await run('sh', piped, { cwd: sheaf.folder, env });
    assert.equal(ran.code, 0, ran.stderr);
  });

  it('a folder for the digest, or for digest pairs, that nobody may write to, before anything is copied', async (t) => {
    const folder = await testFolder(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } });
    await writeFixtureLayout(join(folder, 'images'), { app: image });
    const out = onSmallDisk(
      t,
      join(folder, 'disk'),
      `
      copy() { "$NODE" "$PROGRAM" image copy -q "$@" "oci:$WORK/images:app" "oci:$WORK/out" 2>&1 || echo "ended with $?"; }
      ln -s "$D/digest" "$WORK/link"
      mount -o remount,ro "$D"
      copy --digestfile "$D/digest" | grep -v hint
      copy --digestfile "$WORK/link" | grep -v hint
      copy --digestfile "$D/new/digest" | grep -v hint
      copy --dest-compress-format zstd --digest-pairs "$D/pairs" | grep -v hint
      ls "$WORK"
      `,
      { PROGRAM: program, WORK: folder, SHEAF_HOME: join(folder, 'store') },
    );
    if (out === undefined) return;
    const refused = (path: string) => [
      `Error: cannot write ${path}: EROFS: read-only file system, access '${join(folder, 'disk')}'`,
      'ended with 9',
    ];
    assert.deepEqual(out.trim().split('\n'), [
      ...refused(join(folder, 'disk/digest')),
      ...refused(join(folder, 'link')),
      ...refused(join(folder, 'disk/new/digest')),
      ...refused(join(folder, 'disk/pairs')),
      ...['disk', 'images', 'link'],
    ]);
  });

  it('few open files for a list of many images', {
    skip: process.platform === 'win32' && 'needs ulimit',
  }, async (t) => {
    const sheaf = sheafIn(await testFolder(t));
    const images = await Promise.all(
      Array.from({ length: 160 }, (_, index) =>
        fixtureImage({ platform: { os: 'linux', architecture: 'arm', variant: `v${index}` } }),
      ),
    );
    await writeFixtureLayout(join(sheaf.folder, 'l'), Object.fromEntries(images.map((image, i) => [`i${i}`, image])), {
      list: fixtureIndex(images),
    });
    await sheaf.ok('manifest', 'create', '--all', 'many', 'oci:l:list');
    const env = { ...process.env, HOME: sheaf.folder, SHEAF_HOME: join(sheaf.folder, 'store') };
    // as a list from the store, and as an index from files
    for (const args of [
      ['manifest', 'push', 'many', 'oci:a'],
      ['image', 'copy', '--all', 'oci:l:list', 'oci:b'],
    ]) {
      const command = ['-c', 'ulimit -n 128 && exec "$0" "$@"', process.execPath, program, ...args];
      const ran = await run('sh', command, { cwd: sheaf.folder, env });
      assert.equal(ran.code, 0, ran.stderr);
    }
  });
});

describe('what a registry holds', () => {
  const manifest = 'application/vnd.oci.image.manifest.v1+json';
  const index = 'application/vnd.oci.image.index.v1+json';
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 };
  const cases: ReadonlyArray<readonly [string, number, string | RegExp, string, string]> = [
    ['truncated JSON', exitCodes.integrity, /JSON/, manifest, '{"schemaVersion":2,"config":{'],
    [
      'a document that could be two things',
      exitCodes.integrity,
      /ambiguous/,
      index,
      JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [], layers: [], config: empty }),
    ],
    [
      'a type that nobody knows',
      exitCodes.integrity,
      'application/vnd.example',
      'application/vnd.example',
      '{"something":2}',
    ],
    [
      'an index with a digest that is none',
      exitCodes.integrity,
      'manifests[0].digest',
      index,
      JSON.stringify({
        schemaVersion: 2,
        mediaType: index,
        manifests: [{ mediaType: manifest, digest: 'sha256:x', size: 1 }],
      }),
    ],
    [
      'an index whose manifests are no list',
      exitCodes.integrity,
      'manifests',
      index,
      JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: 7 }),
    ],
  ];
  for (const [name, status, problem, type, body] of cases) {
    it(name, async (t) => {
      const { sheaf, registry } = await scene(t);
      const { digest } = blobOf(type, Buffer.from(body));
      registry.faults.on(
        { method: 'GET', path: /manifests\/bad/ },
        answer(200, { 'content-type': type, 'docker-content-digest': digest }, body),
      );
      const image = `docker://${registry.host}/src/app:bad`;
      await expectFailure(sheaf, status, [problem, registry.host], 'manifest', 'create', plain, '--all', 'l', image);
      assert.equal((await sheaf.run('manifest', 'exists', 'l')).code, 1);
    });
  }

  it('a tag that is not there', async (t) => {
    const { sheaf, registry } = await scene(t);
    await expectFailure(
      sheaf,
      exitCodes['not-found'],
      [`${registry.host}/src/app:absent`],
      'manifest',
      'create',
      plain,
      'l',
      `docker://${registry.host}/src/app:absent`,
    );
  });

  it('a multi-platform image without the platform', async (t) => {
    const { sheaf, registry } = await scene(t);
    const image = await fixtureImage({ platform: { os: 'linux', architecture: 's390x' } });
    await pushFixtureImage(registry.url, 'src/app', image);
    await pushFixtureManifest(registry.url, 'src/app', fixtureIndex([image]), 'multi');
    const multi = `docker://${registry.host}/src/app:multi`;
    await expectFailure(
      sheaf,
      exitCodes['not-found'],
      ['arm64', 'linux/s390x'],
      'manifest',
      'create',
      plain,
      '--platform',
      'linux/arm64',
      'l',
      multi,
    );
  });
});

describe('what a registry does', () => {
  const reading: Pattern = { method: 'GET', path: /manifests\/amd64/ };
  const cases: ReadonlyArray<readonly [string, number, ReadonlyArray<string | RegExp>, Pattern, Fault]> = [
    ['a manifest over 4 MiB', exitCodes.integrity, [/4194304|4 MiB/], reading, oversizeBody(4 * 1024 * 1024 + 1)],
    [
      'a manifest over 4 MiB without a length',
      exitCodes.integrity,
      [/4194304|4 MiB/],
      reading,
      oversizeBody(4 * 1024 * 1024 + 1, { chunked: true }),
    ],
    ['another digest than it says', exitCodes.integrity, ['sha256:'], reading, wrongContentDigest()],
    ['a web page', exitCodes.registry, [/web page|HTML/i], reading, htmlAnswer(200)],
    ['an error page', exitCodes.registry, ['502'], reading, htmlAnswer(502)],
    ['401 for ever', exitCodes.auth, [], reading, unauthorized('Basic realm="test"')],
    ['429 for ever, without Retry-After', exitCodes.registry, ['429'], reading, tooManyRequests()],
    ['429 for ever, with Retry-After', exitCodes.registry, ['429'], reading, tooManyRequests(0)],
    ['500 for ever', exitCodes.registry, ['500'], reading, serverError(500)],
    ['cut before the answer', exitCodes.registry, [], reading, cutBeforeHeaders()],
    ['cut within the answer', exitCodes.registry, [], reading, cutResponseBodyAfter(20)],
    ['an answer that ends early', exitCodes.integrity, [], reading, truncatedBody(20)],
  ];
  for (const [name, status, names, pattern, fault] of cases) {
    it(`${name}: create fails and makes nothing`, async (t) => {
      const { sheaf, registry, image } = await scene(t);
      registry.faults.on(pattern, fault);
      await expectFailure(sheaf, status, [registry.host, ...names], 'manifest', 'create', plain, ...quick, 'l', image);
      assert.equal((await sheaf.run('manifest', 'exists', 'l')).code, 1);
    });
  }

  it('401 without credentials says how to give them', async (t) => {
    const { sheaf, registry, image } = await scene(t);
    registry.faults.on(reading, unauthorized('Bearer realm="http://127.0.0.1:1/token",service="x"'));
    await expectFailure(
      sheaf,
      exitCodes.registry,
      [/127\.0\.0\.1:1/],
      'manifest',
      'create',
      plain,
      ...quick,
      'l',
      image,
    );
  });

  it('a config whose bytes are wrong', async (t) => {
    const { sheaf, registry, image } = await scene(t);
    registry.faults.on({ method: 'GET', path: /\/blobs\// }, changedByte(3));
    await expectFailure(
      sheaf,
      exitCodes.integrity,
      [registry.host, 'sha256:'],
      'manifest',
      'create',
      plain,
      'l',
      image,
    );
  });

  const pushes: ReadonlyArray<readonly [string, Pattern, Fault]> = [
    ['the blob upload cannot begin', { method: 'POST' }, cutBeforeHeaders()],
    ['the blob upload is cut', { method: ['PUT', 'PATCH'], path: /blobs\/uploads/ }, cutRequestBodyAfter(10)],
    ['the blob upload answers 500', { method: ['PUT', 'PATCH'], path: /blobs\/uploads/ }, serverError(500)],
    ['an instance is refused', { method: 'PUT', path: /manifests\/sha256:/ }, serverError(503)],
    ['an instance is cut', { method: 'PUT', path: /manifests\/sha256:/ }, cutBeforeHeaders()],
    ['the tag answers 429', { method: 'PUT', path: /manifests\/1$/ }, tooManyRequests()],
    ['the tag is cut', { method: 'PUT', path: /manifests\/1$/ }, cutBeforeHeaders()],
    ['the tag gets a web page', { method: 'PUT', path: /manifests\/1$/ }, htmlAnswer(503)],
  ];
  for (const [name, pattern, fault] of pushes) {
    it(`${name} for ever: no tag, one clear error, and the next run finishes`, async (t) => {
      const { sheaf, image } = await scene(t);
      const target = await withRegistry(t);
      await sheaf.ok('manifest', 'create', plain, 'l', image);
      const lift = target.faults.on(pattern, fault);
      const push = [
        'manifest',
        'push',
        plain,
        '-q',
        ...quick,
        '--digestfile',
        join(sheaf.folder, 'digest'),
        'l',
        `docker://${target.host}/dst/app:1`,
      ];
      await expectFailure(sheaf, exitCodes.registry, [target.host], ...push);
      assert.equal((await fetch(`${target.url}/v2/dst/app/manifests/1`)).status, 404);
      await assert.rejects(import('node:fs/promises').then((fs) => fs.stat(join(sheaf.folder, 'digest'))));
      lift();
      const digest = await sheaf.ok(...push);
      const there = await fetch(`${target.url}/v2/dst/app/manifests/1`);
      assert.equal(there.headers.get('docker-content-digest'), digest);
    });
  }

  it('once in a while: a push goes through all of it', async (t) => {
    const { sheaf, image } = await scene(t);
    const target = await withRegistry(t);
    await sheaf.ok('manifest', 'create', plain, 'l', image);
    target.faults.on({ method: 'HEAD', nth: 1 }, serverError(502));
    target.faults.on({ method: 'POST', nth: 1 }, tooManyRequests(0));
    target.faults.on({ method: ['PUT', 'PATCH'], path: /blobs\/uploads/, nth: 1 }, cutRequestBodyAfter(5));
    target.faults.on({ method: 'PUT', path: /manifests\/sha256:/, nth: 1 }, cutAfterDone());
    target.faults.on({ method: 'PUT', path: /manifests\/1$/, nth: 1 }, tooManyRequests(0));
    const digest = await sheaf.ok(
      'manifest',
      'push',
      plain,
      '-q',
      '--retry-delay=1ms',
      'l',
      `docker://${target.host}/dst/app:1`,
    );
    assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  });
});
