/** Signatures of what is copied are there before its name is, and only once. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, writeFixtureLayout } from '../../fixtures/images.ts';
import type { CompressionRecipe } from '../../src/copy/recipe.ts';
import { AuthError, RegistryError } from '../../src/foundation/errors.ts';
import { parseIndex } from '../../src/oci/image-index.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import type { SignatureStoreName } from '../../src/signing/signature-store.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import { gpgKey, type SigningEnv, sign, signingEnv, sigstoreKey, verdicts, verify } from '../signing/support.ts';
import { answer, noReferrers, serverError } from '../support/fault-kinds.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

interface Arranged {
  readonly env: SigningEnv;
  readonly registry: TestRegistry;
  readonly layout: string;
  readonly name: string;
}

async function arranged(t: TestContext, architectures: readonly string[] = ['amd64', 'arm64']): Promise<Arranged> {
  const env = await signingEnv(t);
  const registry = await withRegistry(t);
  const images = await Promise.all(
    architectures.map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  const layout = join(env.folder, 'layout');
  await writeFixtureLayout(layout, Object.fromEntries(images.map((image, at) => [`p${at}`, image])), {
    multi: fixtureIndex(images),
  });
  return { env, registry, layout, name: `docker://${registry.host}/ns/app:1` };
}

function copy(
  { env, layout, name }: Arranged,
  signers: readonly ImageSigner[],
  options: {
    stores?: readonly SignatureStoreName[];
    to?: string;
    tags?: readonly string[];
    identity?: string;
    compression?: CompressionRecipe;
    dryRun?: boolean;
  } = {},
) {
  const {
    stores = ['lookaside', 'attachment', 'bundle'],
    to = name,
    tags = [],
    identity,
    compression,
    dryRun = false,
  } = options;
  return copyImage(env, {
    source: locate(`oci:${layout}:multi`),
    destination: locate(to),
    take: { select: 'all', unselected: 'keep' },
    tags,
    dryRun,
    signing: { chosen: Promise.resolve({ signers, stores: new Set(stores) }), identity, registriesD: env.registriesD },
    ...(compression === undefined ? {} : { compression }),
  });
}

const tagPath = /\/manifests\/1$/;

describe('a copy that signs', () => {
  it('signs the index and every instance, of what was compressed on the way too', async (t) => {
    const arrangement = await arranged(t);
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    const signers = [alice.signer, key.signer('attachment', 'bundle')];
    for (const options of [{}, { compression: { format: 'zstd' } }] as const) {
      const { result, signed } = await copy(arrangement, signers, options);
      assert.equal(signed?.signers.length, 2);
      const seen = await verify(arrangement.env, arrangement.name, { gpg: [alice], sigstore: [key] });
      assert.deepEqual(verdicts(seen), ['verified', 'verified', 'verified']);
      assert.equal(seen.manifests[0]?.digest, result?.root.digest);
    }
  });

  it('says before how many signatures that will be, and writes none', async (t) => {
    const arrangement = await arranged(t);
    const { env, layout, registry } = arrangement;
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    const signers = [alice.signer, key.signer('attachment', 'bundle')];
    const both = async (options: Parameters<typeof copy>[2] = {}) => {
      registry.faults.reset();
      const { signaturesAdded: planned, signed } = await copy(arrangement, signers, { ...options, dryRun: true });
      const methods = new Set(registry.faults.log().map((request) => request.split(' ')[0]));
      assert.deepEqual(
        [...methods].filter((method) => method !== 'GET' && method !== 'HEAD'),
        [],
      );
      const done = await copy(arrangement, signers, options);
      assert.deepEqual(done.signed, signed);
      return [planned, done.signaturesAdded];
    };
    assert.deepEqual(await both(), [9, 9]);
    assert.deepEqual(await both(), [0, 0]);
    // a bundle names no names
    assert.deepEqual(await both({ tags: ['2', '3'] }), [12, 12]);
    assert.deepEqual(await both({ compression: { format: 'zstd' } }), [null, 9]);
    const to = { to: `oci:${layout}:new`, identity: 'a.org/b:1', stores: ['attachment', 'bundle'] as const };
    signers.shift();
    assert.deepEqual(await both(to), [6, 6]);
    assert.deepEqual(await both(to), [0, 0]);
    assert.deepEqual((await copy(arrangement, [], { dryRun: true })).signaturesAdded, 0);
    const unsigned = await copyImage(env, {
      source: locate(`oci:${layout}:p0`),
      destination: locate(`oci:${layout}:p9`),
      take: { one: {} },
      tags: [],
      dryRun: true,
    });
    assert.equal(unsigned.signaturesAdded, undefined);
  });

  it('a plan fails where the lookaside cannot be written to', async (t) => {
    const arrangement = await arranged(t);
    const { env } = arrangement;
    await mkdir(env.lookaside);
    await writeFile(join(env.lookaside, 'ns'), 'not the folder of the signatures');
    const alice = await gpgKey();
    for (const compression of [undefined, { format: 'zstd' } as const]) {
      const options = { dryRun: true, ...(compression === undefined ? {} : { compression }) };
      await assert.rejects(copy(arrangement, [alice.signer], options), { name: 'StorageError', message: /lookaside/ });
    }
  });

  it('signs under every name that the image gets, and under the one that was given instead', async (t) => {
    const arrangement = await arranged(t);
    const { env, name, registry } = arrangement;
    const [alice, key] = [await gpgKey(), sigstoreKey()];
    const signers = [alice.signer, key.signer('attachment', 'bundle')];
    const trusted = { gpg: [alice], sigstore: [key] } as const;
    const byName = ['lookaside', 'attachment'] as const;
    const { signed } = await copy(arrangement, signers, { tags: ['latest', '1'] });
    assert.deepEqual(
      [signed?.identity, signed?.alsoAs],
      [`${registry.host}/ns/app:1`, [`${registry.host}/ns/app:latest`]],
    );
    for (const tag of ['1', 'latest']) {
      const seen = await verify(env, name.replace(/1$/, tag), trusted);
      assert.deepEqual(verdicts(seen), ['verified', 'verified', 'verified']);
      // a bundle names nothing, so that one is enough
      const formats = seen.manifests[0]?.signatures
        .filter(({ verdict }) => verdict === 'good')
        .map((one) => one.format);
      assert.deepEqual(formats, ['simple', 'attachment', 'bundle']);
    }
    const puts = registry.faults.log().filter((line) => /^PUT .*\/manifests\//.test(line));
    assert.ok(
      puts.slice(-2).every((line) => /\/manifests\/(?:1|latest)$/.test(line)),
      puts.join('\n'),
    );
    const identity = 'quay.io/me/app:2';
    await copy(arrangement, signers, { to: `docker://${registry.host}/ns/other:1`, tags: ['latest'], identity });
    for (const stores of byName) {
      const given = { ...trusted, stores: [stores] };
      const other = `docker://${registry.host}/ns/other:latest`;
      assert.deepEqual(
        [(await verify(env, other, given)).verified, (await verify(env, other, { ...given, identity })).verified],
        [false, true],
      );
    }
  });

  it('moves the tag after the last signature', async (t) => {
    const arrangement = await arranged(t);
    await copy(arrangement, [sigstoreKey().signer('attachment')]);
    const puts = arrangement.registry.faults.log().filter((line) => /^PUT .*\/manifests\//.test(line));
    assert.match(puts.at(-1) ?? '', tagPath);
    assert.equal(puts.filter((line) => line.endsWith('.sig')).length, 3);
  });

  it('leaves no tag where a signature cannot be kept, and the next run signs what is missing only', async (t) => {
    const arrangement = await arranged(t);
    const { env, registry, name } = arrangement;
    const key = sigstoreKey();
    const signers = [key.signer('attachment')];
    const stop = registry.faults.on({ method: 'PUT', path: /\.sig$/, nth: [2, 3, 4, 5, 6, 7, 8, 9] }, serverError());
    await assert.rejects(copy(arrangement, signers), RegistryError);
    const answer = await fetch(`${registry.url}/v2/ns/app/manifests/1`);
    assert.equal(answer.status, 404);
    stop();
    registry.faults.reset();
    await copy(arrangement, signers);
    assert.equal(registry.faults.log().filter((line) => /^PUT .*\.sig$/.test(line)).length, 2);
    assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
    registry.faults.reset();
    await copy(arrangement, signers);
    assert.deepEqual(
      registry.faults.log().filter((line) => !/^(GET|HEAD) /.test(line)),
      [],
    );
  });

  it('writes the config that all bundles share once, for two uploads of one blob at once confuse some registries', async (t) => {
    const arrangement = await arranged(t);
    await copy(arrangement, [sigstoreKey().signer('bundle')], { stores: ['bundle'] });
    const empty = 'sha256%3A44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a';
    const uploads = arrangement.registry.faults.log().filter((line) => line.startsWith('PUT ') && line.includes(empty));
    assert.equal(uploads.length, 1);
  });

  it('gives a store what is for it while another key is still at work', async (t) => {
    const arrangement = await arranged(t);
    const { registry } = arrangement;
    const slow = await gpgKey();
    let attachmentsSeen = 0;
    const patient: ImageSigner = {
      ...slow.signer,
      async sign(session, claim) {
        for (let tried = 0; attachmentsSeen < 3 && tried < 20_000; tried += 1) {
          await new Promise((resolve) => setImmediate(resolve));
          attachmentsSeen = registry.faults.log().filter((line) => /^PUT .*\.sig/.test(line)).length;
        }
        return slow.signer.sign(session, claim);
      },
    };
    const key = sigstoreKey();
    await copy(arrangement, [patient, key.signer('attachment')], { stores: ['lookaside', 'attachment'] });
    assert.equal(attachmentsSeen, 3);
    const seen = await verify(arrangement.env, arrangement.name, { gpg: [slow] });
    assert.deepEqual(verdicts(seen), ['verified', 'verified', 'verified']);
  });

  it('sends one config for all attachments of a long list, which names the layers as soon as one is added', async (t) => {
    const arrangement = await arranged(
      t,
      Array.from({ length: 16 }, (_, at) => `a${at}`),
    );
    const { env, registry, name } = arrangement;
    const [first, second] = [sigstoreKey(), sigstoreKey()];
    await copy(arrangement, [first.signer('attachment')], { stores: ['attachment'] });
    const repository = env.registries.client(registry.host).repository('ns/app');
    const attachments = async () => {
      const root = await repository.getManifest('1');
      const digests = [root.digest, ...parseIndex(root).manifests.map((entry) => entry.digest)];
      return Promise.all(
        digests.map(async (digest) => {
          const manifest = await repository.getManifest(`${digest.replace(':', '-')}.sig`);
          const { config, layers } = parseImageManifest(manifest);
          const { body } = await repository.openBlob(config.digest);
          const read = JSON.parse(Buffer.concat(await body.toArray()).toString()) as { rootfs: { diff_ids: string[] } };
          return { config: config.digest, layers: layers.map((layer) => layer.digest), named: read.rootfs.diff_ids };
        }),
      );
    };
    const before = await attachments();
    assert.equal(new Set(before.map(({ config }) => config)).size, 1);
    assert.deepEqual(before[0]?.named, []);
    await sign(env, name, [second.signer('attachment')], { stores: ['attachment'] });
    for (const { layers, named } of await attachments()) {
      assert.equal(layers.length, 2);
      assert.deepEqual(named, layers);
    }
    for (const key of [first, second]) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), Array(17).fill('verified'));
    }
  });

  it('lists all bundles of a manifest in one go, without reading first what cannot be there', async (t) => {
    const arrangement = await arranged(t);
    const { env, registry, name } = arrangement;
    registry.faults.on({}, noReferrers());
    const keys = [sigstoreKey(), sigstoreKey()];
    const signers = keys.map((key) => key.signer('bundle'));
    await copy(arrangement, signers, { stores: ['bundle'] });
    const log = registry.faults.log().filter((line) => /\/manifests\/sha256-[0-9a-f]{64}$/.test(line));
    const [reads, writes] = [/^GET /, /^PUT /].map((method) => log.filter((line) => method.test(line)));
    assert.equal(writes?.length, 3);
    assert.equal(reads?.length, 3, 'each is looked at once in the end');
    for (const key of keys) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
    }
  });

  it('signs what has its tag already and is not signed', async (t) => {
    const arrangement = await arranged(t);
    const { env, name } = arrangement;
    const key = sigstoreKey();
    await copyImage(env, {
      source: locate(`oci:${arrangement.layout}:multi`),
      destination: locate(name),
      take: { select: 'all', unselected: 'keep' },
      tags: [],
      dryRun: false,
    });
    await copy(arrangement, [key.signer('attachment')]);
    assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
  });

  it('refuses, before anything is sent, a place that holds no signatures', async (t) => {
    const arrangement = await arranged(t);
    const to = `oci:${join(arrangement.env.folder, 'out')}:1`;
    await assert.rejects(copy(arrangement, [sigstoreKey().signer('attachment')], { to }), /signatures|no name/);
  });
});

describe('what is there already', () => {
  const reads = ({ registry }: Arranged): string[] =>
    registry.faults.log().filter((line) => /^GET .*(\.sig|referrers\/)/.test(line));

  it('is not asked for manifest by manifest where there is no such repository', async (t) => {
    const arrangement = await arranged(t);
    const key = sigstoreKey();
    await copy(arrangement, [key.signer('attachment')], { stores: ['attachment'] });
    // what was written is looked at in the end: somebody else may have written over it
    const log = arrangement.registry.faults.log();
    const written = log.findLastIndex((line) => /^PUT .*\.sig$/.test(line));
    assert.deepEqual(
      reads(arrangement).filter((line) => log.indexOf(line) < written),
      [],
    );
    assert.deepEqual(verdicts(await verify(arrangement.env, arrangement.name, { sigstore: [key] })), [
      'verified',
      'verified',
      'verified',
    ]);
  });

  it('is kept where a repository that is there leaves tags of signatures out of its list', async (t) => {
    const arrangement = await arranged(t);
    const { env, registry, name } = arrangement;
    const [first, second] = [sigstoreKey(), sigstoreKey()];
    await copy(arrangement, [first.signer('attachment')], { stores: ['attachment'] });
    registry.faults.on(
      { method: 'GET', path: /\/tags\/list/, nth: [1] },
      answer(200, {}, { name: 'ns/app', tags: [] }),
    );
    await copy(arrangement, [second.signer('attachment')], { stores: ['attachment'] });
    for (const key of [first, second]) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
    }
  });

  it('is asked for where the list of tags cannot be had, and a failure of that stops the push', async (t) => {
    const arrangement = await arranged(t);
    const { env, registry, name } = arrangement;
    const [first, second] = [sigstoreKey(), sigstoreKey()];
    await copy(arrangement, [first.signer('attachment')], { stores: ['attachment'] });
    registry.faults.on({ method: 'GET', path: /\/tags\/list/ }, answer(403, {}, { errors: [{ code: 'DENIED' }] }));
    await copy(arrangement, [second.signer('attachment')], { stores: ['attachment'] });
    for (const key of [first, second]) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
    }
    registry.faults.on({ method: 'GET', path: /\.sig$/ }, answer(403, {}, { errors: [{ code: 'DENIED' }] }));
    await assert.rejects(
      copy(arrangement, [sigstoreKey().signer('attachment')], { stores: ['attachment'] }),
      AuthError,
    );
  });
});

describe('attachments that two write at once', () => {
  it('are all there in the end', async (t) => {
    const arrangement = await arranged(t);
    const { env, name } = arrangement;
    await copy(arrangement, [sigstoreKey().signer('attachment')], { stores: ['attachment'] });
    const keys = [sigstoreKey(), sigstoreKey(), sigstoreKey()];
    await Promise.all(keys.map((key) => sign(env, name, [key.signer('attachment')], { stores: ['attachment'] })));
    for (const key of keys) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['verified', 'verified', 'verified']);
    }
  });
});
