/** A program that copies one image into a layout under several names: `layout-writer.ts FROM TO NAME...`; tests run several. */
import { executePlan } from '../../src/copy/execute-plan.ts';
import { planCopy } from '../../src/copy/plan-copy.ts';
import { createRegistryPool } from '../../src/distribution/registry-pool.ts';
import { createSession } from '../../src/foundation/session.ts';
import { Store } from '../../src/store/store.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';

const [from = '', to = '', ...names] = process.argv.slice(2);
const session = createSession();
const registries = createRegistryPool(
  session,
  { tlsVerify: false, retry: { maxRetries: 0 }, env: {} },
  async () => undefined,
);
const env = { session, registries, locate, store: (): Store => Store.open(`${to}.store`) };
for (const name of names) {
  const location = locate(`${to}:${name}`);
  await using source = await openVerifiedSource(locate(from), env);
  await using destination = await location.openDestination(env);
  const host = { os: 'linux', architecture: 'amd64' };
  const plan = await planCopy({ source, destination, location, select: 'all', unselected: 'keep', host });
  await executePlan(session, plan, source, destination);
}
await registries[Symbol.asyncDispose]();
