/** Images of a daemon: what is asked of it, and what becomes of every way in which it can fail. */
import assert from 'node:assert/strict';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { fixtureImage } from '../../fixtures/images.ts';
import { digestOf, encodedOf } from '../../src/oci/digest.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { addInstances } from '../../src/operations/add-instances.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { createList } from '../../src/operations/create-list.ts';
import { dockerEndpoint, parseEndpoint } from '../../src/transports/engine/endpoint.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { tarOf } from '../compression/tars.ts';
import { certificateAuthority } from '../support/certificate.ts';
import { testEnv } from '../support/env.ts';
import { testFolder } from '../support/folders.ts';
import { configDigest, writeKinds } from './support.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What `docker save` of an image with one layer gives. */
async function savedImage(text = 'content') {
  const { config, layers } = await fixtureImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [{ 'etc/text': text }],
  });
  const layer = gunzipSync(layers[0]?.bytes ?? assert.fail());
  const names = { config: `${encodedOf(config.digest)}.json`, layer: `${encodedOf(digestOf(layer))}.tar` };
  const manifest = [{ Config: names.config, RepoTags: ['docker.io/library/app:1'], Layers: [names.layer] }];
  const archive = tarOf([
    { name: names.layer, data: layer },
    { name: names.config, data: config.bytes },
    { name: 'manifest.json', data: Buffer.from(JSON.stringify(manifest)) },
  ]);
  return { config, layer, archive };
}

