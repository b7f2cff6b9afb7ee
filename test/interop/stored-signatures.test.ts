/** Signatures that podman keeps in a local storage: sheaf reads what it has written there. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { signingEnv, verdicts, verify } from '../signing/support.ts';
import { leasePort } from '../support/ports.ts';
import { withRegistry } from '../support/registry.ts';
import { skip, world } from './local-storage.ts';

describe('signatures in storages of podman', { skip }, () => {
  it('are verified where podman has signed and pulled, and told of by a copy', async (t) => {
    const { folder, storage, podman, skopeo, sheaf } = await world(t, 'vfs', ['amd64']);
    const { host } = await withRegistry(t, { port: await leasePort(t) });
    for (const home of ['.config', 'config']) {
      await mkdir(join(folder, home, 'containers/registries.d'), { recursive: true });
      const text = 'default-docker:\n  use-sigstore-attachments: true\n';
      await writeFile(join(folder, home, 'containers/registries.d/default.yaml'), text);
    }
    await writeFile(join(folder, 'pw'), 'secret\n');
    await writeFile(join(folder, 'accept.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    await skopeo(
      'generate-sigstore-key',
      '--output-prefix',
      join(folder, 'k'),
      '--passphrase-file',
      join(folder, 'pw'),
    );
    await skopeo(
      'generate-sigstore-key',
      '--output-prefix',
      join(folder, 'o'),
      '--passphrase-file',
      join(folder, 'pw'),
    );
    const by = [
      '--sign-by-sigstore-private-key',
      join(folder, 'k.private'),
      '--sign-passphrase-file',
      join(folder, 'pw'),
    ];
    const name = `${host}/ns/app:1`;
    await podman('push', '-q', '--tls-verify=false', ...by, 'localhost/built:amd64', `docker://${name}`);
    await podman('rmi', '--all', '--force');
    await podman('pull', '-q', '--tls-verify=false', '--signature-policy', join(folder, 'accept.json'), name);
    const env = await signingEnv(t);
    const trusting = async (file: string) =>
      ({
        kind: 'keys',
        gpgKeys: [],
        sigstore: [{ kind: 'keys', keys: [await readFile(join(folder, file))] }],
      }) as const;
    const seen = await verify(env, `${storage}${name}`, await trusting('k.pub'));
    assert.deepEqual([seen.verified, verdicts(seen)], [true, ['verified']]);
    assert.equal((await verify(env, `${storage}${name}`, await trusting('o.pub'))).verified, false);
    // under another name the same signature says something else
    await podman('tag', name, `${host}/ns/app:2`);
    assert.equal((await verify(env, `${storage}${host}/ns/app:2`, await trusting('k.pub'))).verified, false);
    const copied = await sheaf.run('image', 'copy', `${storage}${name}`, `dir:${join(folder, 'out')}`);
    assert.deepEqual([copied.code, /1 signatures .* stay behind/.test(copied.stderr)], [0, true]);
  });
});
