/** Signatures in layouts, and signatures that go along with a copy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, writeFixtureLayout } from '../../fixtures/images.ts';
import type { CopyChanges } from '../../src/copy/copy-request.ts';
import { ConflictError, UnsupportedError } from '../../src/foundation/errors.ts';
import { createSession } from '../../src/foundation/session.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { type CopyTaking, copyImage } from '../../src/operations/copy-image.ts';
import { createList } from '../../src/operations/create-list.ts';
import { pushList } from '../../src/operations/push-list.ts';
import { createAttachmentStore, simpleSigningType } from '../../src/signing/attachments/attachment-store.ts';
import type { ImageSigner } from '../../src/signing/signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import {
  gpgKey,
  type SigningEnv,
  seedApp,
  sign,
  signingEnv,
  sigstoreKey,
  takeAny,
  verdicts,
  verify,
} from '../signing/support.ts';
import { answer } from '../support/fault-kinds.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

const all: CopyTaking = { select: 'all', unselected: 'keep' };
const three = ['verified', 'verified', 'verified'];

async function layout(env: SigningEnv): Promise<string> {
  const images = await Promise.all(
    ['amd64', 'arm64'].map((architecture) => fixtureImage({ platform: { os: 'linux', architecture } })),
  );
  const folder = join(env.folder, 'layout');
  await writeFixtureLayout(folder, Object.fromEntries(images.map((image, at) => [`p${at}`, image])), {
    multi: fixtureIndex(images),
  });
  return folder;
}

interface Options extends CopyChanges {
  readonly take?: CopyTaking;
  readonly signers?: readonly ImageSigner[];
  /** Whether signatures go along; default true. */
  readonly along?: boolean;
  readonly dryRun?: boolean;
}

function copy(env: SigningEnv, from: string, to: string, options: Options = {}) {
  const { take = all, signers = [], along = true, dryRun = false, ...changes } = options;
  const { registriesD } = env;
  const stores = new Set(['attachment', 'lookaside'] as const);
  return copyImage(env, {
    source: locate(from),
    destination: locate(to),
    take,
    tags: [],
    dryRun,
    ...(along ? { signatures: { registriesD } } : {}),
    ...(signers.length === 0 ? {} : { signing: { chosen: Promise.resolve({ signers, stores }), registriesD } }),
    ...changes,
  });
}

describe('signatures in a layout', () => {
  it('are attachments and bundles, once each, and go along to a registry', async (t) => {
    const env = await signingEnv(t);
    const registry = await withRegistry(t);
    const folder = await layout(env);
    const name = `oci:${folder}:multi`;
    const key = sigstoreKey();
    const signing = { stores: ['attachment', 'bundle'], identity: `${registry.host}/ns/app:v1` } as const;
    assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key] })), ['unsigned', 'unsigned', 'unsigned']);
    assert.equal((await sign(env, name, [key.signer('attachment', 'bundle')], signing)).added, 6);
    assert.equal((await sign(env, name, [key.signer('attachment', 'bundle')], signing)).added, 0);
    for (const stores of [['attachment'], ['bundle']] as const) {
      assert.deepEqual(verdicts(await verify(env, name, { sigstore: [key], stores })), three);
      assert.equal((await verify(env, name, { sigstore: [sigstoreKey()], stores })).verified, false);
    }
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as { manifests: unknown[] };
    assert.equal(index.manifests.length, 3 + 3 + 3);
    const to = `docker://${registry.host}/ns/app:v1`;
    await copy(env, name, to, { referrers: true });
    for (const stores of [['attachment'], ['bundle']] as const) {
      assert.deepEqual(verdicts(await verify(env, to, { sigstore: [key], stores })), three);
    }
    const back = `oci:${join(env.folder, 'back')}:multi`;
    await copy(env, to, back, { referrers: true });
    for (const stores of [['attachment'], ['bundle']] as const) {
      assert.deepEqual(verdicts(await verify(env, back, { sigstore: [key], stores })), three);
    }
  });

  it('are told of when they stay behind', async (t) => {
    const env = await signingEnv(t);
    const name = `oci:${await layout(env)}:multi`;
    const told: string[] = [];
    const session = createSession({
      onEvent: (event) => void (event.type === 'warning' && told.push(event.message)),
    });
    const out = `dir:${join(env.folder, 'out')}`;
    await copy({ ...env, session }, name, out);
    assert.deepEqual(told, []);
    const signing = { stores: ['attachment'], identity: 'a.example/b:1' } as const;
    await sign(env, name, [sigstoreKey().signer('attachment')], signing);
    await copy({ ...env, session }, name, out);
    assert.match(told.join(), /^3 signatures .* stay behind: --referrers/);
    await copy({ ...env, session }, name, out, { along: false });
    assert.equal(told.length, 1);
  });

  it('leave the one image of a layout to be found without a name', async (t) => {
    const env = await signingEnv(t);
    const folder = join(env.folder, 'one');
    await copy(env, `oci:${await layout(env)}:multi`, `oci:${folder}`);
    const key = sigstoreKey();
    const signing = { stores: ['attachment', 'bundle'], identity: 'a.example/b:1' } as const;
    assert.equal((await sign(env, `oci:${folder}`, [key.signer('attachment', 'bundle')], signing)).added, 6);
    assert.deepEqual(verdicts(await verify(env, `oci:${folder}`, { sigstore: [key] })), three);
  });

  it('are not of GPG, which nobody would look for there', async (t) => {
    const env = await signingEnv(t);
    const name = `oci:${await layout(env)}:multi`;
    const request = { stores: ['lookaside'], identity: 'a.example/b:1' } as const;
    await assert.rejects(sign(env, name, [(await gpgKey()).signer], request), UnsupportedError);
  });
});

