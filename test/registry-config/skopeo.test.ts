/** The places from which real skopeo tries to pull are those that sheaf would try. No place answers, so that each is tried. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/foundation/errors.ts';
import { loadRegistriesConf } from '../../src/registry-config/load-registries-conf.ts';
import { pullSources } from '../../src/registry-config/resolve-registry.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';

const skip = skipWithout('skopeo');
const digest = `sha256:${'0'.repeat(64)}`;

const main = `
[[registry]]
prefix = "*.r.test"
location = "127.0.0.1:1/cache"
[[registry]]
prefix = "a.test/team"
location = "127.0.0.1:1/x"
[[registry.mirror]]
location = "127.0.0.1:2/m"
insecure = true
[[registry.mirror]]
location = "127.0.0.1:3/d"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "127.0.0.1:4/t"
pull-from-mirror = "tag-only"
[[registry]]
location = "b.test"
blocked = true
[[registry]]
prefix = "a.test"
location = "127.0.0.1:5"
[[registry]]
location = "127.0.0.1:6"
mirror-by-digest-only = true
[[registry.mirror]]
location = "127.0.0.1:7"
[[registry]]
prefix = "docker.io/library"
location = "127.0.0.1:8/hub"
`;
const dropIn = `
[[registry]]
prefix = "a.test"
location = "127.0.0.1:9/replaced"
`;

const references = [
  'x.y.r.test/p/x:1',
  'a.test/team/x:1',
  `a.test/team@${digest}`,
  'a.test/teams/x:1',
  'a.test/x:1',
  'b.test/x:1',
  '127.0.0.1:6/x:1',
  `127.0.0.1:6/x@${digest}`,
  'docker.io/library/busybox:1',
];

for (const reference of references) {
  test(`skopeo and sheaf try the same places for ${reference}`, { skip }, async (t) => {
    const peers = await isolatedPeers(t);
    const homeDir = peers.folder;
    await mkdir(join(homeDir, '.config/containers/registries.conf.d'), { recursive: true });
    await writeFile(join(homeDir, '.config/containers/registries.conf'), main);
    await writeFile(join(homeDir, '.config/containers/registries.conf.d/10.conf'), dropIn);

    const config = await loadRegistriesConf({ env: {}, homeDir }, { emit: () => {} });
    let ours: string[];
    try {
      ours = pullSources(config, reference).map((source) => source.reference);
    } catch (thrown) {
      assert.ok(thrown instanceof UsageError);
      ours = [thrown.message.replace(/ in .*/, '')];
    }
    const argv = ['--debug', '--command-timeout', '20s', 'inspect', '--raw', '--retry-times', '0'];
    const env = { XDG_CONFIG_HOME: join(homeDir, '.config') };
    const { stderr } = await peers.run('skopeo', [...argv, `docker://${reference}`], { env });
    const blocked = /registry \S+ is blocked/.exec(stderr)?.[0];
    const tried = [...stderr.matchAll(/Trying to access \\?"([^"\\]+)/g)].map(([, place]) => place);
    assert.deepEqual(blocked === undefined ? [...new Set(tried)] : [blocked], ours, stderr);
  });
}
