/** Flags of compression and attestations, and what they ask for; the same for every command that copies. */
import * as Flags from '@oclif/core/flags';
import type { AttestationPolicy } from '../copy/copy-request.ts';
import type { CompressionRecipe } from '../copy/recipe.ts';
import { UsageError } from '../foundation/errors.ts';
import { repeatable } from './flags.ts';

export const compressionFlags = {
  'add-compression': repeatable({
    summary: 'Add an instance of each platform with its layers compressed like this: gzip, zstd or zstd:chunked.',
    helpValue: 'FORMAT',
  }),
  'compression-format': Flags.string({
    summary: 'Compress layers that are in another form: gzip, zstd, zstd:chunked or none.',
    helpValue: 'FORMAT',
  }),
  'compression-level': Flags.string({
    summary: 'Level of compression: 1 to 9 for gzip, 1 to 22 for zstd.',
    helpValue: 'N',
  }),
  'force-compression': Flags.boolean({
    summary: 'Take no layer in another compression for the one asked for (always so with --compression-format).',
    allowNo: true,
  }),
};

export const digestPairsFlag = {
  'digest-pairs': Flags.string({
    summary:
      'Read from this file what layers became on other machines, to skip what the destination has, and add what they become here.',
    helpValue: 'FILE',
  }),
};

export const attestationsFlag = Flags.option({
  options: ['keep', 'drop', 'fail'] as const,
  helpValue: '<keep|drop|fail>',
  summary: 'What becomes of attestations whose image changes: they follow it, go, or stop the command.',
})();

export const referrersFlag = Flags.boolean({
  summary: 'Take along what speaks of the manifests: signatures, attestations and other referrers.',
});

interface CompressionFlagValues {
  readonly 'add-compression': readonly string[] | undefined;
  readonly 'compression-format': string | undefined;
  readonly 'compression-level': string | undefined;
  readonly 'force-compression': boolean | undefined;
  readonly attestations: AttestationPolicy | undefined;
}

export interface CompressionRequest {
  compression?: CompressionRecipe;
  addCompression?: CompressionRecipe[];
  attestations?: AttestationPolicy;
}

/** The names given with `--add-compression`, each once; several may stand in one, with commas. */
export function addedNames(flags: { readonly 'add-compression'?: readonly string[] | undefined }): string[] {
  const names = (flags['add-compression'] ?? []).flatMap((text) => text.split(','));
  return [...new Set(names.filter((name) => name !== ''))];
}

/** Throws UsageError UNKNOWN_COMPRESSION, INVALID_COMPRESSION_LEVEL, CONFLICTING_FLAGS. */
export async function compressionRequest(flags: CompressionFlagValues): Promise<CompressionRequest> {
  // an empty format is none, as with podman
  const format = flags['compression-format'] || undefined;
  const added = addedNames(flags);
  const { attestations } = flags;
  const base = attestations === undefined ? {} : { attestations };
  if (format === undefined && flags['force-compression'] === true) {
    throw new UsageError('cannot use --force-compression without a compression format', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Say which with --compression-format.',
    });
  }
  if (format === undefined && added.length === 0 && flags['compression-level'] === undefined) return base;
  const { compressionFormats, parseCompressionFormat, parseCompressionLevel, variantFormats } = await import(
    '../compression/compression.ts'
  );
  const levelText = flags['compression-level'];
  if (format === undefined && added.length === 0) {
    throw new UsageError('--compression-level says nothing without a compression format', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Say which with --compression-format or --add-compression.',
    });
  }
  // one level for all of them, as with the peers
  const recipe = (text: string, formats = compressionFormats): CompressionRecipe => {
    const parsed = parseCompressionFormat(text, formats);
    return levelText === undefined
      ? { format: parsed }
      : { format: parsed, level: parseCompressionLevel(levelText, parsed) };
  };
  return {
    ...base,
    ...(format === undefined ? {} : { compression: recipe(format) }),
    ...(added.length === 0 ? {} : { addCompression: added.map((text) => recipe(text, variantFormats)) }),
  };
}
