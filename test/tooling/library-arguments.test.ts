/** What a program may hand to the library by mistake, where no type can tell. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fixtureImage, fixtureIndex, writeFixtureLayout } from '../../fixtures/images.ts';
import {
  type AddArtifactRequest,
  addArtifact,
  annotateList,
  createList,
  createRegistryPool,
  createSession,
  type Env,
  generateKey,
  locate,
  type RegistrySettings,
  Store,
  signImage,
  startRegistry,
} from '../../src/index.ts';
import { testEnv } from '../support/env.ts';
import { testFolder } from '../support/folders.ts';

async function setUp(t: TestContext): Promise<{ folder: string; env: Env; list: string }> {
  const env = await testEnv(t);
  const name = 'localhost/app:1';
  const { id } = await createList(env, { name, images: [], taking: 'all', annotations: {}, ifExists: 'fail' });
  return { folder: env.folder, env, list: id };
}

const pool = (settings: Partial<RegistrySettings>) => () =>
  createRegistryPool(createSession(), { retry: { maxRetries: 0 }, ...settings }, async () => undefined);

describe('wrong arguments of the library are refused by name', () => {
  it('a store needs a folder: an empty one would be the working directory', () => {
    for (const folder of ['', 'a\0b']) {
      assert.throws(() => Store.open(folder), { name: 'UsageError', code: 'STORE_FOLDER', hint: /"dir"/ });
    }
  });

  it('garbage has an age', async (t) => {
    const { env } = await setUp(t);
    for (const olderThanMs of [-1, Number.NaN]) {
      await assert.rejects(env.store().collectGarbage({ olderThanMs }), { code: 'OLDER_THAN', hint: /"olderThanMs"/ });
    }
  });

  it('a list has a name', async (t) => {
    const { env } = await setUp(t);
    assert.throws(() => env.store().lists.read(''), { code: 'LIST_NOT_FOUND', message: '"": image not known' });
  });

  it('an artifact is made of files and has types', async (t) => {
    const { folder, env, list } = await setUp(t);
    const file = join(folder, 'a.txt');
    await writeFile(file, 'a');
    const add = (wrong: Partial<AddArtifactRequest>) =>
      addArtifact(env, { list, files: [file], excludeTitles: false, artifactAnnotations: {}, changes: {}, ...wrong });
    await assert.rejects(add({ files: [] }), { name: 'UsageError', code: 'NO_FILES', hint: /"files"/ });
    await assert.rejects(add({ files: [file, ''] }), { name: 'UsageError', code: 'EMPTY_PATH' });
    await assert.rejects(add({ configFile: '' }), { name: 'UsageError', code: 'EMPTY_PATH' });
    await assert.rejects(add({ layerType: '' }), { name: 'UsageError', code: 'EMPTY_TYPE', message: /"layerType"/ });
    await assert.rejects(add({ configType: '' }), { name: 'UsageError', code: 'EMPTY_TYPE', message: /"configType"/ });
    assert.equal(env.store().lists.read(list).index.manifests.length, 0);
  });

  it('an artifact with an empty type has none, as the peers make it', async (t) => {
    const { folder, env, list } = await setUp(t);
    const file = join(folder, 'a.txt');
    await writeFile(file, 'a');
    const request = { list, files: [file], excludeTitles: false, artifactAnnotations: {}, changes: {} };
    const { added } = await addArtifact(env, { ...request, artifactType: '' });
    assert.deepEqual(
      added.map((entry) => 'artifactType' in entry),
      [false],
    );
  });

  it('platforms that are chosen are named', async (t) => {
    const { env } = await setUp(t);
    const folder = await testFolder(t);
    await writeFixtureLayout(
      folder,
      {},
      { app: fixtureIndex([await fixtureImage({ platform: { os: 'linux', architecture: 'amd64' } })]) },
    );
    const request = { name: 'localhost/some:1', images: [locate(`oci:${folder}:app`)], annotations: {} } as const;
    await assert.rejects(createList(env, { ...request, taking: { platforms: [] }, ifExists: 'fail' }), {
      name: 'UsageError',
      code: 'NO_PLATFORMS',
      hint: /"platforms"/,
    });
    assert.equal(env.store().lists.find(request.name), undefined);
  });

  it('fields of an instance are not those of a list', async (t) => {
    const { env, list } = await setUp(t);
    const request = { list, instance: undefined, annotations: {}, removeAnnotations: [], changes: { variant: 'v8' } };
    await assert.rejects(annotateList(env, request), {
      name: 'UsageError',
      code: 'CONFLICTING_ARGUMENTS',
      message: /"variant"/,
    });
  });

  it('somebody signs', async (t) => {
    const { env } = await setUp(t);
    const location = locate('docker://127.0.0.1:1/app:1');
    const request = { location, signers: [], stores: new Set(['attachment'] as const) };
    await assert.rejects(signImage(env, { ...request, registriesD: () => assert.fail('nothing is read') }), {
      name: 'UsageError',
      code: 'NO_SIGNERS',
      hint: /"signers"/,
    });
  });

  it('keys are of a kind that there is', async (t) => {
    const { folder } = await setUp(t);
    const request = { prefix: join(folder, 'k'), passphrase: new Uint8Array() };
    const algorithm = 'ecdsa' as 'ed25519';
    for (const kind of [{ type: 'sigstore' } as const, { type: 'gpg', email: 'me@example.com' } as const]) {
      await assert.rejects(generateKey({ ...request, ...kind, algorithm }), {
        name: 'UsageError',
        code: 'BAD_KEY_ALGORITHM',
        message: `"ecdsa" is no algorithm of ${kind.type} keys`,
      });
    }
    assert.equal(existsSync(join(folder, 'k.key')), false);
  });

  it('settings of connections are numbers that can be waited for and sent', () => {
    const wrong: readonly (readonly [name: string, settings: Partial<RegistrySettings>])[] = [
      ['delayMs', { retry: { maxRetries: 1, delayMs: Number.NaN } }],
      ['maxWaitMs', { retry: { maxRetries: 1, maxWaitMs: -1 } }],
      ['connectMs', { timeouts: { connectMs: 0 } }],
      ['headersMs', { timeouts: { headersMs: Number.POSITIVE_INFINITY } }],
      ['bodyMs', { timeouts: { bodyMs: -1 } }],
      ['smallBodyMs', { timeouts: { smallBodyMs: 2 ** 31 } }],
      ['wholeBytes', { uploads: { wholeBytes: Number.NaN } }],
      ['resumableBytes', { uploads: { resumableBytes: -1 } }],
      ['pieceBytes', { uploads: { pieceBytes: 0 } }],
      ['certDir', { certDir: '' }],
    ];
    for (const [name, settings] of wrong) {
      assert.throws(pool(settings), { name: 'UsageError', code: 'INVALID_SETTING', message: new RegExp(`"${name}"`) });
    }
  });

  it('a registry has an address, a folder and a certificate: an empty address would be every one of this machine', async () => {
    await assert.rejects(startRegistry({ storage: 'memory', host: '' }), { name: 'UsageError', code: 'INVALID_HOST' });
    await assert.rejects(startRegistry({ storage: { directory: '' } }), {
      name: 'UsageError',
      code: 'INVALID_DIRECTORY',
    });
    await assert.rejects(startRegistry({ storage: 'memory', tls: { cert: '', key: '' } }), {
      name: 'UsageError',
      code: 'INVALID_CERTIFICATE',
      message: /the certificate is empty/,
    });
  });
});
