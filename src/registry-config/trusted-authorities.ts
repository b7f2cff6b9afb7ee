/**
 * Which certificate authorities are trusted for registries: those of the operating system, as with the peers, and not only those
 * that come with Node.js.
 *
 * To read those of the system takes about 0.1 s: worth it when a variable asks for it or a handshake has failed for want of an
 * issuer, and not before.
 *
 * `SSL_CERT_FILE` and `SSL_CERT_DIR` (several directories separated by `:`) take the place of the system's, as with every program
 * that is written in Go.
 */
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { asError, UsageError } from '../foundation/errors.ts';
import { readWholeFile } from '../foundation/whole-file.ts';

/**
 * PEM texts to give as `ca`.
 *
 * @throws UsageError CERTIFICATES_UNREADABLE naming the variable and the file
 */
export async function trustedAuthorities(env: NodeJS.ProcessEnv): Promise<string[]> {
  const file = env['SSL_CERT_FILE'];
  const directories = (env['SSL_CERT_DIR'] ?? '').split(delimiter).filter((path) => path !== '');
  if (!file && directories.length === 0) {
    return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  }
  const texts = file ? [await read('SSL_CERT_FILE', file, async () => (await readWholeFile(file)).toString())] : [];
  for (const directory of directories) {
    const names = await read('SSL_CERT_DIR', directory, () => readdir(directory));
    // such directories hold links of other kinds too: what is no certificate is passed over
    const contents = names.sort().map(async (name) => {
      const bytes = await readWholeFile(join(directory, name)).catch(() => '');
      return bytes.toString();
    });
    texts.push(...(await Promise.all(contents)));
  }
  // NODE_EXTRA_CA_CERTS is an addition in Node.js and stays one
  return [...texts.flatMap(certificatesIn), ...getCACertificates('extra')];
}

/** Each certificate of a PEM bundle, without what stands between them. */
function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

async function read<T>(variable: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw new UsageError(`the certificates that ${variable} names cannot be read: ${asError(thrown).message}`, {
      code: 'CERTIFICATES_UNREADABLE',
      hint: `Correct ${variable} (${path}), or unset it.`,
      cause: thrown,
    });
  }
}
