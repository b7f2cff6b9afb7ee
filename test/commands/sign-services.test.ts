/** `sign` with services that only a proxy finds, under an authority that only a variable names. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run, sheaf } from '../cli/support/program.ts';
import { seedApp } from '../signing/support.ts';
import { certificateAuthority } from '../support/certificate.ts';
import { testFolder } from '../support/folders.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { withRegistry } from '../support/registry.ts';
import { identityToken, sigstoreServices, testIssuer } from '../support/sigstore-services.ts';

describe('sheaf sign with services behind a proxy', () => {
  it('reaches authority, log and clock as it reaches registries', async (t) => {
    const folder = await testFolder(t);
    const file = (name: string): string => join(folder, name);
    const { authority, issue } = certificateAuthority();
    const services = await sigstoreServices(t, issue('fulcio.test', 'rekor.test', 'time.test'));
    const port = Number(new URL(services.url).port);
    const proxy = await forwardProxy(t, { 'fulcio.test': port, 'rekor.test': port, 'time.test': port });
    const app = await seedApp(await withRegistry(t));
    await writeFile(file('authority.pem'), authority.cert);
    await writeFile(file('token'), identityToken());
    await writeFile(file('root.json'), services.trustedRoot);
    const addresses = 'rekorURL: https://rekor.test\ntimestampURL: https://time.test\n';
    const fulcio = 'fulcio:\n  fulcioURL: https://fulcio.test\n  oidcMode: staticToken\n';
    await writeFile(file('p.yaml'), `${addresses}${fulcio}  oidcIDTokenFile: ${file('token')}\n`);
    const env = { HOME: folder, SHEAF_HOME: file('home'), ...proxy.env };
    const signing = ['sign', '--tls-verify=false', '--sign-by-sigstore', file('p.yaml'), app.name];
    const signed = await run(sheaf, signing, { env: { ...env, SSL_CERT_FILE: file('authority.pem') } });
    assert.deepEqual([signed.code, signed.stderr], [0, '']);
    assert.deepEqual(new Set(proxy.tunnels), new Set(['fulcio.test:443', 'rekor.test:443', 'time.test:443']));
    const who = ['--certificate-identity', 'alice@example.com', '--certificate-oidc-issuer', testIssuer];
    const verified = await run(
      sheaf,
      ['verify', '--tls-verify=false', ...who, '--trusted-root', file('root.json'), app.name],
      { env },
    );
    assert.deepEqual([verified.code, /Rekor log/.test(verified.stdout)], [0, true]);
  });
});
