/**
 * Platforms: what an image runs on.
 *
 * Source: OCI Image Specification v1.1, image-index.md (`platform`); the specifier form and the normalisation are those of
 * containerd's `platforms` package, the order of variants that of containers/image.
 */
import { UsageError } from '../foundation/errors.ts';
import { hostPlatform } from './host-platform.ts';
import type { UnknownMembers } from './json-value.ts';

export { type HostProbe, hostPlatform } from './host-platform.ts';
export { type PlatformChoice, wantedPlatforms } from './wanted-platforms.ts';

export interface Platform {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: readonly string[];
  variant?: string;
  /** CPU features; Docker lists only. */
  features?: readonly string[];
  unknown?: UnknownMembers;
}

/** The part of a platform by which images are told apart. */
export interface PlatformName {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** A platform as a person names it; what is left away may be anything. */
export interface PlatformSpec extends PlatformName {
  readonly variant?: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
}

/**
 * Reads a platform specifier: `linux/arm64`, `linux/arm/v7`, `windows(10.0.17763+win32k)/amd64`; `arm64` or `linux` alone
 * take the other half from this machine. Names are normalised. Throws UsageError INVALID_PLATFORM.
 */
export function parsePlatform(text: string): PlatformSpec {
  return parsePlatformOn(text, hostPlatform());
}

/** The platforms that `texts` name, each of which may name several with commas between them, as with `docker buildx`. */
export function parsePlatforms(texts: readonly string[]): PlatformSpec[] {
  return texts.flatMap((text) => text.split(',')).map(parsePlatform);
}

const component = /^[A-Za-z0-9_.-]+$/;
const system = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;
const knownSystems = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos wasi'.split(
    ' ',
  ),
);
const knownArchitectures = new Set(
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
);

/** Whether `os` is the name of an operating system, and not just any word. */
export function isKnownSystem(os: string): boolean {
  return knownSystems.has(os);
}

/** As {@link parsePlatform}, on the machine `host`. */
export function parsePlatformOn(text: string, host: PlatformName): PlatformSpec {
  const parts = text.split('/');
  const [first = '', architecture, variant] = parts;
  if (text === '') throw invalid(text, 'it is empty');
  if (parts.length > 3) throw invalid(text, 'it has more than three parts');
  if (text.includes('*')) throw invalid(text, 'wildcards are not supported');
  const matched = system.exec(first);
  const bad = parts.slice(1).find((part) => !component.test(part));
  if (matched === null || bad !== undefined) {
    throw invalid(text, `"${matched === null ? first : bad}" is not made of letters, digits, ".", "_" and "-"`);
  }
  const [, name = '', version = '', features = ''] = matched;
  const os = normalizeOs(name);
  const extra = {
    ...(version === '' ? {} : { osVersion: decode(text, version) }),
    ...(features === ''
      ? {}
      : {
          osFeatures: features
            .slice(1)
            .split('+')
            .map((one) => decode(text, one)),
        }),
  };
  if (architecture !== undefined) return { os, ...architecturePart(architecture, variant), ...extra };
  if (knownSystems.has(os)) return { os, ...hostPart(host), ...extra };
  const alone = architecturePart(name, undefined);
  if (knownArchitectures.has(alone.architecture) && matched[2] === undefined) return { os: host.os, ...alone };
  throw invalid(text, 'it is neither a known operating system nor a known architecture');
}

/** containerd: without a variant `arm` means v7 and does not say so; with one, `arm64/v8` says so. */
function architecturePart(given: string, givenVariant: string | undefined): { architecture: string; variant?: string } {
  const [architecture, normal] = normalizeArchitecture(given, givenVariant ?? '');
  let variant = normal;
  if (givenVariant === undefined && architecture === 'arm' && variant === 'v7') variant = '';
  if (givenVariant !== undefined && architecture === 'arm64' && variant === '') variant = 'v8';
  return { architecture, ...(variant === '' ? {} : { variant }) };
}

/** The architecture of the host; its variant only on arm, where v7 goes without saying. */
function hostPart({ architecture, variant }: PlatformName): { architecture: string; variant?: string } {
  return architecture === 'arm' && variant && variant !== 'v7' ? { architecture, variant } : { architecture };
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(text, `"${part}" is not well percent-encoded`);
  }
}

function invalid(text: string, why: string): UsageError {
  return new UsageError(`invalid platform "${text}": ${why}`, {
    code: 'INVALID_PLATFORM',
    hint: 'Write os/architecture or os/architecture/variant, as in linux/arm64 or linux/arm/v7.',
  });
}

/** `os/architecture[/variant]`, as it is; what is not known is shown as `unknown`. */
export function formatPlatform(platform: PlatformName): string {
  const base = `${platform.os || 'unknown'}/${platform.architecture || 'unknown'}`;
  return platform.variant ? `${base}/${platform.variant}` : base;
}

/** Whether nothing at all is said. */
export function isEmptyPlatform(platform: Platform): boolean {
  const { architecture, os, variant, unknown } = platform;
  const lists = [platform['os.features'], platform.features];
  return (
    !architecture &&
    !os &&
    !variant &&
    !platform['os.version'] &&
    !lists.some((list) => list?.length) &&
    (unknown === undefined || Object.keys(unknown).length === 0)
  );
}

/** With the names that containerd would give it: `x86_64` is `amd64`, `aarch64` is `arm64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export function normalizePlatform<P extends PlatformName>(platform: P): P {
  const os = normalizeOs(platform.os);
  const [architecture, variant] = normalizeArchitecture(platform.architecture, platform.variant ?? '');
  const { variant: _, ...rest } = { ...platform, os, architecture };
  return (variant === '' ? rest : { ...rest, variant }) as P;
}

export function normalizeOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

/** Architecture and variant (empty for none). */
export function normalizeArchitecture(architecture: string, variant: string): [architecture: string, variant: string] {
  const arch = architecture.toLowerCase();
  const version = variant.toLowerCase();
  switch (arch) {
    case 'i386':
      return ['386', ''];
    case 'amd64':
    case 'x86_64':
    case 'x86-64':
      return ['amd64', version === 'v1' ? '' : version];
    case 'arm64':
    case 'aarch64':
      return ['arm64', arm64Variants[version] ?? version];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      return ['arm', armVariants[version] ?? version];
    default:
      return [arch, version];
  }
}

const arm64Variants: Readonly<Record<string, string>> = {
  '8': '',
  v8: '',
  'v8.0': '',
  '9': 'v9',
  '9.0': 'v9',
  'v9.0': 'v9',
};
const armVariants: Readonly<Record<string, string>> = { '': 'v7', '7': 'v7', '5': 'v5', '6': 'v6', '8': 'v8' };

/** Whether two platforms have the same system, architecture and variant after normalisation. */
export function samePlatform(a: PlatformName, b: PlatformName): boolean {
  const [one, other] = [normalizePlatform(nameOf(a)), normalizePlatform(nameOf(b))];
  return one.os === other.os && one.architecture === other.architecture && one.variant === other.variant;
}

function nameOf({ os, architecture, variant }: PlatformName): PlatformName {
  return { os, architecture, variant };
}

/**
 * One text for each platform that containers/image holds to be another: architecture, system, its version and sorted
 * features, variant. Nothing is normalised. No platform gives the key of the platform whose fields are all empty.
 */
export function platformKey(platform: Platform | undefined): string {
  return JSON.stringify([
    platform?.architecture ?? '',
    platform?.os ?? '',
    platform?.['os.version'] ?? '',
    [...(platform?.['os.features'] ?? [])].sort().join(','),
    platform?.variant ?? '',
  ]);
}
