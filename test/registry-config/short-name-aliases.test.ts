/** What was chosen for short names: the file of podman, and when somebody is asked. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSession } from '../../src/foundation/session.ts';
import { mergeRegistriesConf, parseRegistriesConf } from '../../src/registry-config/registries-conf.ts';
import { createRegistryRoutes, type ShortNameMemory } from '../../src/registry-config/registry-routes.ts';
import {
  readShortNameAliases,
  recordShortNameAlias,
  shortNameAliasesPath,
} from '../../src/registry-config/short-name-aliases.ts';
import { testFolder } from '../support/folders.ts';

const session = createSession();

test('the file: that of root, of XDG_CACHE_HOME, of the home', () => {
  const at = (env: NodeJS.ProcessEnv, userId: number): string =>
    shortNameAliasesPath({ env, homeDir: '/home/me', userId });
  assert.equal(at({}, 0), '/var/cache/containers/short-name-aliases.conf');
  assert.equal(at({ XDG_CACHE_HOME: '/tmp/c' }, 1000), '/tmp/c/containers/short-name-aliases.conf');
  assert.equal(at({}, 1000), '/home/me/.cache/containers/short-name-aliases.conf');
});

test('what podman has written is read, and what is added keeps it', async (t) => {
  const path = join(await testFolder(t), 'deep/er/short-name-aliases.conf');
  assert.deepEqual(await readShortNameAliases(path), new Map());
  await recordShortNameAlias(path, 'team/app', 'quay.io/team/app', session);
  await writeFile(path, '[aliases]\n  "busybox" = "docker.io/library/busybox"\n  "gone" = ""\n');
  await recordShortNameAlias(path, 'app', 'quay.io/team/app', session);
  await recordShortNameAlias(path, 'busybox', 'quay.io/library/busybox', session);
  const expected = '[aliases]\n  "app" = "quay.io/team/app"\n  "busybox" = "quay.io/library/busybox"\n  "gone" = ""\n';
  assert.equal(await readFile(path, 'utf8'), expected);
  assert.equal((await stat(path)).mode & 0o777 & ~0o644, 0);
  await writeFile(path, 'not TOML');
  await assert.rejects(recordShortNameAlias(path, 'x', 'quay.io/x', session), { code: 'REGISTRIES_CONF_INVALID' });
  assert.equal(await readFile(path, 'utf8'), 'not TOML');
});

test('several at a time lose nothing', async (t) => {
  const path = join(await testFolder(t), 'short-name-aliases.conf');
  const names = Array.from({ length: 12 }, (_, at) => `name${at}`);
  await Promise.all(names.map((name) => recordShortNameAlias(path, name, `quay.io/${name}`, session)));
  assert.deepEqual([...(await readShortNameAliases(path)).keys()].sort(), names.sort());
});

function routes(mode: string, recorded: Record<string, string>, choice?: number) {
  const asked: Array<[string, readonly string[]]> = [];
  const written: Array<[string, string]> = [];
  const text = `unqualified-search-registries = ["one.test", "docker.io"]\nshort-name-mode = "${mode}"\n[aliases]\nknown = "one.test/known"\n`;
  const config = mergeRegistriesConf([parseRegistriesConf(text, 'registries.conf')]);
  const memory: ShortNameMemory = {
    aliases: async () => new Map(Object.entries(recorded)),
    record: async (name, full) => {
      written.push([name, full]);
    },
    ...(choice === undefined
      ? {}
      : {
          choose: async (name, candidates) => {
            asked.push([name, candidates]);
            return candidates[choice] ?? '';
          },
        }),
  };
  return { routes: createRegistryRoutes(async () => config, memory), asked, written };
}

const both = ['one.test/app:1', 'docker.io/library/app:1'];

test('who sits at a terminal is asked, and what proved right is written down without the tag', async () => {
  for (const mode of ['permissive', 'enforcing']) {
    const { routes: at, asked, written } = routes(mode, {}, 1);
    const resolution = await at.shortName('app:1');
    assert.deepEqual(asked, [['app:1', both]]);
    assert.deepEqual(resolution?.candidates, ['docker.io/library/app:1']);
    assert.deepEqual(written, [], 'not before it has proved to be there');
    await resolution?.record?.();
    assert.deepEqual(written, [['app', 'docker.io/library/app']]);
  }
});

test('nothing is written down where nothing may be', async () => {
  const config = mergeRegistriesConf([
    parseRegistriesConf('unqualified-search-registries = ["a.test", "b.test"]', 'x'),
  ]);
  const memory: ShortNameMemory = { aliases: async () => new Map(), choose: async (_name, [first = '']) => first };
  const resolution = await createRegistryRoutes(async () => config, memory).shortName('app:1');
  assert.deepEqual(resolution, { candidates: ['a.test/app:1'], reason: 'chosen' });
});

test('nobody is asked where there is nothing to choose, or nobody to ask', async () => {
  const aliased = routes('enforcing', { app: 'two.test/team/app', known: '' }, 0);
  assert.deepEqual((await aliased.routes.shortName('app:1'))?.candidates, ['two.test/team/app:1']);
  assert.deepEqual((await aliased.routes.shortName('one.test/app')) ?? null, null);
  assert.deepEqual(aliased.asked, []);
  // an empty alias takes that of registries.conf away
  await aliased.routes.shortName('known');
  assert.equal(aliased.asked.length, 1);

  const known = routes('enforcing', {}, 0);
  assert.deepEqual((await known.routes.shortName('known@sha256:00'))?.candidates, ['one.test/known@sha256:00']);
  assert.deepEqual(known.asked, []);

  const disabled = routes('disabled', {}, 0);
  assert.deepEqual((await disabled.routes.shortName('app:1'))?.candidates, both);
  assert.deepEqual(disabled.asked, []);

  const alone = routes('permissive', {});
  const { candidates, record } = (await alone.routes.shortName('app:1')) ?? { candidates: [] };
  assert.deepEqual([candidates, record], [both, undefined]);
  await assert.rejects(routes('enforcing', {}).routes.shortName('app:1'), { code: 'SHORT_NAME_AMBIGUOUS' });
});
