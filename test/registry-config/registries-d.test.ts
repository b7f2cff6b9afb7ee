import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseReference } from '../../src/oci/reference.ts';
import { referenceScopes } from '../../src/registry-config/reference-scopes.ts';
import { loadRegistriesD, type RegistriesDPlaces } from '../../src/registry-config/registries-d.ts';
import { testFolder } from '../support/folders.ts';

const image = parseReference('reg.example.com:5000/a/b:1');

async function machine(t: TestContext, files: Readonly<Record<string, string>>) {
  const folder = await testFolder(t);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return (more: Partial<RegistriesDPlaces> = {}) =>
    loadRegistriesD({
      env: {},
      homeDir: join(folder, 'home'),
      systemDir: join(folder, 'etc'),
      shareDir: join(folder, 'share'),
      userId: 1000,
      ...more,
      ...(more.directory === undefined ? {} : { directory: join(folder, more.directory) }),
    });
}

const docker = (scope: string, url: string): string => `docker:\n  ${scope}:\n    lookaside: ${url}\n`;

describe('referenceScopes', () => {
  it('goes from the image to the host and its parent domains', () => {
    const parents = [
      'reg.example.com:5000/a/b',
      'reg.example.com:5000/a',
      'reg.example.com:5000',
      '*.example.com',
      '*.com',
    ];
    assert.deepEqual(referenceScopes(image), ['reg.example.com:5000/a/b:1', ...parents]);
    assert.deepEqual(referenceScopes(parseReference('busybox:1')).slice(0, 4), [
      'docker.io/library/busybox:1',
      'docker.io/library/busybox',
      'docker.io/library',
      'docker.io',
    ]);
  });
});

