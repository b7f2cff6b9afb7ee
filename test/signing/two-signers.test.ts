/**
 * Two who sign the same at the same moment, in a registry where nothing can be written on a condition: every turn in which one can
 * come between the other's look and write is taken once, and both signatures must be there in the end.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { copyImage } from '../../src/operations/copy-image.ts';
import type { SignatureStoreName } from '../../src/signing/signature-store.ts';
import { locate } from '../../src/transports/image-names.ts';
import { answer, withHeaders } from '../support/fault-kinds.ts';
import type { Fault } from '../support/faults.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';
import { seedImage } from '../support/seed.ts';
import { type SigningEnv, type SigstoreKey, sign, signingEnv, sigstoreKey, verify } from './support.ts';

interface Both {
  readonly registry: TestRegistry;
  /** `docker://host/ns/app:v1`, which is not there yet. */
  readonly name: string;
  readonly keys: readonly [SigstoreKey, SigstoreKey];
  /** One of the two copies the image and signs it on the way. */
  push(who: 0 | 1): Promise<void>;
}

async function arranged(t: TestContext, store: SignatureStoreName): Promise<Both> {
  const [registry, source] = [await withRegistry(t), await withRegistry(t)];
  // no list of referrers of its own: bundles are in an index that all signers write
  registry.faults.on({ path: /\/referrers\// }, answer(404));
  registry.faults.on({ method: 'PUT', path: /\/manifests\// }, withHeaders({ 'oci-subject': undefined }));
  // each with connections and knowledge of its own, as two machines have them
  const envs: readonly [SigningEnv, SigningEnv] = [await signingEnv(t), await signingEnv(t)];
  await seedImage(source, 'ns/app', { layers: ['layer'], tag: 'v1' });
  const keys = [sigstoreKey(), sigstoreKey()] as const;
  const kind = store === 'bundle' ? 'bundle' : 'attachment';
  const name = `docker://${registry.host}/ns/app:v1`;
  return {
    registry,
    name,
    keys,
    async push(who) {
      const env = envs[who];
      await copyImage(env, {
        source: locate(`docker://${source.host}/ns/app:v1`),
        destination: locate(name),
        take: { select: 'all', unselected: 'keep' },
        tags: [],
        dryRun: false,
        signing: {
          chosen: Promise.resolve({ signers: [keys[who].signer(kind)], stores: new Set([store]) }),
          registriesD: env.registriesD,
        },
      });
    },
  };
}

async function bothAreThere(t: TestContext, { name, keys }: Both): Promise<void> {
  const env = await signingEnv(t);
  for (const key of keys) assert.equal((await verify(env, name, { sigstore: [key] })).verified, true);
}

/** Runs `work` to its end before the request goes on. */
const after =
  (work: () => Promise<void>): Fault =>
  async (request, next) => {
    await work();
    return next(request);
  };

/** The answer is what is true before `work`, and comes after it. */
const answeredBefore =
  (work: () => Promise<void>): Fault =>
  async (request, next) => {
    const outcome = await next(request);
    await work();
    return outcome;
  };

/** The first that comes goes on when the second has been answered. */
function exchanged(): Fault {
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  let arrived = 0;
  return async (request, next) => {
    arrived += 1;
    if (arrived === 1) await done;
    const outcome = await next(request);
    if (arrived > 1) finish();
    return outcome;
  };
}

/** Both arrive before either goes on. */
function together(): Fault {
  const { promise: all, resolve: go } = Promise.withResolvers<void>();
  let arrived = 0;
  return async (request, next) => {
    arrived += 1;
    if (arrived === 2) go();
    if (arrived <= 2) await all;
    return next(request);
  };
}

const tagOf = { attachment: /\.sig$/, bundle: /\/manifests\/sha256-[0-9a-f]{64}$/ } as const;

describe('two who sign at the same moment', () => {
  for (const store of ['attachment', 'bundle'] as const) {
    const put = { method: 'PUT', path: tagOf[store] };

    it(`both stay in a repository that was not there when they began, one while the other makes its signatures (${store})`, async (t) => {
      const both = await arranged(t, store);
      both.registry.faults.on(
        { method: 'GET', path: /\/tags\/list/, nth: 1 },
        answeredBefore(() => both.push(1)),
      );
      await both.push(0);
      await bothAreThere(t, both);
    });

    it(`both stay when they write what neither has seen of the other, in a new repository (${store})`, async (t) => {
      const both = await arranged(t, store);
      both.registry.faults.on({ ...put, nth: [1, 2] }, together());
      await Promise.all([both.push(0), both.push(1)]);
      await bothAreThere(t, both);
    });

    it(`both stay when they write what neither has seen of the other, beside a third (${store})`, async (t) => {
      const both = await arranged(t, store);
      await both.push(0);
      const [env, other] = [await signingEnv(t), await signingEnv(t)];
      for (const fault of [together(), exchanged()]) {
        const keys = [sigstoreKey(), sigstoreKey()] as const;
        const off = both.registry.faults.on({ ...put, nth: [1, 2] }, fault);
        await Promise.all([
          sign(env, both.name, [keys[0].signer(store)], { stores: [store] }),
          sign(other, both.name, [keys[1].signer(store)], { stores: [store] }),
        ]);
        off();
        await bothAreThere(t, { ...both, keys });
      }
      assert.equal((await verify(env, both.name, { sigstore: [both.keys[0]] })).verified, true);
    });

    it(`both stay when one signs between the other's first look and its write (${store})`, async (t) => {
      const both = await arranged(t, store);
      await both.push(0);
      const env = await signingEnv(t);
      const keys = [sigstoreKey(), sigstoreKey()] as const;
      const between = after(async () => {
        await sign(await signingEnv(t), both.name, [keys[1].signer(store)], { stores: [store] });
      });
      both.registry.faults.on({ method: 'POST', path: /\/blobs\/uploads\//, nth: 1 }, between);
      await sign(env, both.name, [keys[0].signer(store)], { stores: [store] });
      await bothAreThere(t, { ...both, keys });
    });
  }
});
