/** Signing and verifying whole images in a registry, and everything that must not be taken for a good signature. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as openpgp from 'openpgp';
import type { Digest } from '../../src/oci/digest.ts';
import { loadRegistriesD } from '../../src/registry-config/registries-d.ts';
import { encodeClaim } from '../../src/signing/claim.ts';
import { parsePolicy } from '../../src/signing/policy/parse-policy.ts';
import {
  creator,
  gpgKey,
  reasons,
  type SigningEnv,
  seedApp,
  sign,
  signingEnv,
  sigstoreKey,
  verdicts,
  verify,
} from '../signing/support.ts';
import { answer, noReferrers } from '../support/fault-kinds.ts';
import type { Fault } from '../support/faults.ts';
import { withRegistry } from '../support/registry.ts';
import { content, descriptor, pushBlob, pushManifest, type SeededContent, seedImage, types } from '../support/seed.ts';

async function arranged(t: TestContext, fault?: Fault) {
  const registry = await withRegistry(t);
  if (fault !== undefined) registry.faults.on({}, fault);
  return { registry, env: await signingEnv(t), app: await seedApp(registry) };
}

const attachmentTag = (digest: string): string => `${digest.replace(':', '-')}.sig`;
const folderOf = (env: SigningEnv, digest: string): string => join(env.lookaside, `ns/app@${digest.replace(':', '=')}`);

/** Puts a file where a lookaside has signatures. */
async function place(env: SigningEnv, digest: string, message: Uint8Array, n = 1): Promise<void> {
  await mkdir(folderOf(env, digest), { recursive: true });
  await writeFile(join(folderOf(env, digest), `signature-${n}`), message);
}

