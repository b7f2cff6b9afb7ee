/**
 * Where the certificates for one registry stand: authorities (`*.crt`) and client certificates (`X.cert`, `X.key`).
 *
 * Source: containers-certs.d(5); Docker Engine, "Verify repository client with certificates" (`/etc/docker/certs.d`; rootless
 * docker keeps them below `~/.config/docker`).
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../foundation/errors.ts';

export interface CertificatePlaces {
  homeDir: string;
  /** From `--cert-dir`: used for every registry, whether it is there or not. */
  certDir?: string | undefined;
  /** In place of `/etc`, for tests. */
  systemDir?: string;
}

/** The directories that may hold certificates for `host` (`docker.io`, `registry.example:5000`), in order. */
export function certificateDirs(host: string, { homeDir, systemDir = '/etc' }: CertificatePlaces): string[] {
  const config = join(homeDir, '.config');
  return [
    join(config, 'containers', 'certs.d', host),
    join(systemDir, 'containers', 'certs.d', host),
    join(config, 'docker', 'certs.d', host),
    join(systemDir, 'docker', 'certs.d', host),
  ];
}

/** The first of {@link certificateDirs} that is there (and that we may look into), or undefined. */
export async function findCertificateDir(host: string, places: CertificatePlaces): Promise<string | undefined> {
  if (places.certDir !== undefined) return places.certDir;
  for (const path of certificateDirs(host, places)) {
    try {
      if ((await stat(path)).isDirectory()) return path;
    } catch (thrown) {
      if (!['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(systemCode(thrown) ?? '')) throw thrown;
    }
  }
  return undefined;
}
