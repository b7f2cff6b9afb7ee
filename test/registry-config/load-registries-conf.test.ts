import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { findCertificateDir } from '../../src/registry-config/certificate-dirs.ts';
import { loadRegistriesConf } from '../../src/registry-config/load-registries-conf.ts';
import { trustedAuthorities } from '../../src/registry-config/trusted-authorities.ts';

/** A machine with these files below `etc` and `home`; each says where it is by its search registries. */
async function machine(t: TestContext, files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'sheaf-registries-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const events: ProgressEvent[] = [];
  const load = (env: NodeJS.ProcessEnv = {}) => {
    const places = { env, homeDir: join(root, 'home'), systemDir: join(root, 'etc') };
    return loadRegistriesConf(places, { emit: (event) => events.push(event) });
  };
  return { root, load, events };
}

const registry = (prefix: string): string => `[[registry]]\nlocation = "${prefix}"\n`;
const system = 'etc/containers/registries.conf';
const user = 'home/.config/containers/registries.conf';

async function prefixes(loaded: ReturnType<Awaited<ReturnType<typeof machine>>['load']>): Promise<string[]> {
  return (await loaded).registries.map(({ prefix }) => prefix);
}

test('no file at all', async (t) => {
  const { load } = await machine(t, {});
  assert.deepEqual(await prefixes(load()), []);
});

test("the system's file, its drop-ins in alphabetical order, then the user's drop-ins", async (t) => {
  const { load } = await machine(t, {
    [system]: registry('system'),
    [`${system}.d/20-b.conf`]: registry('b'),
    [`${system}.d/10-a.conf`]: registry('a'),
    [`${system}.d/readme.txt`]: 'no',
    [`${user}.d/05-own.conf`]: registry('own'),
  });
  assert.deepEqual(await prefixes(load()), ['system', 'a', 'b', 'own']);
});

test("the user's file hides the system's file and its drop-ins", async (t) => {
  const { load } = await machine(t, {
    [system]: registry('system'),
    [`${system}.d/a.conf`]: registry('a'),
    [user]: registry('user'),
    [`${user}.d/own.conf`]: registry('own'),
  });
  assert.deepEqual(await prefixes(load()), ['user', 'own']);
});

test('a file that a variable names comes in place of both; drop-ins stay', async (t) => {
  const { load, root } = await machine(t, {
    'named.conf': registry('named'),
    [system]: registry('system'),
    [`${system}.d/a.conf`]: registry('a'),
    [user]: registry('user'),
    [`${user}.d/own.conf`]: registry('own'),
  });
  const path = join(root, 'named.conf');
  for (const name of ['CONTAINERS_REGISTRIES_CONF', 'REGISTRIES_CONFIG_PATH']) {
    assert.deepEqual(await prefixes(load({ [name]: path })), ['named', 'a', 'own']);
  }
  await assert.rejects(load({ CONTAINERS_REGISTRIES_CONF: `${path}.not` }), { code: 'REGISTRIES_CONF_NOT_FOUND' });
});

test("XDG_CONFIG_HOME moves what is the user's", async (t) => {
  const { load, root } = await machine(t, {
    'cfg/containers/registries.conf': registry('moved'),
    [user]: registry('user'),
  });
  assert.deepEqual(await prefixes(load({ XDG_CONFIG_HOME: join(root, 'cfg') })), ['moved']);
});

test('a broken file is an error that names it; an unknown key is a warning', async (t) => {
  const broken = await machine(t, { [`${system}.d/broken.conf`]: 'x = ' });
  await assert.rejects(broken.load(), {
    code: 'REGISTRIES_CONF_INVALID',
    message: /registries\.conf\.d\/broken\.conf cannot be used/,
  });
  const odd = await machine(t, { [system]: 'blocked = true' });
  await odd.load();
  assert.deepEqual(odd.events, [
    {
      type: 'warning',
      code: 'REGISTRIES_CONF_UNKNOWN_KEY',
      message: `unknown key in ${join(odd.root, system)}: blocked`,
    },
  ]);
});

test('a file that cannot be read is an error that names it', async (t) => {
  const { load } = await machine(t, { [`${system}/x`]: '' });
  await assert.rejects(load(), { code: 'REGISTRIES_CONF_UNREADABLE' });
});

test('certificates: the first directory of a host that is there', async (t) => {
  const host = 'registry.example:5000';
  const places = ['home/.config/containers', 'etc/containers', 'home/.config/docker', 'etc/docker'];
  const { root } = await machine(t, Object.fromEntries(places.map((place) => [`${place}/certs.d/${host}/ca.crt`, ''])));
  const options = { homeDir: join(root, 'home'), systemDir: join(root, 'etc') };
  for (const place of places) {
    const expected = join(root, place, 'certs.d', host);
    assert.equal(await findCertificateDir(host, options), expected);
    await rm(expected, { recursive: true });
  }
  assert.equal(await findCertificateDir(host, options), undefined);
  assert.equal(await findCertificateDir(host, { ...options, certDir: '/own' }), '/own');
  await writeFile(join(root, 'etc/docker/certs.d', host), 'a file');
  assert.equal(await findCertificateDir(host, options), undefined);
});

test("authorities: SSL_CERT_FILE and SSL_CERT_DIR take the place of the system's", async (t) => {
  const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`;
  const { root } = await machine(t, {
    'bundle.pem': `# one\n${pem('b1')}\n\n# two\n${pem('b2')}\n`,
    'one/a.pem': pem('a'),
    'one/notes.txt': 'no certificate',
    'two/c.pem': pem('c'),
  });
  const env = { SSL_CERT_FILE: join(root, 'bundle.pem'), SSL_CERT_DIR: `${join(root, 'one')}:${join(root, 'two')}` };
  assert.deepEqual((await trustedAuthorities(env)).slice(0, 4), ['b1', 'b2', 'a', 'c'].map(pem));
  assert.equal(
    (await trustedAuthorities({})).some((text) => text === pem('a')),
    false,
  );
  assert.ok((await trustedAuthorities({})).length > 50);
  await assert.rejects(trustedAuthorities({ SSL_CERT_FILE: join(root, 'nothing') }), {
    code: 'CERTIFICATES_UNREADABLE',
  });
});