interface Signed {
  readonly env: SigningEnv;
  readonly registry: TestRegistry;
  readonly name: string;
  readonly gpg: Awaited<ReturnType<typeof gpgKey>>;
  readonly key: ReturnType<typeof sigstoreKey>;
}

/** An index in a registry, signed in a lookaside and by attachments. */
async function signed(t: TestContext): Promise<Signed> {
  const env = await signingEnv(t);
  const registry = await withRegistry(t);
  const { name } = await seedApp(registry);
  const [gpg, key] = [await gpgKey(), sigstoreKey()];
  await sign(env, name, [gpg.signer, key.signer('attachment')], { stores: ['lookaside', 'attachment'] });
  return { env, registry, name, gpg, key };
}

describe('signatures of the source of a copy', () => {
  it('go along from a registry to a folder and to another registry, beside new ones', async (t) => {
    const { env, name, gpg, key } = await signed(t);
    const folder = `dir:${join(env.folder, 'out')}`;
    assert.equal((await copy(env, name, folder, { dryRun: true })).carried, 6);
    assert.equal((await copy(env, name, folder)).carried, 6);
    const other = `docker://${(await withRegistry(t)).host}/other/app:v2`;
    const mine = sigstoreKey();
    await copy(env, folder, other, { signers: [mine.signer('attachment')] });
    const identity = name.slice('docker://'.length);
    for (const place of [folder, other]) {
      assert.deepEqual(verdicts(await verify(env, place, { gpg: [gpg], identity })), three);
      assert.deepEqual(verdicts(await verify(env, place, { sigstore: [key], identity })), three);
    }
    assert.deepEqual(verdicts(await verify(env, other, { sigstore: [mine] })), three);
    assert.equal((await verify(env, other, { gpg: [gpg] })).verified, false);
    assert.equal((await copy(env, folder, other)).carried, 6);
    const again = await verify(env, other, { sigstore: [key], identity });
    assert.equal(again.manifests[0]?.signatures.filter(({ format }) => format === 'attachment').length, 2);
  });

  it('go along with the one image that is taken, and with those of some platforms when the list is not signed', async (t) => {
    const { env, name, gpg } = await signed(t);
    const one = `dir:${join(env.folder, 'one')}`;
    await copy(env, name, one, { take: { one: {} } });
    const identity = name.slice('docker://'.length);
    assert.deepEqual(verdicts(await verify(env, one, { gpg: [gpg], identity })), ['verified']);
    const some: CopyTaking = { select: { platforms: [{ os: 'linux', architecture: 'arm64' }] }, unselected: 'strip' };
    await assert.rejects(copy(env, name, `dir:${join(env.folder, 'some')}`, { take: some }), ConflictError);
  });

  it('stop a copy that would break them or cannot keep them, before anything is sent, unless they stay behind', async (t) => {
    const { env, name, registry } = await signed(t);
    const layoutName = `oci:${join(env.folder, 'out')}:1`;
    const refusals: Array<[string, Options, string]> = [
      [`docker://${registry.host}/ns/other:1`, { format: 'docker' }, 'SIGNATURES_WOULD_BREAK'],
      [layoutName, {}, 'SIGNATURES_NOT_SUPPORTED'],
    ];
    for (const [to, options, code] of refusals) {
      registry.faults.reset();
      await assert.rejects(copy(env, name, to, options), (thrown: { code?: string; hint?: string }) => {
        assert.equal(thrown.code, code);
        assert.match(thrown.hint ?? '', /--remove-signatures/);
        return true;
      });
      assert.deepEqual(
        registry.faults.log().filter((line) => !/^(GET|HEAD)/.test(line)),
        [],
      );
      assert.equal((await copy(env, name, to, { ...options, along: false })).carried, undefined);
    }
  });

  it('go along with the instances of a list that is pushed, from where these are', async (t) => {
    const { env, name, gpg, key } = await signed(t);
    const { registriesD } = env;
    const to = `docker://${(await withRegistry(t)).host}/team/list:1`;
    const taking = 'all' as const;
    const list = await createList(env, {
      name: 'list',
      images: [locate(name)],
      taking,
      annotations: {},
      ifExists: 'fail',
    });
    const request = {
      list: list.id,
      destination: locate(to),
      select: 'all',
      unselected: 'keep',
      tags: [],
      require: [],
      dryRun: false,
    } as const;
    const compression = { format: 'zstd' } as const;
    const signatures = { registriesD, inRegistries: true };
    await assert.rejects(pushList(env, { ...request, compression, signatures }), {
      code: 'SIGNATURES_WOULD_BREAK',
    });
    assert.equal((await pushList(env, { ...request, signatures })).carried, 4);
    const identity = name.slice('docker://'.length);
    for (const trusted of [{ gpg: [gpg] }, { sigstore: [key] }]) {
      const seen = await verify(env, to, { ...trusted, identity, require: 'instances' });
      assert.deepEqual(verdicts(seen), ['unsigned', 'verified', 'verified']);
    }
  });

  it('go along with instances in folders even where no registry is asked for any', async (t) => {
    const { env, name, gpg, registry } = await signed(t);
    const { registriesD } = env;
    const folder = `dir:${join(env.folder, 'kept')}`;
    await copy(env, name, folder);
    const [images, taking] = [[locate(folder)], 'all' as const];
    const list = await createList(env, { name: 'of-folder', images, taking, annotations: {}, ifExists: 'fail' });
    const to = `docker://${(await withRegistry(t)).host}/team/list:1`;
    const push = { destination: locate(to), select: 'all', unselected: 'keep', tags: [], require: [] } as const;
    const signatures = { registriesD, inRegistries: false };
    registry.faults.reset();
    const pushed = await pushList(env, { ...push, list: list.id, dryRun: false, signatures });
    assert.equal(pushed.carried, 4);
    const seen = await verify(env, to, { gpg: [gpg], identity: name.slice('docker://'.length), require: 'instances' });
    assert.deepEqual(verdicts(seen), ['unsigned', 'verified', 'verified']);
    assert.deepEqual(registry.faults.log(), []);
  });

  it('are an error where they cannot be read', async (t) => {
    const { env, name, registry } = await signed(t);
    registry.faults.on({ method: 'GET', path: /\.sig$/ }, answer(403, {}, { errors: [{ code: 'DENIED' }] }));
    await assert.rejects(copy(env, name, `dir:${join(env.folder, 'out')}`));
  });
});