/** A daemon on a socket of its own; `DOCKER_HOST` says so while the test runs. `answers` are by method and path. */
async function daemon(t: TestContext, answers: Readonly<Record<string, Answer>>): Promise<string[]> {
  const socket = join(await testFolder(t), 'docker.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '', 'http://docker');
    asked.push(`${request.method} ${decodeURIComponent(pathname + search)}`);
    const answer = answers[`${request.method} ${decodeURIComponent(pathname)}`];
    if (answer !== undefined) answer(request, response);
    else response.writeHead(404).end('{"message":"No such image"}');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  environment(t, { DOCKER_HOST: `unix://${socket}` });
  return asked;
}

/** Variables for the time of the test. */
function environment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

const says =
  (body: string | Uint8Array, status = 200): Answer =>
  (request, response) => {
    // read: who hangs up on somebody who still sends may not be heard
    request.resume();
    response.writeHead(status).end(body);
  };

const version = { 'GET /version': says('{"Version":"27"}') };

describe('docker-daemon: as a source', () => {
  it('reads the image by its ID, whatever name it had', async (t) => {
    const env = await testEnv(t);
    const { config, layer, archive } = await savedImage();
    const asked = await daemon(t, {
      'GET /images/docker.io/library/app:1/json': says(JSON.stringify({ Id: config.digest })),
      [`GET /images/${config.digest}/json`]: says(JSON.stringify({ Id: config.digest })),
      'GET /images/get': says(archive),
    });
    await createList(env, { name: 'l', images: [], taking: 'all', annotations: {}, ifExists: 'fail' });
    const images = [locate('docker-daemon:app:1')];
    const { record, added } = await addInstances(env, { list: 'l', images, taking: 'all', changes: {} });
    const digest = added[0]?.digest ?? assert.fail();
    assert.deepEqual(record.locations, { [digest]: [`docker-daemon:${config.digest}`] });
    assert.deepEqual(asked, ['GET /images/docker.io/library/app:1/json', `GET /images/get?names=${config.digest}`]);
    await using source = await openVerifiedSource(locate('store:l'), env);
    await source.getManifest();
    const { layers } = parseImageManifest(await source.getManifest(digest));
    assert.deepEqual(await buffer(await source.openBlob(layers[0] ?? assert.fail())), layer);
  });

  it('tells every way in which reading fails', async (t) => {
    const env = await testEnv(t);
    const { config, archive } = await savedImage('x'.repeat(5000));
    const found = { 'GET /images/docker.io/library/app:1/json': says(JSON.stringify({ Id: config.digest })) };
    const cut: Answer = (_request, response) => {
      response.writeHead(200);
      response.write(archive.subarray(0, 2000), () => response.socket?.destroy());
    };
    const cases: ReadonlyArray<readonly [Readonly<Record<string, Answer>>, object]> = [
      [{}, { code: 'IMAGE_NOT_FOUND', message: /there is no image docker\.io\/library\/app:1 in the Docker daemon/ }],
      [{ ...found, 'GET /images/get': cut }, { code: 'ENGINE_CUT_OFF' }],
      [{ ...found, 'GET /images/get': says(archive.subarray(0, 2000)) }, { kind: 'integrity' }],
      [
        { ...found, 'GET /images/get': says('{"message":"disk on fire"}', 500) },
        { status: 500, message: /disk on fire/ },
      ],
      [{ ...found, 'GET /images/get': says('no', 403) }, { code: 'ENGINE_FORBIDDEN' }],
      [{ 'GET /images/docker.io/library/app:1/json': says('{}') }, { code: 'MALFORMED_ANSWER' }],
      [{ 'GET /images/docker.io/library/app:1/json': says('{') }, { code: 'MALFORMED_JSON' }],
      [{ 'GET /images/docker.io/library/app:1/json': says(Buffer.alloc(5 << 20)) }, { code: 'ANSWER_TOO_LARGE' }],
    ];
    for (const [answers, expected] of cases) {
      await daemon(t, answers);
      await assert.rejects(locate('docker-daemon:app:1').openSource(env), expected);
    }
  });

  it('says that no daemon is there, or that it may not be used', async (t) => {
    const env = await testEnv(t);
    const folder = await testFolder(t);
    environment(t, { DOCKER_HOST: `unix://${join(folder, 'none.sock')}` });
    await assert.rejects(locate('docker-daemon:app:1').openSource(env), {
      code: 'ENGINE_UNREACHABLE',
      hint: /DOCKER_HOST/,
    });
    environment(t, { DOCKER_HOST: 'ssh://me@host' });
    await assert.rejects(locate('docker-daemon:app:1').openSource(env), { code: 'DAEMON_OVER_SSH' });
    if (process.getuid?.() === 0) return;
    await daemon(t, {});
    const socket = (process.env['DOCKER_HOST'] ?? '').slice('unix://'.length);
    await chmod(socket, 0);
    await assert.rejects(locate('docker-daemon:app:1').openSource(env), { code: 'ENGINE_FORBIDDEN' });
  });

  it('stops when it is told to', async (t) => {
    const controller = new AbortController();
    const env = await testEnv(t, { signal: controller.signal });
    await daemon(t, { 'GET /images/docker.io/library/app:1/json': () => controller.abort() });
    await assert.rejects(locate('docker-daemon:app:1').openSource(env), { kind: 'cancelled' });
  });
});

describe('docker-daemon: as a destination', () => {
  /** Writes an image and commits it. */
  async function write(t: TestContext, tag?: string, text = ''): Promise<void> {
    const env = await testEnv(t);
    const image = await fixtureImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [{ 'etc/text': text }],
    });
    await using destination = await locate('docker-daemon:app:1').openDestination(env);
    for (const { mediaType, digest, size, bytes } of [image.config, ...image.layers]) {
      await destination.putBlob({
        descriptor: { mediaType, digest, size },
        open: async () => Readable.from([Buffer.from(bytes)]),
      });
    }
    await destination.commit(image.manifest);
    if (tag !== undefined) await destination.tag?.(image.manifest, tag);
  }

  it('sends the archive of docker save, and gives more tags by the API', async (t) => {
    let sent: Buffer | undefined;
    const asked = await daemon(t, {
      ...version,
      'POST /images/load': (request, response) =>
        void buffer(request).then((body) => {
          sent = body;
          response.end('{"stream":"Loading"}\n{"stream":"Loaded image: app:1"}\n');
        }),
      'POST /images/docker.io/library/app:1/tag': says('', 201),
    });
    await write(t, '2');
    assert.ok(sent?.includes('"RepoTags":["docker.io/library/app:1"]'));
    assert.deepEqual(asked, [
      'GET /version',
      'POST /images/load?quiet=1',
      'POST /images/docker.io/library/app:1/tag?repo=docker.io/library/app&tag=2',
    ]);
  });

  it('tells what the daemon says in its progress or status, and that it broke off', async (t) => {
    const drained =
      (body: string): Answer =>
      (request, response) =>
        void request.resume().once('end', () => response.end(body));
    const cases: ReadonlyArray<readonly [Answer, object]> = [
      [drained('{"stream":"x"}\r\n{"errorDetail":{"message":"no space"},"error":"e"}\r\n'), { message: /no space/ }],
      [drained('{"error":"only this"}'), { code: 'ENGINE_REFUSED', message: /only this/ }],
      [says('{"message":"not now"}', 503), { status: 503, message: /not now/ }],
      [(request) => void request.once('data', () => request.socket.destroy()), { code: 'ENGINE_CUT_OFF' }],
    ];
    for (const [answer, expected] of cases) {
      await daemon(t, { ...version, 'POST /images/load': answer });
      await assert.rejects(write(t), expected);
    }
  });

  it('takes the image of one platform out of a list', async (t) => {
    const env = await testEnv(t);
    const layout = join(env.folder, 'layout');
    await writeKinds(layout);
    let sent: Buffer | undefined;
    await daemon(t, {
      ...version,
      'POST /images/load': (request, response) =>
        void buffer(request).then((body) => {
          sent = body;
          response.end('{"stream":"Loaded"}\n');
        }),
    });
    const to = locate('docker-daemon:app:1');
    const request = { source: locate(`oci:${layout}:list`), destination: to, tags: [], dryRun: false };
    const platforms = [{ os: 'linux', architecture: 'amd64' }];
    await copyImage(env, { ...request, take: { select: { platforms }, unselected: 'strip' } });
    const config = await configDigest(env, `oci:${layout}:image`);
    assert.ok(sent?.includes(config?.replace(/^sha256:/, '') ?? assert.fail()));
    const all = copyImage(env, { ...request, take: { select: 'all', unselected: 'keep' } });
    await assert.rejects(all, { code: 'INDEX_NOT_SUPPORTED' });
  });

  it('hears a refusal that comes while it still sends', async (t) => {
    // more than the socket holds
    const text = 'x'.repeat(8 << 20);
    await daemon(t, { ...version, 'POST /images/load': says('{"message":"not now"}', 503) });
    for (let round = 0; round < 5; round += 1) {
      await assert.rejects(write(t, undefined, text), { status: 503, message: /not now/ });
    }
  });

  it('takes no names that an image must have already', async (t) => {
    const env = await testEnv(t);
    for (const name of [`sha256:${'a'.repeat(64)}`, `app@sha256:${'a'.repeat(64)}`]) {
      await assert.rejects(locate(`docker-daemon:${name}`).openDestination(env), { code: 'INVALID_DESTINATION' });
      assert.equal(locate(locate(`docker-daemon:${name}`).format()).format(), locate(`docker-daemon:${name}`).format());
    }
  });
});