describe('sign', () => {
  it('signs the index and each instance with every key, in every place, once', async (t) => {
    const { env, app, registry } = await arranged(t);
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    const signers = [alice.signer, key.signer('attachment', 'bundle')];
    assert.deepEqual(pick(await sign(env, app.name, signers)), { added: 9, kept: 0 });
    const result = await verify(env, app.name, { gpg: [alice], sigstore: [key] });
    assert.equal(result.verified, true);
    const formats = ['simple', 'attachment', 'bundle'];
    for (const { signatures } of result.manifests) {
      assert.deepEqual(
        signatures.map(({ format, verdict }) => [format, verdict]),
        formats.map((one) => [one, 'good']),
      );
      assert.equal(signatures[0]?.identity, `${registry.host}/ns/app:v1`);
    }
    registry.faults.reset();
    assert.deepEqual(pick(await sign(env, app.name, signers)), { added: 0, kept: 9 });
    assert.deepEqual(registry.faults.seen({ method: ['PUT', 'POST', 'PATCH'] }), [], 'nothing is written again');
  });

  it('adds what is missing, after what others have signed', async (t) => {
    const { env, app } = await arranged(t);
    const [alice, bob, one, two] = [await gpgKey('Alice'), await gpgKey('Bob'), sigstoreKey(), sigstoreKey()];
    await sign(env, app.name, [alice.signer, one.signer('attachment')]);
    const signers = [alice.signer, bob.signer, one.signer('attachment', 'bundle'), two.signer('attachment')];
    assert.deepEqual(pick(await sign(env, app.name, signers)), { added: 9, kept: 6 });
    for (const trusted of [{ gpg: [alice] }, { gpg: [bob] }, { sigstore: [one] }, { sigstore: [two] }]) {
      assert.equal((await verify(env, app.name, trusted)).verified, true);
    }
    assert.equal((await readdir(folderOf(env, app.index.digest))).length, 2);
  });

  it('writes attachments as containers/image writes them', async (t) => {
    const { env, app } = await arranged(t);
    await sign(env, app.name, [sigstoreKey().signer('attachment')]);
    const repository = env.registries.client(new URL(`http://${app.name.slice(9)}`).host).repository('ns/app');
    const manifest = await repository.getManifest(attachmentTag(app.index.digest));
    const text = Buffer.from(manifest.bytes).toString();
    const { config, layers } = JSON.parse(text) as { config: SeededContent; layers: SeededContent[] };
    const layer = `{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"${layers[0]?.digest}","size":${layers[0]?.size},"annotations":{"dev.cosignproject.cosign/signature":"`;
    const start = `{"schemaVersion":2,"mediaType":"${types.manifest}","config":{"mediaType":"${types.config}","digest":"${config.digest}","size":153},"layers":[${layer}`;
    assert.equal(text.slice(0, start.length), start);
    const { body } = await repository.openBlob(config.digest as Digest);
    const bytes = await whole(body);
    const wanted = `{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":["${layers[0]?.digest}"]}}`;
    assert.equal(bytes.toString(), wanted);
  });

  it('signs under another name when told, and refuses a name that is not whole', async (t) => {
    const { env, app, registry } = await arranged(t);
    const alice = await gpgKey();
    await assert.rejects(sign(env, app.name, [alice.signer], { identity: 'example.com/app' }), {
      code: 'BAD_IDENTITY',
    });
    await sign(env, app.name, [alice.signer], { identity: 'example.com/app:2' });
    const own = await verify(env, app.name, { gpg: [alice] });
    assert.equal(own.verified, false);
    assert.match(reasons(own), /Signature for identity "example.com\/app:2" is not accepted/);
    assert.equal((await verify(env, app.name, { gpg: [alice], identity: 'example.com/app:2' })).verified, true);
    assert.equal((await verify(env, app.name, { gpg: [alice], identity: 'example.com/app' })).verified, true);
    assert.equal(
      (await verify(env, app.name, { gpg: [alice], identity: `${registry.host}/ns/app:v1` })).verified,
      false,
    );
  });

  it('refuses what no chosen place keeps, before anything is signed', async (t) => {
    const { env, app } = await arranged(t);
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    await assert.rejects(sign(env, app.name, [alice.signer], { stores: ['bundle'] }), { code: 'NO_SIGNATURE_STORE' });
    const both = [alice.signer, key.signer('bundle')];
    await assert.rejects(sign(env, app.name, both, { stores: ['lookaside'] }), { code: 'NO_SIGNATURE_STORE' });
    assert.deepEqual(verdicts(await verify(env, app.name, { gpg: [alice] })), ['unsigned', 'unsigned', 'unsigned']);
  });

  it('takes no image that has the tag of its own list of referrers for such a list: cosign copy leaves these', async (t) => {
    const { env, app, registry } = await arranged(t, noReferrers());
    const key = sigstoreKey();
    await sign(env, app.name, [key.signer('attachment')]);
    for (const one of [app.index, ...app.images]) {
      await pushManifest(registry, 'ns/app', one, one.digest.replace(':', '-'));
    }
    const before = await verify(env, app.name, { sigstore: [key] });
    assert.deepEqual([before.verified, reasons(before)], [true, '']);
    const other = sigstoreKey();
    await sign(env, app.name, [other.signer('bundle')]);
    for (const one of [key, other]) assert.equal((await verify(env, app.name, { sigstore: [one] })).verified, true);
    const index = await fetch(`${registry.url}/v2/ns/app/manifests/${app.index.digest.replace(':', '-')}`);
    const { manifests } = (await index.json()) as { manifests: unknown[] };
    assert.equal(manifests.length, 1);
  });

  it('keeps the entries of others in the index that stands in for the referrers API', async (t) => {
    const { env, app, registry } = await arranged(t, noReferrers());
    const tag = app.index.digest.replace(':', '-');
    const image = await seedImage(registry, 'ns/app', { layers: ['of somebody else'] });
    const other = { ...descriptor(image), artifactType: 'text/x' };
    const before = { schemaVersion: 2, mediaType: types.index, manifests: [other] };
    await pushManifest(registry, 'ns/app', content(types.index, before), tag);
    const keys = [sigstoreKey(), sigstoreKey(), sigstoreKey()];
    await Promise.all(keys.map((key) => sign(env, app.name, [key.signer('bundle')])));
    for (const key of keys) assert.equal((await verify(env, app.name, { sigstore: [key] })).verified, true);
    const repository = env.registries.client(registry.host).repository('ns/app');
    const { manifests } = JSON.parse(Buffer.from((await repository.getManifest(tag)).bytes).toString()) as {
      manifests: Array<{ digest: string }>;
    };
    assert.equal(manifests.length, 4);
    assert.equal(manifests[0]?.digest, other.digest);
  });
});

