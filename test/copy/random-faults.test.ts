/**
 * Pushes through registries that misbehave at random: each ends complete and right, or with one clear error and no tag moved,
 * and the next run sends only what is missing. `SHEAF_SEED` repeats a series, `SHEAF_FAULT_RUNS` makes it longer.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import {
  type FixtureImage,
  fixtureImage,
  fixtureIndex,
  pushFixtureImage,
  pushFixtureManifest,
} from '../../fixtures/images.ts';
import { executePlan } from '../../src/copy/execute-plan.ts';
import { type CopyRequest, planCopy } from '../../src/copy/plan-copy.ts';
import { BugError, SheafError } from '../../src/foundation/errors.ts';
import { parseIndex } from '../../src/oci/image-index.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { locate } from '../../src/transports/image-names.ts';
import { openVerifiedSource } from '../../src/transports/verified-source.ts';
import { type TestEnv, testEnv } from '../support/env.ts';
import {
  answer,
  changedByte,
  cutAfterDone,
  cutBeforeHeaders,
  cutRequestBodyAfter,
  cutResponseBodyAfter,
  htmlAnswer,
  noChunks,
  noContentDigest,
  noMounts,
  noRanges,
  noReferrers,
  oversizeBody,
  redirect,
  serverError,
  tooManyRequests,
  truncatedBody,
  unauthorized,
  withHeaders,
  wrongContentDigest,
  wrongLocation,
  wrongRange,
} from '../support/fault-kinds.ts';
import type { Fault, Pattern } from '../support/faults.ts';
import { createRandom, type Random } from '../support/random.ts';
import { type TestRegistry, withRegistry } from '../support/registry.ts';

const seed = Number(process.env['SHEAF_SEED'] ?? randomInt(2 ** 31));
const runs = Number(process.env['SHEAF_FAULT_RUNS'] ?? (process.env['CI'] ? 300 : 60));
/** Series that share two registries. */
const series = 6;

const manifestPath = /\/manifests\//;
const blobPath = /\/blobs\/sha256/;
const uploadPath = /\/blobs\/uploads\//;

