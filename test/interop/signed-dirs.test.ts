/** Signed `dir:` images: what sheaf takes along is what skopeo takes along, and is accepted by it under a policy. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyImage } from '../../src/operations/copy-image.ts';
import { loadRegistriesD } from '../../src/registry-config/registries-d.ts';
import { createGpgKeySigner } from '../../src/signing/simple/key-signer.ts';
import { locate } from '../../src/transports/image-names.ts';
import { creator, seedApp, session, sign, signingEnv, sigstoreKey } from '../signing/support.ts';
import { testEnv } from '../support/env.ts';
import { withGpg } from '../support/gpg.ts';
import { isolatedPeers, skipWithout } from '../support/peers.ts';
import { leasePort } from '../support/ports.ts';
import { realRegistry } from '../support/registry.ts';

async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of (await readdir(folder)).sort()) found.set(name, await readFile(join(folder, name)));
  return found;
}

const skip = skipWithout('skopeo', 'registry', 'gpg', 'gpgconf');

describe('signed dir: images and skopeo', { skip }, () => {
  it('from a registry to dir:, from dir: to dir: and back to a registry, file by file', async (t) => {
    const registry = await realRegistry(t, { port: await leasePort(t) });
    const [gpg, peers, own, app, env] = [
      await withGpg(t),
      await isolatedPeers(t),
      await signingEnv(t),
      await seedApp(registry),
      await testEnv(t),
    ];
    const { folder } = peers;
    const directory = join(folder, 'registries.d');
    await mkdir(directory);
    await writeFile(
      join(directory, 'default.yaml'),
      `default-docker:\n  lookaside: file://${folder}/lookaside\n  use-sigstore-attachments: true\n`,
    );
    const registriesD = () => loadRegistriesD({ env: {}, homeDir: folder, directory });
    const fingerprint = await gpg.makeKey('Alice <alice@example.com>');
    await writeFile(join(folder, 'alice.gpg'), await gpg.exportPublic(fingerprint));
    const alice = await createGpgKeySigner({ key: await gpg.exportSecret(fingerprint), what: 'k', creator }, session);
    await sign({ ...own, registriesD }, app.name, [alice, sigstoreKey().signer('attachment')]);
    const all = { select: 'all', unselected: 'keep' } as const;
    const copy = (from: string, to: string) =>
      copyImage(env, {
        source: locate(from),
        destination: locate(to),
        take: all,
        tags: [],
        dryRun: false,
        signatures: { registriesD },
      });
    const skopeo = (policy: string, from: string, to: string) =>
      peers.ok('skopeo', [
        '--policy',
        policy,
        '--registries.d',
        directory,
        'copy',
        '-q',
        '--all',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        from,
        to,
      ]);
    const name = `${registry.host}/ns/app:v1`;
    assert.equal(app.name, `docker://${name}`);
    const signedBy = {
      type: 'signedBy',
      keyType: 'GPGKeys',
      keyPath: join(folder, 'alice.gpg'),
      signedIdentity: { type: 'exactReference', dockerReference: name },
    };
    const reject = [{ type: 'reject' }];
    await writeFile(join(folder, 'accept.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    await writeFile(
      join(folder, 'strict.json'),
      JSON.stringify({ default: reject, transports: { dir: { '': [signedBy] }, docker: { '': [signedBy] } } }),
    );
    await skopeo('accept.json', app.name, `dir:${folder}/theirs`);
    await copy(app.name, `dir:${folder}/ours`);
    assert.deepEqual(await filesOf(`${folder}/ours`), await filesOf(`${folder}/theirs`));
    assert.equal((await readdir(`${folder}/ours`)).filter((file) => /signature-2$/.test(file)).length, 3);
    await copy(`dir:${folder}/theirs`, `dir:${folder}/again`);
    assert.deepEqual(await filesOf(`${folder}/again`), await filesOf(`${folder}/theirs`));
    await skopeo('strict.json', `dir:${folder}/again`, `dir:${folder}/checked`);
    // the lookaside is filled from the folder
    await rm(join(folder, 'lookaside'), { recursive: true });
    await copy(`dir:${folder}/again`, app.name);
    await skopeo('strict.json', app.name, `dir:${folder}/back`);
    assert.deepEqual(await filesOf(`${folder}/back`), await filesOf(`${folder}/theirs`));
  });
});