describe('signatures as large as hardly anybody makes them', () => {
  it('go along byte for byte, and are not held in memory until they are written', async (t) => {
    const [env, from, to] = [await signingEnv(t), await withRegistry(t), await withRegistry(t)];
    const { name, index, images } = await seedApp(from);
    const signed = [index, ...images].map(({ digest }, at) => ({
      digest: digest as Digest,
      bytes: 100_000 + at,
    }));
    const session = createSession();
    const storeOf = (host: string) => {
      const client = env.registries.client(host, {});
      return createAttachmentStore(client.repository('ns/app'), session);
    };
    const opened = ({ digest }: { digest: Digest }, host: string) =>
      storeOf(host).open({ digest, mediaType: '', size: 0 }, takeAny);
    for (const one of signed) {
      const payload = Buffer.alloc(one.bytes, 'x');
      const signature = { kind: 'attachment', mediaType: simpleSigningType, payload, annotations: {} } as const;
      assert.equal(await (await opened(one, from.host)).add([signature]), 1);
    }
    const { carried } = await copy(env, name, `docker://${to.host}/ns/app:v1`);
    assert.equal(carried, 3);
    for (const one of signed) {
      const [there] = (await opened(one, to.host)).signatures;
      assert.ok(there?.kind === 'attachment');
      assert.deepEqual(Buffer.from(there.payload), Buffer.alloc(one.bytes, 'x'));
      // once to know that it goes along, and once more to write it
      const read = from.faults.seen({ method: 'GET', path: new RegExp(`/blobs/${digestOf(there.payload)}$`) });
      assert.equal(read.length, 2);
    }
  });
});
