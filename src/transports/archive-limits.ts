/** How much an archive that somebody else made may ask for. What is more is taken for an attack on disk or memory. */
import { standardTarLimits, type TarLimits } from '../archive/tar-index.ts';
import { UsageError } from '../foundation/errors.ts';

export interface ArchiveLimits extends TarLimits {
  /**
   * Bytes that an archive, or a layer, may take on the disk without its compression. A plain archive that is there already takes
   * none, and is not held to it.
   */
  readonly unpackedBytes: number;
}

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * As `SHEAF_ARCHIVE_ENTRIES` (a number) and `SHEAF_ARCHIVE_SIZE` (bytes, or with `k`, `m`, `g`, `t`) say. Throws UsageError
 * INVALID_LIMIT.
 */
export function archiveLimits(env: NodeJS.ProcessEnv = process.env): ArchiveLimits {
  return {
    ...standardTarLimits,
    entries: numberOf(env, 'SHEAF_ARCHIVE_ENTRIES', /^(\d{1,9})()$/) ?? standardTarLimits.entries,
    unpackedBytes: numberOf(env, 'SHEAF_ARCHIVE_SIZE', /^(\d{1,15})([kmgt]?)(?:i?b)?$/i) ?? 256 * 2 ** 30,
  };
}

function numberOf(env: NodeJS.ProcessEnv, name: string, form: RegExp): number | undefined {
  const text = env[name]?.trim();
  if (!text) return undefined;
  const [, digits = '', unit = ''] = form.exec(text) ?? [];
  const value = Number(digits) * (units[unit.toLowerCase()] ?? 1);
  if (digits !== '' && value > 0 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`${name} is "${text}", which is no limit`, {
    code: 'INVALID_LIMIT',
    hint: 'Write a number like 200000 for SHEAF_ARCHIVE_ENTRIES, and a size like 500g for SHEAF_ARCHIVE_SIZE.',
  });
}