describe('loadRegistriesD', () => {
  it('finds the most specific section that says what is wanted', async (t) => {
    const load = await machine(t, {
      'd/a.yaml': `
default-docker:
  lookaside-staging: file:///default-staging
  use-sigstore-attachments: true
docker:
  reg.example.com:5000/a/b:
    use-sigstore-attachments: false
  reg.example.com:5000/a:
    sigstore: https://old.example.com
    unknown-key: 1
  reg.example.com:
    lookaside: file:///wrong-host
  "*.example.com":
    lookaside: file:///wild
`,
    });
    const config = await load({ directory: 'd' });
    const places = (name: string) => config.places(parseReference(name));
    const old = places('reg.example.com:5000/a/b:1');
    assert.deepEqual([old.read, old.write], ['https://old.example.com', 'https://old.example.com']);
    assert.equal(old.attachments, false);
    assert.equal(places('reg.example.com:5000/x:1').read, 'file:///wild');
    assert.equal(places('reg.example.com/x:1').read, 'file:///wrong-host');
    const { write, attachments } = places('other.org/x:1');
    assert.deepEqual([write, attachments], ['file:///default-staging', true]);
  });

  it('prefers new keys to old ones, and what is for writing', async (t) => {
    const load = await machine(t, {
      'd/a.yaml': `default-docker:
  sigstore: file:///1
  lookaside: file:///2
  sigstore-staging: file:///3
  lookaside-staging: file:///4
`,
    });
    const { read, write } = (await load({ directory: 'd' })).places(image);
    assert.deepEqual([read, write], ['file:///2', 'file:///4']);
  });

  it('reads YAML as the parser of the peers does', async (t) => {
    const words = { Yes: true, on: true, '"y"': true, NO: false, off: false, n: false, True: true };
    const load = await machine(t, {
      ...Object.fromEntries(
        Object.keys(words).map((word) => [`${word}/a.yaml`, `default-docker:\n  use-sigstore-attachments: ${word}\n`]),
      ),
      'merged/a.yaml': `common: &common\n  lookaside: file:///1\ndefault-docker:\n  <<: *common\n`,
      'documents/a.yaml': 'default-docker:\n  lookaside: file:///1\n---\ndefault-docker: [\n',
      'empty/a.yaml': '---\n---\ndefault-docker: [\n',
    });
    for (const [directory, attachments] of Object.entries(words)) {
      assert.equal((await load({ directory })).places(image).attachments, attachments, directory);
    }
    for (const directory of ['merged', 'documents']) {
      assert.equal((await load({ directory })).places(image).read, 'file:///1', directory);
    }
    assert.equal((await load({ directory: 'empty' })).places(image).attachments, undefined);
  });

  it('tells which file names a place', async (t) => {
    const staging = 'default-docker:\n  lookaside-staging: file:///staging\n';
    const load = await machine(t, { 'd/a.yaml': docker('reg.example.com:5000', 'file:///read'), 'd/b.yaml': staging });
    const { saidBy } = (await load({ directory: 'd' })).places(image);
    assert.deepEqual(
      [saidBy.read, saidBy.write].map((file) => file && basename(file)),
      ['a.yaml', 'a.yaml'],
    );
    const other = (await load({ directory: 'd' })).places(parseReference('other.org/x:1')).saidBy;
    assert.deepEqual([other.read, other.write && basename(other.write)], [undefined, 'b.yaml']);
  });

  it('has a place of its own where nothing is configured, by who runs it', async (t) => {
    const load = await machine(t, {});
    assert.deepEqual((await load({ userId: 0 })).places(image), {
      read: 'file:///var/lib/containers/sigstore',
      write: 'file:///var/lib/containers/sigstore',
      saidBy: { read: undefined, write: undefined },
      attachments: undefined,
    });
    assert.match((await load()).places(image).read, /^file:\/\/\/.*\/home\/\.local\/share\/containers\/sigstore$/);
  });

  it('reads the folders of the machine and of the user, each file hiding those of its name before', async (t) => {
    const load = await machine(t, {
      'share/containers/registries.d/a.yaml': docker('a.org', 'file:///share'),
      'share/containers/registries.d/b.yaml': docker('b.org', 'file:///share'),
      'etc/containers/registries.d/a.yaml': docker('a.org', 'file:///etc'),
      'etc/containers/registries.rootless.d/c.yaml': docker('c.org', 'file:///rootless'),
      'etc/containers/registries.rootless.d/1000/d.yaml': docker('d.org', 'file:///user-1000'),
      'etc/containers/registries.rootful.d/e.yaml': docker('e.org', 'file:///rootful'),
      'etc/containers/registries.d/ignored.yml': 'not: [yaml',
      'home/.config/containers/registries.d/own.yaml': docker('b.org', 'file:///own'),
      'xdg/containers/registries.d/own.yaml': docker('b.org', 'file:///xdg'),
    });
    const config = await load();
    const read = (host: string) => config.places(parseReference(`${host}/x:1`)).read;
    assert.deepEqual(['a.org', 'b.org', 'c.org', 'd.org'].map(read), [
      'file:///etc',
      'file:///own',
      'file:///rootless',
      'file:///user-1000',
    ]);
    assert.notEqual(read('e.org'), 'file:///rootful');
    const root = await load({ userId: 0 });
    assert.equal(root.places(parseReference('e.org/x:1')).read, 'file:///rootful');
  });

  it('refuses a scope that stands in two files, and what it cannot understand', async (t) => {
    const load = await machine(t, {
      'twice/a.yaml': docker('a.org', 'file:///1'),
      'twice/b.yaml': docker('a.org', 'file:///1'),
      'defaults/a.yaml': 'default-docker: { lookaside: file:///1 }',
      'defaults/b.yaml': 'default-docker: { lookaside: file:///1 }',
      'list/a.yaml': 'docker: []',
      'text/a.yaml': 'docker:\n  a.org: text',
      'number/a.yaml': 'docker:\n  a.org:\n    lookaside: 7',
      'boolean/a.yaml': 'default-docker:\n  use-sigstore-attachments: "true"',
      'yaml/a.yaml': 'a: [',
      'key/a.yaml': 'docker:\n  a.org: {}\n  a.org: {}',
      'merge/a.yaml': 'default-docker:\n  <<: 5',
    });
    for (const directory of ['twice', 'defaults', 'list', 'text', 'number', 'boolean', 'yaml', 'key', 'merge']) {
      await assert.rejects(load({ directory }), { name: 'UsageError', code: 'REGISTRIES_D_INVALID' }, directory);
    }
    await assert.rejects(load({ directory: 'absent' }), { name: 'NotFoundError', code: 'REGISTRIES_D_NOT_FOUND' });
  });
});
