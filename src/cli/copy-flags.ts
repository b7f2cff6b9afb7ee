/** The flags of skopeo that choose what of an image is meant and what becomes of it, and how they become a request. */
import * as Flags from '@oclif/core/flags';
import type { CompressionRecipe } from '../copy/recipe.ts';
import { UsageError } from '../foundation/errors.ts';
import type { PlatformChoice } from '../oci/platform.ts';
import type { CopyTaking } from '../operations/copy-image.ts';
import { addedNames } from './compression-flags.ts';

/** Which one of the images of an index is meant; skopeo has these before its command. */
export const onePlatformFlags = {
  'override-os': Flags.string({
    summary: 'Choose the image for this operating system.',
    helpValue: 'OS',
    helpGroup: 'PLATFORM',
  }),
  'override-arch': Flags.string({
    summary: 'Choose the image for this architecture.',
    helpValue: 'ARCH',
    helpGroup: 'PLATFORM',
  }),
  'override-variant': Flags.string({
    summary: 'Choose the image for this variant of the architecture.',
    helpValue: 'VARIANT',
    helpGroup: 'PLATFORM',
  }),
};

interface OnePlatformValues {
  'override-os'?: string | undefined;
  'override-arch'?: string | undefined;
  'override-variant'?: string | undefined;
}

function overrides(flags: OnePlatformValues): PlatformChoice | undefined {
  const { 'override-os': os, 'override-arch': architecture, 'override-variant': variant } = flags;
  return os === undefined && architecture === undefined && variant === undefined
    ? undefined
    : { os, architecture, variant };
}

/** What `--platform` or `--override-*` mean; `undefined` where none is given. Throws UsageError. */
export async function choiceOf(
  flags: OnePlatformValues & { platform?: string | undefined },
): Promise<PlatformChoice | undefined> {
  const choice = overrides(flags);
  if (flags.platform === undefined) return choice;
  if (choice !== undefined) throw conflict('--platform and --override-* both choose an image');
  const { parsePlatform } = await import('../oci/platform.ts');
  return parsePlatform(flags.platform);
}

interface TakingValues extends OnePlatformValues {
  all?: boolean | undefined;
  'multi-arch'?: string | undefined;
  platform?: readonly string[] | undefined;
  unselected?: string | undefined;
}

/** What of an index is copied. The words are skopeo's where it has a word. Throws UsageError. */
export async function copyTakingOf(flags: TakingValues): Promise<CopyTaking> {
  const { all, 'multi-arch': multiArch, platform, unselected } = flags;
  if (all === true && multiArch !== undefined) {
    throw conflict('cannot use --all and --multi-arch flags together');
  }
  if (multiArch !== undefined && !['system', 'all', 'index-only'].includes(multiArch)) {
    throw new UsageError(
      `unknown multi-arch option "${multiArch}". Choose one of the supported options: 'system', 'all', or 'index-only'`,
      { code: 'UNKNOWN_MULTI_ARCH', hint: 'Leave --multi-arch away for the image of this system.' },
    );
  }
  const choice = overrides(flags);
  const platforms = (platform ?? []).filter((text) => text !== '');
  if (platforms.length > 0) {
    if (all === true || multiArch !== undefined) {
      throw conflict('--platform says which platforms are copied, and --all or --multi-arch say so too');
    }
    if (choice !== undefined) throw conflict('--platform and --override-* both say what is copied');
    const { parsePlatforms } = await import('../oci/platform.ts');
    return {
      select: { platforms: parsePlatforms(platforms) },
      unselected: unselected === 'keep' ? 'keep' : 'strip',
    };
  }
  if (unselected !== undefined) {
    throw new UsageError('--unselected is of use beside --platform only', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Leave it away, or choose platforms with --platform.',
    });
  }
  if (all === true || multiArch === 'all') return { select: 'all', unselected: 'keep' };
  if (multiArch === 'index-only') return { select: 'none', unselected: 'keep' };
  return { one: choice ?? {} };
}

interface CompressionValues {
  'dest-compress'?: boolean | undefined;
  'dest-decompress'?: boolean | undefined;
  'dest-compress-format'?: string | undefined;
  'dest-compress-level'?: string | undefined;
  'dest-force-compress-format'?: boolean | undefined;
  'add-compression'?: readonly string[] | undefined;
}

/** How layers are to be compressed; `undefined` to leave them as they are. Throws UsageError. */
export async function compressionOf(flags: CompressionValues): Promise<CompressionRecipe | undefined> {
  // an empty format is none, as with skopeo
  const [format, level] = [flags['dest-compress-format'] || undefined, flags['dest-compress-level']];
  if (flags['dest-decompress'] && (flags['dest-compress'] || format !== undefined)) {
    throw conflict('--dest-compress and --dest-decompress cannot be used together');
  }
  if (flags['dest-force-compress-format'] && format === undefined) {
    throw conflict('--dest-force-compress-format is of use beside --dest-compress-format only');
  }
  if (flags['dest-decompress']) return { format: 'none' };
  if (format === undefined && !flags['dest-compress']) {
    if (level === undefined || flags['add-compression'] !== undefined) return undefined;
    throw new UsageError('--dest-compress-level says nothing without a compression format', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Say which with --dest-compress-format.',
    });
  }
  const { parseCompressionFormat, parseCompressionLevel } = await import('../compression/compression.ts');
  const known = parseCompressionFormat(format ?? 'gzip');
  return { format: known, ...(level === undefined ? {} : { level: parseCompressionLevel(level, known) }) };
}

/** Which compression variants are added; `undefined` for none. Throws UsageError. */
export async function addedCompressionOf(flags: CompressionValues): Promise<readonly CompressionRecipe[] | undefined> {
  const names = addedNames(flags);
  if (names.length === 0) return undefined;
  const { parseCompressionFormat, parseCompressionLevel, variantFormats } = await import(
    '../compression/compression.ts'
  );
  const level = flags['dest-compress-level'];
  return names.map((name) => {
    const format = parseCompressionFormat(name, variantFormats);
    return { format, ...(level === undefined ? {} : { level: parseCompressionLevel(level, format) }) };
  });
}

function conflict(message: string): UsageError {
  return new UsageError(message, { code: 'CONFLICTING_FLAGS', hint: 'Leave one of the two away.' });
}
