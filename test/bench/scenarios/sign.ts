/** Signing a list of 50 instances on the way to a registry 30 ms away, and where it stands, beside cosign. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { encodeKeyFile } from '../../../src/signing/sigstore/key-file.ts';
import { generateKeys } from '../../../src/signing/sigstore/keys.ts';
import { generateGpgKey } from '../../../src/signing/simple/generate-key.ts';
import { type Contender, compare, report } from '../compare.ts';
import { type Bench, openBench } from '../program.ts';
import { makeRelease } from '../release.ts';
import { oneOf, positive, type Scenario } from '../scenario.ts';

const passphrase = 'bench';
const [slower, faster] = [1.5, 4];

interface Keys {
  readonly gpg: string;
  readonly first: string;
  readonly second: string;
}

async function makeKeys(folder: string): Promise<Keys> {
  const path = (name: string): string => join(folder, name);
  const gpg = await generateGpgKey({ algorithm: 'rsa-3072', email: 'bench@example.com', passphrase });
  writeFileSync(path('gpg.key'), gpg.privateKey);
  for (const name of ['first.key', 'second.key']) {
    const { privateKey } = await generateKeys('p256');
    writeFileSync(path(name), await encodeKeyFile(privateKey, Buffer.from(passphrase), 'sigstore'));
  }
  mkdirSync(path('registries.d'));
  const places = `default-docker:\n  lookaside: file://${path('lookaside')}\n  use-sigstore-attachments: true\n`;
  writeFileSync(join(path('registries.d'), 'bench.yaml'), places);
  return { gpg: path('gpg.key'), first: path('first.key'), second: path('second.key') };
}

/** MiB of the layers of each instance: as they are in small programs, and next to nothing, where all the rest weighs most. */
const sizes = { 'three layers each': [0.5, 0.5, 0.5], 'one small layer each': [0.01] } as const;

/** What the flags of three signers make of a push, and what the same places cost with one sigstore key for two of them. */
async function pushes(bench: Bench, host: string, keys: Keys, rounds: number): Promise<void> {
  for (const [what, layers] of Object.entries(sizes)) {
    console.log(`\npush of 50 instances, ${what}, to an empty repository, 30 ms away`);
    const release = join(bench.folder, what.replaceAll(' ', '-'));
    makeRelease(release, { platforms: 50, layers });
    await pushesOf(release, bench, host, keys, rounds);
  }
}

async function pushesOf(release: string, bench: Bench, host: string, keys: Keys, rounds: number): Promise<void> {
  const push = (title: string, ...flags: string[]): Contender =>
    bench.sheaf(title, () => [
      ...['image', 'copy', '--all', '--quiet', '--tls-verify=false', ...flags],
      ...[`oci:${release}:multi`, `docker://${host}/bench/${bench.fresh()}:1`],
    ]);
  const gpg = ['--registries-d', join(bench.folder, 'registries.d'), '--sign-key-file', keys.gpg];
  const [first, second] = [keys.first, keys.second].map((file) => ['--sign-by-sigstore-private-key', file]);
  const stores = ['lookaside', 'attachment', 'bundle'].flatMap((store) => ['--signature-store', store]);
  const three = 'with three keys';
  const everywhere = 'with two keys, in three places';
  const measured = await compare(
    [
      push('without signatures'),
      push(three, ...gpg, ...(first ?? []), ...(second ?? [])),
      push(everywhere, ...gpg, ...(first ?? []), ...stores),
    ],
    rounds,
  );
  if (!report(measured, { [three]: slower, [everywhere]: slower })) process.exitCode = 1;
}

/** The same key signs the index and all 50 instances, for the first time. */
async function besideCosign(bench: Bench, host: string, keys: Keys, rounds: number): Promise<void> {
  console.log('\nthe list is there and is signed with one key, as attachments');
  const release = join(bench.folder, 'small');
  makeRelease(release, { platforms: 50, layers: [0.1] });
  const push = bench.sheaf('push', () => [
    ...['image', 'copy', '--all', '--quiet', '--tls-verify=false'],
    ...[`oci:${release}:multi`, `docker://${host}/bench/${name}:1`],
  ]);
  let name = bench.fresh();
  const prepare = async (): Promise<void> => {
    name = bench.fresh();
    await push.run();
  };
  const image = (): string => `${host}/bench/${name}:1`;
  const ours = ['sign', '--tls-verify=false', '--sign-by-sigstore-private-key', keys.first];
  const theirs = ['sign', '--yes', '--recursive', '--key', keys.first, '--allow-insecure-registry'];
  const offline = ['--tlog-upload=false', '--use-signing-config=false', '--new-bundle-format=false'];
  const measured = await compare(
    [
      bench.sheaf('sheaf sign', () => [...ours, `docker://${image()}`]),
      ...bench.peer('cosign', 'cosign sign --recursive', () => [[...theirs, ...offline, image()]]),
    ].map((contender) => ({ ...contender, prepare })),
    rounds,
  );
  report(measured);
  const [, cosign] = measured;
  if (cosign === undefined) return;
  console.log(`cosign takes ${cosign.ratio.toFixed(1)} times as long (at least ${faster})`);
  if (cosign.ratio < faster) process.exitCode = 1;
}

const sign: Scenario = {
  summary:
    'Sign a list of 50 instances, 30 ms away; options: which (push, cosign, all), registry (real, memory), rounds (5).',
  async run([whichWord = 'all', kindWord = 'real', count = '5']) {
    const which = oneOf(whichWord, ['push', 'cosign', 'all']);
    const kind = oneOf(kindWord, ['real', 'memory']);
    const rounds = positive(count);
    process.env['SHEAF_SIGN_PASSPHRASE'] = passphrase;
    process.env['COSIGN_PASSWORD'] = passphrase;
    const bench = await openBench();
    const target = kind === 'memory' ? {} : { target: Number(bench.host.split(':')[1]) };
    const worker = new Worker(new URL('../slow-registry.ts', import.meta.url), {
      workerData: { roundTripMs: 30, port: 5008, ...target },
    });
    try {
      const { far } = await new Promise<{ far: string }>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      const keys = await makeKeys(bench.folder);
      if (which !== 'cosign') await pushes(bench, far, keys, rounds);
      if (which !== 'push') await besideCosign(bench, far, keys, rounds);
    } finally {
      await worker.terminate();
      await bench.close();
    }
  },
};

export default sign;
