/** `manifest diff` as a person meets it: text, exit status, two sides with their own ways in. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sheafIn } from '../interop/tools.ts';
import { basicAuth } from '../support/auth.ts';
import { testFolder } from '../support/folders.ts';
import { withRegistry } from '../support/registry.ts';
import { writeKinds } from '../transports/support.ts';

async function scene(t: TestContext) {
  const home = await testFolder(t);
  const digests = await writeKinds(join(home, 'l'));
  const sheaf = sheafIn(home);
  const instances = JSON.parse(await sheaf.ok('manifest', 'inspect', 'oci:l:zstd-list')) as {
    manifests: Array<{ digest: string }>;
  };
  const [amd64 = '', arm64 = '', zstd = ''] = instances.manifests.map(({ digest }) => digest);
  return { sheaf, home, digests, amd64, arm64, zstd };
}

test('what differs is shown in the manner of diff, each side under its full name', async (t) => {
  const { sheaf, home, digests, amd64, zstd } = await scene(t);
  assert.equal(
    await sheaf.ok('manifest', 'diff', 'oci:l:list', 'oci:l:zstd-list'),
    `--- oci:${home}/l:list  ${digests.list}
+++ oci:${home}/l:zstd-list  ${digests['zstd-list']}
+ linux/amd64 zstd  ${zstd}
0 changed, 1 added, 0 removed, 2 the same`,
  );
  const id = await sheaf.ok('manifest', 'create', '--all', 'app', 'oci:l:list');
  await sheaf.ok('manifest', 'annotate', '--index', '--annotation', 'org.example.tier=\u001b[31mgold', 'app');
  await sheaf.ok('manifest', 'annotate', '--os-version', '5', 'app', 'linux/arm64');
  await sheaf.ok('manifest', 'remove', 'app', 'linux/amd64');
  const [, head = '', ...lines] = (await sheaf.ok('manifest', 'diff', 'oci:l:list', 'app')).split('\n');
  assert.match(head, new RegExp(`^\\+\\+\\+ store:${id}  sha256:[0-9a-f]{64}$`));
  assert.deepEqual(lines, [
    '~ index',
    '  + annotation org.example.tier:  [31mgold',
    `- linux/amd64  ${amd64}`,
    '~ linux/arm64/v8',
    '  + platform.os.version: 5',
    '1 changed, 0 added, 1 removed, 0 the same',
  ]);
  assert.match(await sheaf.ok('manifest', 'diff', 'app', 'app'), /\nThe same, byte for byte\.$/);
});

test('the status tells whether they differ only where that is asked for', async (t) => {
  const { sheaf } = await scene(t);
  for (const [status, ...args] of [
    [0, 'oci:l:list', 'oci:l:zstd-list'],
    [1, '--exit-code', 'oci:l:list', 'oci:l:zstd-list'],
    [1, '--exit-code', '--json', 'oci:l:list', 'oci:l:zstd-list'],
    [0, '--exit-code', 'oci:l:list', 'oci:l:list'],
    [3, '--exit-code', 'oci:l:list', 'oci:l:absent'],
    [2, '--exit-code', 'oci:l:list'],
  ] as const) {
    const { code, stderr } = await sheaf.run('manifest', 'diff', ...args);
    assert.equal(code, status, `${args.join(' ')}: ${stderr}`);
  }
});

test('as data the instances are named by what they are and for which platform', async (t) => {
  const { sheaf, home, digests, amd64, arm64, zstd } = await scene(t);
  const { a, b, ...found } = JSON.parse(await sheaf.ok('manifest', 'diff', '--json', 'oci:l:zstd-list', 'oci:l:arm64'));
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  assert.deepEqual(a, { name: `oci:${home}/l:zstd-list`, digest: digests['zstd-list'], mediaType });
  assert.deepEqual(b.digest, arm64);
  assert.deepEqual(
    found.removed.map(({ descriptor, ...name }: { descriptor: { digest: string } }) => ({
      ...name,
      digest: descriptor.digest,
    })),
    [
      { role: 'image', platform: 'linux/amd64', digest: amd64 },
      { role: 'image', platform: 'linux/amd64', digest: zstd },
    ],
  );
  assert.deepEqual(
    { ...found, removed: [] },
    {
      verdict: 'different',
      index: [{ path: ['mediaType'], a: mediaType, b: b.mediaType }],
      added: [],
      removed: [],
      changed: [],
      same: 1,
      reordered: false,
    },
  );
});

test('each side has credentials and certificates of its own', async (t) => {
  const { sheaf } = await scene(t);
  const left = await withRegistry(t, { authorize: basicAuth({ lewis: 'left' }) });
  const right = await withRegistry(t, { authorize: basicAuth({ rita: 'right' }) });
  const [a, b] = [`docker://${left.host}/app:1`, `docker://${right.host}/app:1`];
  await sheaf.ok('image', 'copy', '--all', '--tls-verify=false', '--creds=lewis:left', 'oci:l:list', a);
  await sheaf.ok('image', 'copy', '--all', '--tls-verify=false', '--creds=rita:right', 'oci:l:zstd-list', b);
  const sides = ['--a-creds=lewis:left', '--a-tls-verify=false', '--b-creds=rita:right', '--b-tls-verify=false'];
  assert.match(await sheaf.ok('manifest', 'diff', ...sides, a, b), /0 changed, 1 added, 0 removed, 2 the same/);
  await sheaf.fails(4, 'manifest', 'diff', '--tls-verify=false', '--creds=lewis:left', a, b);
  await sheaf.ok('manifest', 'diff', '--tls-verify=false', '--creds=lewis:left', '--b-creds=rita:right', a, b);
  await sheaf.fails(8, 'manifest', 'diff', ...sides.slice(0, 3), '--retry=0', a, b);
  await sheaf.fails(2, 'manifest', 'diff', '--a-creds=lewis:left', '--a-no-creds', a, b);
});
