/** From the flags that choose instances to what is taken from a multi-platform image. */
import { UsageError } from '../foundation/errors.ts';
import { parsePlatforms } from '../oci/platform.ts';
import type { Taking } from '../operations/read-image.ts';

interface TakingFlags {
  all: boolean;
  platform?: string[] | undefined;
  os?: string | undefined;
  arch?: string | undefined;
  variant?: string | undefined;
}

/** Throws UsageError for contradictions and for texts that are no platform. */
export function takingOf(flags: TakingFlags): Taking {
  if (flags.platform !== undefined && flags.platform.length > 0) {
    if (flags.all) {
      throw new UsageError('--all takes every platform, so --platform cannot choose some', {
        code: 'CONFLICTING_FLAGS',
        hint: 'Leave one of the two away.',
      });
    }
    return { platforms: parsePlatforms(flags.platform) };
  }
  if (flags.all) return 'all';
  return {
    one: {
      ...(flags.os ? { os: flags.os } : {}),
      ...(flags.arch ? { architecture: flags.arch } : {}),
      ...(flags.variant ? { variant: flags.variant } : {}),
    },
  };
}
