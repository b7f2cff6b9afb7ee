/** registries.conf and certs.d as a person meets them: what commands do, and which registry hears what. */
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { put } from '../credentials/support.ts';
import { type Sheaf, sheafIn } from '../interop/tools.ts';
import { basicAuth, basicHeader } from '../support/auth.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { type SeededImage, seedImage } from '../support/seed.ts';

interface Machine {
  sheaf: Sheaf;
  home: string;
  /** Writes the user's registries.conf. */
  configure(text: string): Promise<unknown>;
}

async function machine(t: TestContext, more: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const home = await testFolder(t);
  return {
    home,
    sheaf: sheafIn(home, more),
    configure: (text) => put(home, '.config/containers/registries.conf', text),
  };
}

const insecure = (...hosts: string[]): string =>
  hosts.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`).join('');

async function withImage(t: TestContext, repository: string, text = 'a'): Promise<[TestRegistry, SeededImage]> {
  const registry = await withRegistry(t);
  return [registry, await seedImage(registry, repository, { tag: '1', layers: [text] })];
}

const inspect = ['manifest', 'inspect', '--raw', '--retry', '0'];
const text = ({ bytes }: SeededImage): string => bytes.toString();
const heard = ({ faults }: TestRegistry): string[] => faults.requests.map(({ method, path }) => `${method} ${path}`);

test('insecure allows plain HTTP for pull and push, unless --tls-verify says otherwise', async (t) => {
  const [registry, image] = await withImage(t, 'team/app');
  const { sheaf, configure } = await machine(t);
  await configure(insecure(registry.host));
  assert.equal(await sheaf.ok(...inspect, `docker://${registry.host}/team/app:1`), text(image));
  await sheaf.ok('manifest', 'create', 'app', `docker://${registry.host}/team/app:1`);
  await sheaf.ok('manifest', 'push', 'app', `docker://${registry.host}/other/app:1`);
  const count = heard(registry).length;
  const strict = await sheaf.fails(8, ...inspect, '--tls-verify', `docker://${registry.host}/team/app:1`);
  assert.match(strict.stderr, /does not speak TLS/);
  assert.equal(heard(registry).length, count);
});

test('insecure holds for the namespace that it names', async (t) => {
  const [registry, image] = await withImage(t, 'open/app');
  const { sheaf, configure } = await machine(t);
  await configure(insecure(`${registry.host}/open`));
  assert.equal(await sheaf.ok(...inspect, `docker://${registry.host}/open/app:1`), text(image));
  await sheaf.fails(8, ...inspect, `docker://${registry.host}/closed/app:1`);
});

test('a blocked registry is neither pulled from nor pushed to, and hears nothing', async (t) => {
  const [registry] = await withImage(t, 'team/app');
  const { sheaf, configure, home } = await machine(t);
  await configure(`[[registry]]\nlocation = "${registry.host}"\nblocked = true\ninsecure = true\n`);
  await sheaf.ok('manifest', 'create', 'app');
  registry.faults.reset();
  for (const args of [
    [...inspect, `docker://${registry.host}/team/app:1`],
    ['manifest', 'push', 'app', `docker://${registry.host}/team/app:2`],
    ['login', '-u', 'alice', '-p', 'wonderland', registry.host],
  ]) {
    const { stderr } = await sheaf.fails(2, ...args);
    assert.ok(stderr.includes(`registry ${registry.host} is blocked in ${home}/.config/containers/registries.conf`));
  }
  assert.deepEqual(heard(registry), []);
});

test('prefix and location rewrite what is pulled, and not what is pushed', async (t) => {
  const [registry, image] = await withImage(t, 'real/app');
  const { sheaf, configure } = await machine(t);
  const [named] = await withImage(t, 'team/seed');
  await configure(`[[registry]]\nprefix = "${named.host}/team"\nlocation = "${registry.host}/real"\ninsecure = true\n`);
  named.faults.reset();
  assert.equal(await sheaf.ok(...inspect, `docker://${named.host}/team/app:1`), text(image));
  assert.deepEqual(heard(named), []);
  await sheaf.ok('manifest', 'create', 'app', `docker://${named.host}/team/app:1`);
  registry.faults.reset();
  // the blobs come from where the rewritten name leads, the push goes where its name says
  await sheaf.ok('manifest', 'push', 'app', `docker://${named.host}/team/app:2`);
  assert.ok(heard(registry).every((line) => line.startsWith('GET ')));
  assert.ok(heard(named).includes('PUT /v2/team/app/manifests/2'));
});

function mirrored(primary: string, ...mirrors: Array<[host: string, more?: string]>): string {
  const tables = mirrors.map(
    ([host, more = '']) => `[[registry.mirror]]\nlocation = "${host}/mirror"\ninsecure = true\n${more}`,
  );
  return `[[registry]]\nprefix = "${primary}/team"\nlocation = "${primary}/team"\ninsecure = true\n${tables.join('')}`;
}