/** A request that comes in a push, and what can happen to it. */
function randomFault(random: Random): { pattern: Pattern; fault: Fault; says: string } {
  const anyAnswer: ReadonlyArray<[string, () => Fault]> = [
    ['500', () => serverError(500)],
    ['502 with HTML', () => htmlAnswer()],
    ['503', () => serverError(503)],
    ['429', () => tooManyRequests(random.below(3))],
    ['429 without a time', () => tooManyRequests()],
    ['401', () => unauthorized('Basic realm="x"')],
    ['403', () => answer(403, {}, { errors: [{ code: 'DENIED', message: 'no' }] })],
    ['404', () => answer(404, {}, '')],
    ['cut before the headers', () => cutBeforeHeaders()],
    ['cut when it was done', () => cutAfterDone()],
    ['redirect to nowhere', () => redirect('http://127.0.0.1:1/')],
    ['no answer worth the name', () => answer(200, {}, 'hello')],
  ];
  const kinds: ReadonlyArray<[string, Pattern, ReadonlyArray<[string, () => Fault]>]> = [
    ['HEAD of a manifest', { method: 'HEAD', path: manifestPath }, anyAnswer],
    [
      'GET of a manifest',
      { method: 'GET', path: manifestPath },
      [
        ...anyAnswer,
        ['changed byte', () => changedByte(random.below(200))],
        ['truncated', () => truncatedBody(random.below(200))],
        ['too long', () => oversizeBody(100)],
        ['wrong digest', () => wrongContentDigest()],
      ],
    ],
    ['HEAD of a blob', { method: 'HEAD', path: blobPath }, anyAnswer],
    [
      'GET of a blob',
      { method: 'GET', path: blobPath },
      [
        ...anyAnswer,
        ['changed byte', () => changedByte(random.below(20_000))],
        ['truncated', () => truncatedBody(random.below(100_000))],
        ['too long', () => oversizeBody(100, { chunked: true })],
        ['cut', () => cutResponseBodyAfter(random.below(400_000))],
        ['no ranges', () => noRanges()],
      ],
    ],
    [
      'POST of an upload',
      { method: 'POST', path: uploadPath },
      [
        ...anyAnswer,
        ['wrong location', () => wrongLocation('http://127.0.0.1:1/v2/x')],
        ['no location', () => withHeaders({ location: undefined })],
        ['nonsense for a location', () => wrongLocation('::::')],
      ],
    ],
    [
      'PATCH of an upload',
      { method: 'PATCH', path: uploadPath },
      [
        ...anyAnswer,
        ['cut', () => cutRequestBodyAfter(random.below(400_000))],
        ['wrong range', () => wrongRange(random.pick(['0-0', '5-1', 'x', '0-99999999', '']))],
        ['no chunks', () => noChunks()],
        ['wrong location', () => wrongLocation('http://127.0.0.1:1/v2/x')],
      ],
    ],
    [
      'PUT of an upload',
      { method: 'PUT', path: uploadPath },
      [
        ...anyAnswer,
        ['cut', () => cutRequestBodyAfter(random.below(100_000))],
        ['wrong digest', () => wrongContentDigest()],
        ['no digest', () => noContentDigest()],
      ],
    ],
    [
      'PUT of a manifest',
      { method: 'PUT', path: manifestPath },
      [
        ...anyAnswer,
        ['wrong digest', () => wrongContentDigest()],
        ['no digest', () => noContentDigest()],
        ['no referrers', () => noReferrers()],
      ],
    ],
    ['mount', { method: 'POST', path: /mount=/ }, [...anyAnswer, ['no mounts', () => noMounts()]]],
  ];
  const [where, pattern, faults] = random.pick(kinds);
  const [what, fault] = random.pick(faults);
  const nth = random.below(6) + 1;
  // once, some times, or for ever
  const which: Pattern = random.pick([{ nth }, { nth: [nth, nth + 1, nth + 2] }, { times: 2 }, {}]);
  return { pattern: { ...pattern, ...which }, fault: fault(), says: `${what} at ${where} ${JSON.stringify(which)}` };
}

async function images(): Promise<FixtureImage[]> {
  const random = createRandom(7);
  // not compressible, so that cuts fall into it
  const noise = Buffer.from(Array.from({ length: 600_000 }, () => random.below(256)));
  return Promise.all(
    ['amd64', 'arm64'].map((architecture) =>
      fixtureImage({
        platform: { os: 'linux', architecture },
        layers: [{ noise }, { own: architecture }, { shared: 'shared '.repeat(100) }],
      }),
    ),
  );
}

interface Setup {
  readonly from: TestRegistry;
  readonly to: TestRegistry;
  readonly old: FixtureImage;
}

async function setUp(t: TestContext): Promise<Setup> {
  const from = await withRegistry(t);
  const to = await withRegistry(t);
  const all = await images();
  for (const image of all) await pushFixtureImage(from.url, 'src/app', image);
  await pushFixtureManifest(from.url, 'src/app', fixtureIndex(all), 'multi');
  const old = await fixtureImage({ platform: { os: 'linux', architecture: 'riscv64' } });
  return { from, to, old };
}

async function push(env: TestEnv, { from, to }: Setup, name: string, options: Partial<CopyRequest>) {
  const location = locate(`docker://${to.host}/${name}`);
  await using source = await openVerifiedSource(locate(`docker://${from.host}/src/app:multi`), env);
  await using destination = await location.openDestination(env);
  const store = env.store();
  const base = { select: 'all', unselected: 'keep', host: env.host } as const;
  const plan = await planCopy({ source, destination, location, store, ...base, ...options });
  return executePlan(env.session, plan, source, destination, { store });
}

/** Reads the whole tree with every check of a source. */
async function readAll(env: TestEnv, host: string, name: string): Promise<string> {
  await using source = await openVerifiedSource(locate(`docker://${host}/${name}`), env);
  const root = await source.getManifest();
  for (const { digest } of parseIndex(root).manifests) {
    const image = parseImageManifest(await source.getManifest(digest));
    for (const blob of [image.config, ...image.layers]) {
      for await (const _ of await source.openBlob(blob));
    }
  }
  return root.digest;
}

