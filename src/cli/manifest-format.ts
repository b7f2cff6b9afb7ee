/** `--format` of the commands that write images. */
import type { ManifestFormat } from '../copy/copy-request.ts';
import { UsageError } from '../foundation/errors.ts';

const formats: ReadonlyMap<string, ManifestFormat> = new Map([
  ['oci', 'oci'],
  ['v2s2', 'docker'],
  ['docker', 'docker'],
]);

/**
 * `undefined` where none is asked for. As with the peers an empty format is none for a push, and an error for a copy. Throws UsageError
 * UNKNOWN_FORMAT; `verb` is what the command does.
 */
export function manifestFormatOf(given: string | undefined, verb: 'copy' | 'push'): ManifestFormat | undefined {
  if (given === undefined || (given === '' && verb === 'push')) return undefined;
  const format = formats.get(given);
  if (format !== undefined) return format;
  throw new UsageError(`unknown format "${given}". Choose one of the supported formats: 'oci' or 'v2s2'`, {
    code: 'UNKNOWN_FORMAT',
    hint: `Leave --format away to ${verb} everything as it is.`,
  });
}