test('the first mirror that has the manifest serves everything; the registry itself comes last', async (t) => {
  const [primary, image] = await withImage(t, 'team/app');
  const [mirror, other] = await withImage(t, 'mirror/app', 'of the mirror');
  const { sheaf, configure } = await machine(t);
  await configure(mirrored(primary.host, ['127.0.0.1:1'], [mirror.host]));
  primary.faults.reset();
  const name = `docker://${primary.host}/team/app:1`;
  const first = await sheaf.run(...inspect, name);
  assert.equal(first.stdout, text(other));
  assert.match(
    first.stderr,
    /^Warning: the mirror 127\.0\.0\.1:1\/mirror\/app:1 is passed over: .*refuses connections/,
  );
  await sheaf.ok('manifest', 'create', '--retry', '0', 'app', name);
  const [target] = await withImage(t, 'x/x');
  await sheaf.ok('manifest', 'push', '--tls-verify=false', '--retry', '0', 'app', `docker://${target.host}/got/app:1`);
  assert.deepEqual(heard(primary), [], 'blobs come from the mirror too');
  assert.ok(heard(mirror).some((line) => line.includes('/blobs/')));

  mirror.faults.reset();
  await seedImage(primary, 'team/new', { tag: '1', layers: ['new'] });
  await sheaf.ok(...inspect, `docker://${primary.host}/team/new:1`);
  assert.deepEqual(heard(mirror), ['GET /v2/mirror/new/manifests/1', 'GET /v2/']);
  assert.ok(text(image).length > 0);
  const missing = await sheaf.fails(3, ...inspect, `docker://${primary.host}/team/none:1`);
  assert.ok(missing.stderr.includes(`${primary.host}/team/none:1`), 'the error is that of the registry that was named');
});

test('a tree asks where the image came from for what refers to it: rewritten, from a mirror, in the clear', async (t) => {
  const [named] = await withImage(t, 'x/x');
  const [registry, image] = await withImage(t, 'real/app');
  const tag = `${image.digest.replace(':', '-')}.sig`;
  const signature = await seedImage(registry, 'real/app', { tag, layers: ['signed'] });
  const { sheaf, configure } = await machine(t);
  const way = `location = "${registry.host}/real"\ninsecure = true\n`;
  for (const ways of [
    `[[registry]]\nprefix = "${named.host}/team"\n${way}`,
    `[[registry]]\nlocation = "${named.host}/team"\n[[registry.mirror]]\n${way}`,
  ]) {
    await configure(ways);
    named.faults.reset();
    const tree = await sheaf.ok('manifest', 'inspect', '--tree', '--retry', '0', `docker://${named.host}/team/app:1`);
    assert.match(tree, new RegExp(`signature +${signature.digest.slice(0, 19)}`));
    assert.deepEqual(heard(named), []);
  }
});

test('pull-from-mirror: digest-only and tag-only', async (t) => {
  const [primary, image] = await withImage(t, 'team/app');
  const [forDigests] = await withImage(t, 'mirror/app');
  const [forTags] = await withImage(t, 'mirror/app');
  const { sheaf, configure } = await machine(t);
  await configure(
    mirrored(
      primary.host,
      [forDigests.host, 'pull-from-mirror = "digest-only"\n'],
      [forTags.host, 'pull-from-mirror = "tag-only"\n'],
    ),
  );
  for (const one of [primary, forDigests, forTags]) one.faults.reset();
  await sheaf.ok(...inspect, `docker://${primary.host}/team/app:1`);
  assert.deepEqual([heard(primary), heard(forDigests), heard(forTags)], [[], [], ['GET /v2/mirror/app/manifests/1']]);
  await sheaf.ok(...inspect, `docker://${primary.host}/team/app@${image.digest}`);
  assert.deepEqual(heard(forDigests), [`GET /v2/mirror/app/manifests/${image.digest}`]);
  assert.deepEqual([heard(primary).length, heard(forTags).length], [0, 1]);
});

test('a mirror gets its own login, never the one that was given for the registry', async (t) => {
  const given: Array<string | undefined> = [];
  const allow = basicAuth({ mirror: 'own' });
  const mirror = await withRegistry(t, {
    authorize: (request) => {
      given.push(request.headers.authorization);
      return allow(request);
    },
  });
  const [primary, image] = await withImage(t, 'team/app');
  const { sheaf, configure, home } = await machine(t);
  await configure(mirrored(primary.host, [mirror.host]));
  const name = `docker://${primary.host}/team/app:1`;
  for (const [env, ...flags] of [
    [{}, '--creds', 'alice:wonderland'],
    [{ SHEAF_USERNAME: 'alice', SHEAF_PASSWORD: 'wonderland' }],
  ] as const) {
    assert.equal(await sheaf.with(env).ok(...inspect, ...flags, name), text(image));
  }
  assert.deepEqual(given, [undefined, undefined]);
  await put(home, '.config/containers/auth.json', {
    auths: { [mirror.host]: { auth: Buffer.from('mirror:own').toString('base64') } },
  });
  await sheaf.ok(...inspect, '--creds', 'alice:wonderland', name);
  assert.deepEqual(given.slice(2), [undefined, basicHeader('mirror', 'own')]);
});