describe('where the daemon is', () => {
  it('is what DOCKER_HOST says, else the context, else the usual socket', async (t) => {
    const folder = await testFolder(t);
    const text = 'unix:///var/run/docker.sock';
    const usual = { text, socket: '/var/run/docker.sock' };
    assert.deepEqual(await dockerEndpoint({}, { DOCKER_CONFIG: folder }), usual);
    await writeFile(join(folder, 'config.json'), '{"currentContext":"far"}');
    await assert.rejects(dockerEndpoint({}, { DOCKER_CONFIG: folder }), { code: 'DOCKER_CONTEXT_NOT_FOUND' });
    assert.deepEqual(await dockerEndpoint({}, { DOCKER_CONFIG: folder, DOCKER_CONTEXT: 'default' }), usual);
    const hash = encodedOf(digestOf(Buffer.from('far')));
    const meta = join(folder, 'contexts/meta', hash);
    await mkdir(meta, { recursive: true });
    await writeFile(join(meta, 'meta.json'), '{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:9"}}}');
    const far = { text: 'tcp://far:9', host: 'far', port: 9 };
    assert.deepEqual(await dockerEndpoint({}, { DOCKER_CONFIG: folder }), far);
    const tls = join(folder, 'contexts/tls', hash, 'docker');
    await mkdir(tls, { recursive: true });
    await writeFile(join(tls, 'ca.pem'), 'ca');
    assert.deepEqual(await dockerEndpoint({}, { DOCKER_CONFIG: folder }), {
      ...far,
      tls: { verify: true, ca: Buffer.from('ca') },
    });
    const near = { DOCKER_CONFIG: folder, DOCKER_HOST: 'tcp://near' };
    assert.deepEqual(await dockerEndpoint({}, near), { text: 'tcp://near', host: 'near', port: 2375 });
    assert.deepEqual(await dockerEndpoint({}, { ...near, DOCKER_TLS_VERIFY: '1' }), {
      text: 'tcp://near',
      host: 'near',
      port: 2376,
      tls: { verify: true },
    });
    await rm(folder, { recursive: true });
  });

  it('is an error where it makes no sense', () => {
    assert.deepEqual(parseEndpoint('tcp://[::1]:7/'), { text: 'tcp://[::1]:7/', host: '::1', port: 7 });
    for (const text of ['', 'x', 'unix://relative', 'tcp://', 'tcp://a:b', 'npipe:////./pipe/docker', 'tcp://a/b']) {
      assert.throws(() => parseEndpoint(text), { code: 'INVALID_DOCKER_HOST' }, text);
    }
  });

  it('is reached over TLS with certificates of both sides, and not when it cannot prove who it is', async (t) => {
    const env = await testEnv(t);
    const { authority, issue } = certificateAuthority();
    const { config, layer, archive } = await savedImage();
    const own = issue('127.0.0.1');
    const server = createSecureServer(
      { cert: own.cert, key: own.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
      (request, response) =>
        void response.end(request.url?.endsWith('/json') ? JSON.stringify({ Id: config.digest }) : archive),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const folder = await testFolder(t);
    const client = issue('client.test');
    await Promise.all([
      writeFile(join(folder, 'ca.pem'), authority.cert),
      writeFile(join(folder, 'cert.pem'), client.cert),
      writeFile(join(folder, 'key.pem'), client.key),
    ]);
    environment(t, { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder });
    await using source = await openVerifiedSource(locate('docker-daemon:app:1'), env);
    const { layers } = parseImageManifest(await source.getManifest());
    assert.deepEqual(await buffer(await source.openBlob(layers[0] ?? assert.fail())), layer);
    await writeFile(join(folder, 'ca.pem'), certificateAuthority().authority.cert);
    await assert.rejects(locate('docker-daemon:app:1').openSource(env), { kind: 'registry' });
  });
});

describe('a daemon that is named by a flag', () => {
  it('goes before the environment: tcp:// means TLS, http:// does not, ssh:// is refused', async (t) => {
    const env = { DOCKER_HOST: 'unix:///elsewhere', DOCKER_TLS: '1' };
    const at = (daemonHost: string, more: object = {}) => dockerEndpoint({ daemonHost, ...more }, env);
    assert.deepEqual(await at('unix:///a.sock'), { text: 'unix:///a.sock', socket: '/a.sock' });
    assert.deepEqual(await at('http://near:7'), { text: 'http://near:7', host: 'near', port: 7 });
    assert.deepEqual(await at('tcp://near'), { text: 'tcp://near', host: 'near', port: 2376, tls: { verify: true } });
    assert.deepEqual(await at('tcp://near', { tlsVerify: false }), {
      text: 'tcp://near',
      host: 'near',
      port: 2376,
      tls: { verify: false },
    });
    const certDir = await testFolder(t);
    await writeFile(join(certDir, 'ca.pem'), 'ca');
    const tls = { verify: true, ca: Buffer.from('ca') };
    assert.deepEqual(await at('https://near:7', { certDir }), { text: 'https://near:7', host: 'near', port: 7, tls });
    assert.deepEqual(await dockerEndpoint({ certDir }, { DOCKER_HOST: 'tcp://far:9' }), {
      text: 'tcp://far:9',
      host: 'far',
      port: 9,
      tls,
    });
    assert.deepEqual(await dockerEndpoint({ certDir }, env), { text: 'unix:///elsewhere', socket: '/elsewhere' });
    await assert.rejects(at('ssh://me@far'), { code: 'DAEMON_OVER_SSH' });
    await assert.rejects(at('nonsense'), { code: 'INVALID_DOCKER_HOST' });
  });

  it('is read from and written to, and is part of the place of an image on a list', async (t) => {
    const env = await testEnv(t);
    const { config, layer, archive } = await savedImage();
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://docker');
      asked.push(`${request.method} ${decodeURIComponent(pathname)}`);
      if (request.method === 'POST') request.resume().once('end', () => response.end('{}'));
      else
        response.end(
          pathname.endsWith('/json') ? JSON.stringify({ Id: config.digest }) : pathname === '/version' ? '{}' : archive,
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    environment(t, { DOCKER_HOST: 'unix:///nowhere.sock' });
    const named = { ...env, places: { daemonHost: host } };
    const list = await createList(env, {
      name: 'l',
      images: [],
      taking: { one: {} },
      annotations: {},
      ifExists: 'fail',
    });
    const { record, added } = await addInstances(named, {
      list: list.id,
      images: [locate('docker-daemon:app:1')],
      taking: { one: {} },
      changes: {},
    });
    const place = `docker-daemon:[${host}]${config.digest}`;
    assert.deepEqual(record.locations[added[0]?.digest ?? ''], [place]);
    assert.equal(locate(place).format(), place);
    await using source = await openVerifiedSource(locate(place), env);
    const { layers } = parseImageManifest(await source.getManifest());
    assert.deepEqual(await buffer(await source.openBlob(layers[0] ?? assert.fail())), layer);
    asked.length = 0;
    {
      await using destination = await locate(`docker-daemon:[${host}]app:2`).openDestination(env);
      assert.equal(await destination.currentRoot(), undefined);
    }
    await using _other = await locate('docker-daemon:app:2').openDestination(named);
    assert.deepEqual(asked, ['GET /version', 'GET /version']);
    const ipv6 = 'docker-daemon:[tcp://[::1]:7]docker.io/library/app:1';
    assert.equal(locate(ipv6).format(), ipv6);
  });
});
