/** One suite for every storage: what a client sees does not depend on where things are kept. */
import { type TestContext, test } from 'node:test';
import type { RegistryOptions } from '../../src/registry-server/index.ts';
import { testFolder } from '../support/folders.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

type Start = (options?: Partial<RegistryOptions>) => Promise<TestRegistry>;

/** Declares the test once for each storage; `start` starts a registry over it. */
export function overEveryStorage(name: string, body: (start: Start, t: TestContext) => Promise<void>): void {
  test(`${name} (memory)`, (t) => body((options) => withRegistry(t, options), t));
  test(`${name} (folder)`, async (t) => {
    const directory = await testFolder(t);
    await body((options) => withRegistry(t, { storage: { directory }, ...options }), t);
  });
}