test('credential-helpers are asked in the place of the files', async (t) => {
  const registry = await withRegistry(t, { authorize: basicAuth({ alice: 'wonderland' }) });
  const { home, configure } = await machine(t);
  const helper = `#!/bin/sh\nread server\necho "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"alice\\",\\"Secret\\":\\"wonderland\\"}"\n`;
  await chmod(await put(home, 'bin/docker-credential-here', helper), 0o755);
  const sheaf = sheafIn(home, { PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}` });
  await configure(`credential-helpers = ["here"]\n${insecure(registry.host)}`);
  const { stderr } = await sheaf.fails(3, ...inspect, `docker://${registry.host}/team/app:1`);
  assert.match(stderr, /team\/app/);
  assert.equal(await sheaf.ok('login', '--get-login', registry.host), 'alice');
  await configure(insecure(registry.host));
  await sheaf.fails(4, ...inspect, `docker://${registry.host}/team/app:1`);
});

test('short names: aliases, one and several search registries, and none', async (t) => {
  const [first] = await withImage(t, 'team/other');
  const [second, image] = await withImage(t, 'app');
  const { sheaf, configure } = await machine(t);
  const both = insecure(first.host, second.host);
  await configure(`${both}[aliases]\nshort = "${second.host}/app"\n`);
  assert.equal(await sheaf.ok(...inspect, 'short:1'), text(image));

  await configure(`unqualified-search-registries = ["${second.host}"]\n${both}`);
  assert.equal(await sheaf.ok(...inspect, 'app:1'), text(image));

  const several = `unqualified-search-registries = ["${first.host}", "${second.host}"]\n`;
  await configure(`${several}${both}`);
  assert.equal(await sheaf.ok(...inspect, 'app:1'), text(image));
  const nowhere = await sheaf.fails(3, ...inspect, 'nothing:1');
  assert.match(nowhere.stderr, /"nothing:1" is in none of the registries that are searched/);

  await configure(`short-name-mode = "enforcing"\n${several}${both}`);
  const ambiguous = await sheaf.fails(2, ...inspect, 'app:1');
  assert.match(ambiguous.stderr, /could be any of .* there is nobody to ask/);

  // blocked, so that nobody outside is asked
  await configure('[[registry]]\nlocation = "docker.io"\nblocked = true\n');
  const hub = await sheaf.fails(2, ...inspect, 'app:1');
  assert.match(hub.stderr, /docker\.io\/library\/app:1/);
});

test('a command that needs no registry does not read the file, one that does names it', async (t) => {
  const { sheaf, configure } = await machine(t);
  await configure('this is not TOML');
  await sheaf.ok('manifest', 'create', 'app');
  await sheaf.ok('manifest', 'exists', 'app');
  await sheaf.ok('manifest', 'inspect', 'app');
  const { stderr } = await sheaf.fails(2, ...inspect, 'docker://127.0.0.1:1/app:1');
  assert.match(stderr, /registries\.conf cannot be used: it is not TOML/);
});

test('certificates: certs.d of podman and docker, --cert-dir before them, SSL_CERT_FILE and SSL_CERT_DIR', async (t) => {
  const tls = selfSignedCertificate();
  const registry = await withRegistry(t, { tls });
  const { sheaf, home } = await machine(t);
  const args = [...inspect, `docker://${registry.host}/app:1`];
  // 3: the registry was heard, and does not have it; 8: it was not believed
  await sheaf.fails(8, ...args);
  for (const folder of ['.config/docker/certs.d', '.config/containers/certs.d']) {
    const there = await machine(t);
    await put(there.home, `${folder}/${registry.host}/ca.crt`, tls.cert);
    await there.sheaf.fails(3, ...args);
    await put(there.home, 'empty/readme', '');
    await there.sheaf.fails(8, ...args, '--cert-dir', join(there.home, 'empty'));
  }
  const file = await put(home, 'authorities/one.pem', tls.cert);
  await sheaf.with({ SSL_CERT_FILE: file }).fails(3, ...args);
  await sheaf.with({ SSL_CERT_DIR: join(home, 'authorities') }).fails(3, ...args);
  const wrong = await sheaf.with({ SSL_CERT_FILE: join(home, 'none.pem') }).fails(2, ...args);
  assert.match(wrong.stderr, /the certificates that SSL_CERT_FILE names cannot be read/);
});