/** Digests of blobs that an upload has brought there, as its log says. */
function uploaded(registry: TestRegistry): string[] {
  return registry.faults
    .seen({ method: 'PUT', path: uploadPath })
    .filter((request) => request.status === 201)
    .flatMap((request) => request.query.get('digest') ?? []);
}

async function oneRun(t: TestContext, setup: Setup, number: number): Promise<'whole' | 'failed'> {
  const random = createRandom(seed + number);
  const { from, to, old } = setup;
  const name = `dst/app${number}`;
  const options = random.pick<Partial<CopyRequest>>([
    {},
    {},
    { compression: { format: 'zstd' } },
    { addCompression: [{ format: 'zstd' }] },
    { format: 'docker' },
  ]);
  from.faults.reset();
  to.faults.reset();
  await pushFixtureImage(to.url, name, old, 'latest');
  from.faults.reset();
  to.faults.reset();
  const env = await testEnv(t, {
    registry: {
      uploads: { wholeBytes: 100_000, resumableBytes: 50_000 },
      timeouts: { headersMs: 3000, bodyMs: 3000, smallBodyMs: 3000 },
    },
  });
  const says: string[] = [];
  for (let count = random.below(3) + 1; count > 0; count -= 1) {
    const { pattern, fault, says: text } = randomFault(random);
    const [side, sideName] = random.pick([
      [to, 'destination'],
      [to, 'destination'],
      [from, 'source'],
    ] as const);
    side.faults.on(pattern, fault);
    says.push(`${sideName}: ${text}`);
  }
  const about = `run ${number} of seed ${seed}, ${JSON.stringify(options)}, ${says.join('; ')}`;
  let outcome: 'whole' | 'failed' = 'whole';
  try {
    await push(env, setup, `${name}:latest`, options);
  } catch (thrown) {
    assert.ok(thrown instanceof SheafError && !(thrown instanceof BugError), `${about}: ${String(thrown)}`);
    assert.ok(thrown.message.length > 10, about);
    outcome = 'failed';
  }
  const there = uploaded(to);
  const moved = to.faults.seen({ method: 'PUT', path: /\/manifests\/latest$/ }).some((request) => request.done === 201);
  from.faults.reset();
  to.faults.reset();
  // nobody sees a tag of something incomplete, whatever happened
  const clean = await testEnv(t);
  if (outcome === 'failed' && !moved) {
    const answer = await fetch(`${to.url}/v2/${name}/manifests/latest`, { headers: { accept: '*/*' } });
    assert.equal(answer.headers.get('docker-content-digest'), old.manifest.digest, about);
  } else await readAll(clean, to.host, `${name}:latest`).catch((thrown: unknown) => assert.fail(`${about}: ${thrown}`));

  from.faults.reset();
  to.faults.reset();
  const again = await testEnv(t, { folder: env.folder });
  const { root } = await push(again, setup, `${name}:latest`, options).catch((thrown: unknown) =>
    assert.fail(`the second run of ${about}: ${String(thrown)}`),
  );
  const twice = uploaded(to).filter((digest) => there.includes(digest));
  assert.deepEqual(twice, [], `${about}: sent again`);
  assert.equal(await readAll(clean, to.host, `${name}:latest`), root.digest, about);
  return outcome;
}

// most of a run is waiting for the next try, so series run beside each other
describe(`pushes through registries that misbehave at random (SHEAF_SEED=${seed})`, { concurrency: 3 }, () => {
  for (let part = 0; part < series; part += 1) {
    it(`end whole or with one clear error, part ${part + 1} of ${series}`, async (t) => {
      const setup = await setUp(t);
      const count = { whole: 0, failed: 0 };
      for (let number = part; number < runs; number += series) count[await oneRun(t, setup, number)] += 1;
      t.diagnostic(`SHEAF_SEED=${seed}: ${count.whole} whole, ${count.failed} failed clearly`);
    });
  }
});