describe('verify', () => {
  it('wants what is required: the index, the instances, or both', async (t) => {
    const { env, app, registry } = await arranged(t);
    const alice = await gpgKey();
    const identity = `${registry.host}/ns/app:v1`;
    await sign(env, app.name, [alice.signer]);
    const { rm } = await import('node:fs/promises');
    const keep = async (digest: string): Promise<Uint8Array> => readFile(join(folderOf(env, digest), 'signature-1'));
    const list = await keep(app.index.digest);
    await rm(folderOf(env, app.index.digest), { recursive: true });
    const instancesOnly = async (require: 'index' | 'instances' | 'both'): Promise<boolean> =>
      (await verify(env, app.name, { gpg: [alice], require })).verified;
    assert.deepEqual(await Promise.all((['index', 'instances', 'both'] as const).map(instancesOnly)), [
      false,
      true,
      false,
    ]);
    for (const { digest } of app.images) await rm(folderOf(env, digest), { recursive: true });
    await place(env, app.index.digest, list);
    assert.deepEqual(await Promise.all((['index', 'instances', 'both'] as const).map(instancesOnly)), [
      true,
      false,
      false,
    ]);
    const one = `docker://${registry.host}/ns/app@${app.images[0]?.digest}`;
    assert.deepEqual(verdicts(await verify(env, one, { gpg: [alice], identity })), ['unsigned']);
  });

  it('does not take the tag of another image, nor another key, nor no key', async (t) => {
    const { env, app, registry } = await arranged(t);
    const [alice, bob, key] = [await gpgKey(), await gpgKey('Bob'), sigstoreKey()];
    await sign(env, app.name, [alice.signer, key.signer('attachment')]);
    await pushManifest(registry, 'ns/app', app.index, 'v2');
    const swapped = await verify(env, app.name.replace(':v1', ':v2'), { gpg: [alice], sigstore: [key] });
    assert.equal(swapped.verified, false);
    assert.match(reasons(swapped), /Signature for identity ".*:v1" is not accepted/);
    assert.deepEqual(verdicts(await verify(env, app.name, { gpg: [bob] })), ['rejected', 'rejected', 'rejected']);
    assert.deepEqual(verdicts(await verify(env, app.name, { sigstore: [sigstoreKey()] })), [
      'rejected',
      'rejected',
      'rejected',
    ]);
    const byDigest = `docker://${registry.host}/ns/app@${app.index.digest}`;
    assert.equal((await verify(env, byDigest, { gpg: [alice] })).verified, true);
  });

  it('does not take the signature of another manifest', async (t) => {
    const { env, app } = await arranged(t);
    const alice = await gpgKey();
    await sign(env, app.name, [alice.signer]);
    const [first, second] = app.images;
    const wrong = await readFile(join(folderOf(env, first?.digest ?? ''), 'signature-1'));
    await place(env, second?.digest ?? '', wrong);
    const result = await verify(env, app.name, { gpg: [alice] });
    assert.deepEqual(verdicts(result), ['verified', 'verified', 'rejected']);
    assert.match(reasons(result), /Signature for digest .* does not match/);
  });

  it('takes no claim with a key twice, no armor, no wrong family, and tells why', async (t) => {
    const { env, app, registry } = await arranged(t);
    const alice = await gpgKey();
    const signingKeys = await openpgp.readPrivateKey({ binaryKey: alice.secret });
    const signed = async (payload: string | Uint8Array, armored = false): Promise<Uint8Array> => {
      const message = await openpgp.createMessage({ binary: Buffer.from(payload) });
      if (armored) return Buffer.from(await openpgp.sign({ message, signingKeys, format: 'armored' }));
      return (await openpgp.sign({ message, signingKeys, format: 'binary' })) as Uint8Array;
    };
    const claim = { digest: app.index.digest, identity: `${registry.host}/ns/app:v1` };
    const good = Buffer.from(encodeClaim('simple', claim, { creator, timestamp: 1 })).toString();
    const bad: Array<[Uint8Array, RegExp]> = [
      [await signed(good.replace('"type"', '"type":"atomic container signature","type"')), /twice/],
      [await signed(good.replace(/"optional":\{.*\}/, '"optional":null}')), /optional/],
      [await signed(encodeClaim('sigstore', claim, { creator, timestamp: 1 })), /critical\.type/],
      [await signed(good, true), /starts with 0x2d/],
      [Buffer.from(good), /starts with 0x7b/],
      [Buffer.alloc(0), /starts with 0x00/],
    ];
    for (const [message, why] of bad) {
      await place(env, app.index.digest, message);
      const result = await verify(env, app.name, { gpg: [alice], require: 'index' });
      assert.deepEqual([result.verified, verdicts(result)[0]], [false, 'rejected']);
      assert.match(reasons(result), why);
    }
    // a bad one beside it does not make a good one bad
    await place(env, app.index.digest, await signed(good), 2);
    const both = await verify(env, app.name, { gpg: [alice], require: 'index' });
    assert.equal(both.verified, true);
    assert.match(reasons(both), /starts with 0x00/);
  });

  it('reads 127 signatures and refuses 128, and one that is too large', async (t) => {
    const { env, app } = await arranged(t);
    const alice = await gpgKey();
    await sign(env, app.name, [alice.signer]);
    const good = await readFile(join(folderOf(env, app.index.digest), 'signature-1'));
    for (let n = 2; n <= 127; n += 1) await place(env, app.index.digest, Buffer.from([0xa3]), n);
    assert.equal((await verify(env, app.name, { gpg: [alice] })).verified, true);
    await place(env, app.index.digest, good, 128);
    await assert.rejects(verify(env, app.name, { gpg: [alice] }), { code: 'TOO_MANY_SIGNATURES' });
    await place(env, app.images[0]?.digest ?? '', Buffer.alloc((4 << 20) + 1));
    await assert.rejects(verify(env, app.name, { gpg: [alice] }), /TOO|larger|more than/);
  });

  it('fails when signatures cannot be listed, wherever', async (t) => {
    const { env, app, registry } = await arranged(t);
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    await sign(env, app.name, [alice.signer, key.signer('attachment', 'bundle')]);
    for (const path of [/\.sig$/, /\/referrers\//]) {
      for (const status of [401, 403, 500]) {
        const headers = { 'content-type': 'application/json' };
        const undo = registry.faults.on({ method: 'GET', path }, async () => ({
          status,
          headers,
          body: Buffer.from('{}'),
        }));
        await assert.rejects(verify(env, app.name, { gpg: [alice], sigstore: [key] }), (thrown: Error) => {
          assert.match(thrown.name, /^(Auth|Registry)Error$/, `${path} ${status}`);
          return true;
        });
        undo();
      }
    }
  });

  it('refuses a .sig tag of another type, for reading and for writing', async (t) => {
    const { env, app, registry } = await arranged(t);
    const key = sigstoreKey();
    const tag = attachmentTag(app.index.digest);
    const docker = 'application/vnd.docker.distribution.manifest.v2+json';
    const config = {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: app.images[0]?.config.digest,
      size: app.images[0]?.config.size,
    };
    await pushManifest(
      registry,
      'ns/app',
      content(docker, { schemaVersion: 2, mediaType: docker, config, layers: [] }),
      tag,
    );
    await assert.rejects(verify(env, app.name, { sigstore: [key] }), { code: 'BAD_ATTACHMENT' });
    await sign(env, app.name, [key.signer('attachment')]).then(
      () => assert.fail('it was written over'),
      (thrown: Error) => assert.match(thrown.message, /is of the type/),
    );
  });

  it('refuses attachments that are withheld, too large or too many', async (t) => {
    const { env, app, registry } = await arranged(t);
    const key = sigstoreKey();
    await sign(env, app.name, [key.signer('attachment')]);
    const [config] = app.images;
    const layer = (size: number) => ({
      mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      digest: `sha256:${'ee'.repeat(32)}`,
      size,
      annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
    });
    const cases: Array<[object[], string]> = [
      [[layer(10)], 'BAD_ATTACHMENT'],
      [[layer((4 << 20) + 1)], 'SIGNATURE_TOO_LARGE'],
      [Array.from({ length: 1001 }, () => layer(10)), 'TOO_MANY_SIGNATURES'],
      [Array.from({ length: 17 }, () => layer(4 << 20)), 'TOO_MANY_SIGNATURES'],
    ];
    for (const [layers, code] of cases) {
      const document = {
        schemaVersion: 2,
        mediaType: types.manifest,
        config: descriptor(config?.config ?? app.index),
        layers,
      };
      const undo = registry.faults.on(
        { method: 'GET', path: /\.sig$/ },
        answer(200, { 'content-type': types.manifest }, JSON.stringify(document)),
      );
      await assert.rejects(verify(env, app.name, { sigstore: [key] }), { name: 'IntegrityError', code });
      undo();
    }
    assert.equal((await verify(env, app.name, { sigstore: [key] })).verified, true);
  });

  it('tells of a bundle that cannot be read beside a good one, and takes no attestation for a signature', async (t) => {
    const { env, app, registry } = await arranged(t, noReferrers());
    const key = sigstoreKey();
    const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const empty = await pushBlob(registry, 'ns/app', content('application/vnd.oci.empty.v1+json', '{}'));
    const attach = async (bundle: string): Promise<void> => {
      const layer = await pushBlob(registry, 'ns/app', content(bundleType, bundle));
      const document = {
        schemaVersion: 2,
        mediaType: types.manifest,
        artifactType: bundleType,
        config: descriptor(empty),
        layers: [descriptor(layer)],
        subject: descriptor(app.index),
      };
      const manifest = await pushManifest(registry, 'ns/app', content(types.manifest, document));
      // cosign 3.1 writes this type into the index
      const entry = { ...descriptor(manifest), artifactType: 'application/vnd.oci.empty.v1+json' };
      const index = { schemaVersion: 2, mediaType: types.index, manifests: [entry] };
      await pushManifest(registry, 'ns/app', content(types.index, index), app.index.digest.replace(':', '-'));
    };
    await attach('{"not":"a bundle"}');
    const alone = await verify(env, app.name, { sigstore: [key], require: 'index' });
    assert.deepEqual([alone.verified, verdicts(alone)[0]], [false, 'rejected']);
    await sign(env, app.name, [key.signer('bundle')]);
    const both = await verify(env, app.name, { sigstore: [key] });
    assert.equal(both.verified, true);
    assert.equal(both.manifests[0]?.signatures.filter(({ verdict }) => verdict === 'rejected').length, 1);
    assert.equal((await verify(env, app.name, { sigstore: [key], stores: ['attachment'] })).verified, false);
  });

  it('reads none of the bundles where there are too many, or they are too large together', async (t) => {
    const key = sigstoreKey();
    const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const refer = (config: SeededContent, size: number, at: number): SeededContent =>
      content(types.manifest, {
        schemaVersion: 2,
        mediaType: types.manifest,
        artifactType: bundleType,
        config: descriptor(config),
        layers: [{ mediaType: bundleType, digest: `sha256:${'ee'.repeat(32)}`, size }],
        annotations: { at: String(at) },
      });
    const cases: Array<[number[], RegExp]> = [
      [Array.from({ length: 513 }, () => 10), /more than 512 manifests refer/],
      [Array.from({ length: 128 }, () => 10), /more than 127 bundles refer/],
      [Array.from({ length: 17 }, () => 4 << 20), /have 71303168 bytes/],
    ];
    for (const [sizes, message] of cases) {
      const { env, app, registry } = await arranged(t);
      const referrers = sizes.map((size, at) => refer(app.index, size, at));
      const index = { schemaVersion: 2, mediaType: types.index, manifests: referrers.map(descriptor) };
      const listed = answer(200, { 'content-type': types.index }, JSON.stringify(index));
      registry.faults.on({ path: /\/referrers\// }, listed);
      for (const { digest, bytes } of referrers) {
        const found = answer(200, { 'content-type': types.manifest }, Buffer.from(bytes).toString());
        registry.faults.on({ path: new RegExp(`/manifests/${digest}$`) }, found);
      }
      const verifying = verify(env, app.name, { sigstore: [key], stores: ['bundle'] });
      await assert.rejects(verifying, { code: 'TOO_MANY_SIGNATURES', message });
      assert.deepEqual(registry.faults.seen({ path: /\/blobs\/sha256:eeee/ }), []);
    }
  });
});

describe('lookasides elsewhere', () => {
  it('reads from a web server and writes to the folder that is published there', async (t) => {
    const { env, app, registry } = await arranged(t);
    const [alice, bob] = [await gpgKey('Alice'), await gpgKey('Bob')];
    const published = join(env.folder, 'published');
    let broken = false;
    const server = createServer((request, response) => {
      if (broken) return void response.writeHead(500).end();
      void readFile(join(published, decodeURIComponent(request.url ?? ''))).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const configured = async (name: string, write: string) => {
      const directory = join(env.folder, name);
      await mkdir(directory);
      const text = `docker:\n  ${registry.host}/ns:\n    lookaside: http://127.0.0.1:${port}/sigs\n${write}`;
      await writeFile(join(directory, 'a.yaml'), text);
      return { ...env, registriesD: () => loadRegistriesD({ env: {}, homeDir: env.folder, directory }) };
    };
    const readOnly = await configured('read-only', '');
    await assert.rejects(sign(readOnly, app.name, [alice.signer]), { code: 'LOOKASIDE_READ_ONLY' });
    const staging = join(env.folder, 'staging');
    const both = await configured('both', `    lookaside-staging: file://${staging}/sigs\n`);
    await sign(both, app.name, [alice.signer]);
    assert.equal((await verify(both, app.name, { gpg: [alice] })).verified, false, 'it is not published yet');
    const { cp, rm } = await import('node:fs/promises');
    await cp(staging, published, { recursive: true });
    assert.equal((await verify(both, app.name, { gpg: [alice] })).verified, true);
    await rm(staging, { recursive: true });
    await sign(both, app.name, [bob.signer]);
    const names = await readdir(join(staging, `sigs/ns/app@${app.index.digest.replace(':', '=')}`));
    assert.deepEqual(names.sort(), ['signature-1', 'signature-2'], 'what is published keeps its number');
    broken = true;
    await assert.rejects(verify(both, app.name, { gpg: [alice] }), { name: 'RegistryError' });
  });

  it('uses the registry itself where it keeps signatures', async (t) => {
    const { env, app, registry } = await arranged(t);
    const alice = await gpgKey();
    const kept = new Map<string, unknown[]>();
    const json = { 'content-type': 'application/json' };
    registry.faults.on({ path: /^\/v2\/$/ }, async (request, next) => {
      const reply = await next(request);
      return reply === 'cut'
        ? reply
        : { ...reply, headers: { ...reply.headers, 'x-registry-supports-signatures': '1' } };
    });
    registry.faults.on({ path: /^\/extensions\/v2\/ns\/app\/signatures\// }, async (request) => {
      const digest = request.path.split('/').at(-1) ?? '';
      const signatures = kept.get(digest) ?? [];
      if (request.method === 'GET')
        return { status: 200, headers: json, body: Buffer.from(JSON.stringify({ signatures })) };
      kept.set(digest, [...signatures, JSON.parse((await whole(request.body)).toString())]);
      return { status: 201, headers: {}, body: Buffer.alloc(0) };
    });
    assert.deepEqual(pick(await sign(env, app.name, [alice.signer])), { added: 3, kept: 0 });
    assert.deepEqual(pick(await sign(env, app.name, [alice.signer])), { added: 0, kept: 3 });
    assert.equal((await verify(env, app.name, { gpg: [alice] })).verified, true);
    await assert.rejects(readdir(env.lookaside), 'nothing goes to the lookaside');
    const [entry] = kept.get(app.index.digest) as Array<Record<string, unknown>>;
    assert.deepEqual([entry?.['schemaVersion'], entry?.['type']], [2, 'atomic']);
    assert.match(String(entry?.['name']), new RegExp(`^${app.index.digest}@[0-9a-f]{32}$`));
  });
});

describe('by policy', () => {
  it('verifies what the policy accepts, and nothing else', async (t) => {
    const { env, app, registry } = await arranged(t);
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    await sign(env, app.name, [alice.signer, key.signer('attachment')]);
    const policy = (requirements: object[]) => ({
      kind: 'policy' as const,
      policy: parsePolicy(
        Buffer.from(
          JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { [registry.host]: requirements } } }),
        ),
        'policy.json',
      ),
    });
    const keyData = Buffer.from(alice.publicKey.write()).toString('base64');
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyData };
    const sigstoreSigned = { type: 'sigstoreSigned', keyData: Buffer.from(key.pem).toString('base64') };
    const stranger = { ...sigstoreSigned, keyData: Buffer.from(sigstoreKey().pem).toString('base64') };
    assert.equal((await verify(env, app.name, policy([signedBy, sigstoreSigned]))).verified, true);
    const refused = await verify(env, app.name, policy([signedBy, stranger]));
    assert.equal(refused.verified, false);
    const elsewhere = { ...signedBy, signedIdentity: { type: 'exactRepository', dockerRepository: 'example.com/x' } };
    assert.match(
      reasons(await verify(env, app.name, policy([elsewhere]))),
      /Signature for identity .* is not accepted/,
    );
    assert.match(reasons(await verify(env, app.name, policy([{ type: 'reject' }]))), /rejected by policy/);
  });

  it('takes nothing for verified because the policy lets everything in', async (t) => {
    const { env, app } = await arranged(t);
    const policy = parsePolicy(Buffer.from('{"default":[{"type":"insecureAcceptAnything"}]}'), 'policy.json');
    await assert.rejects(verify(env, app.name, { kind: 'policy', policy }), { name: 'UsageError', code: 'NO_TRUST' });
  });
});

const pick = ({ added, kept }: { added: number; kept: number }) => ({ added, kept });

async function whole(body: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
