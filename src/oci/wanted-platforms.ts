/** Which platforms are tried, best first, when one instance is to be chosen from an index. */
import type { Platform } from './platform.ts';

/** What a person asked for; what is left away (or empty) is that of the host. */
export interface PlatformChoice {
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
}

/** Variants from the most to the least capable: whoever runs one runs those after it. */
const variantOrder: Readonly<Record<string, readonly string[]>> = { arm: ['v8', 'v7', 'v6', 'v5'], arm64: ['v8'] };

/**
 * The platforms in the order in which containers/image tries them (`WantedPlatforms`). The variant of the host counts only
 * when the architecture was left to it: otherwise nobody could ask for "no variant". Version and features of the system play
 * no part.
 */
export function wantedPlatforms(choice: PlatformChoice, host: Platform): Platform[] {
  const os = choice.os || host.os;
  const architecture = choice.architecture || host.architecture;
  const variant = choice.variant || (choice.architecture ? '' : (host.variant ?? ''));
  return variantsFor(architecture, variant).map((one) => ({
    architecture,
    os,
    ...(one === '' ? {} : { variant: one }),
  }));
}

function variantsFor(architecture: string, variant: string): string[] {
  const order = Object.hasOwn(variantOrder, architecture) ? (variantOrder[architecture] ?? []) : [];
  if (variant === '') return ['', ...order];
  const at = order.indexOf(variant);
  return at < 0 ? [variant, ''] : [...order.slice(at), ''];
}
