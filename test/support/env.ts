/** What operations need, made for tests: a store in a temporary folder, real clients, a clock that never waits. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createRegistryPool, type RegistrySettings } from '../../src/distribution/registry-pool.ts';
import type { ProgressEvent } from '../../src/foundation/events.ts';
import { createSession } from '../../src/foundation/session.ts';
import type { Env } from '../../src/operations/environment.ts';
import { Store } from '../../src/store/store.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testFolder } from './folders.ts';

export interface TestEnv extends Env {
  /** Everything that was told, in order. */
  readonly events: ProgressEvent[];
  /** A temporary folder of the test. */
  readonly folder: string;
}

export interface TestEnvOptions {
  signal?: AbortSignal;
  registry?: Partial<RegistrySettings>;
  /** The store of another environment, to share it. */
  folder?: string;
}

/** An environment on loopback; plain HTTP is allowed, retries do not wait. */
export async function testEnv(t: TestContext, options: TestEnvOptions = {}): Promise<TestEnv> {
  const folder = options.folder ?? (await testFolder(t));
  const events: ProgressEvent[] = [];
  let now = 1_700_000_000_000;
  const session = createSession({
    clock: {
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
    onEvent: (event) => events.push(event),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const registries = createRegistryPool(
    session,
    { tlsVerify: false, retry: { maxRetries: 3 }, env: {}, ...options.registry },
    async () => undefined,
  );
  let store: Store | undefined;
  t.after(async () => {
    await registries[Symbol.asyncDispose]();
    store?.close();
  });
  return {
    session,
    registries,
    events,
    folder,
    locate,
    host: { os: 'linux', architecture: 'amd64' },
    store: () => {
      store ??= Store.open(join(folder, 'store'));
      return store;
    },
  };
}
