/** The platform of this machine, in the words of Go. */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Platform } from './platform.ts';

/** What this machine says of itself; replaced in tests. */
export interface HostProbe {
  /** As `process.platform`. */
  readonly platform: string;
  /** As `process.arch`. */
  readonly arch: string;
  readonly endianness: 'BE' | 'LE';
  /** The text of /proc/cpuinfo; throws where there is none. */
  cpuInfo(): string;
}

const thisMachine: HostProbe = {
  platform: process.platform,
  arch: process.arch,
  endianness: endianness(),
  cpuInfo: () => readFileSync('/proc/cpuinfo', 'utf8'),
};

const systems: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' };
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle' };

/** With the variant of the CPU on arm and arm64, as containers/image detects it. */
export function hostPlatform(probe: HostProbe = thisMachine): Platform {
  const os = systems[probe.platform] ?? probe.platform;
  const architecture =
    probe.arch === 'ppc64' && probe.endianness === 'LE' ? 'ppc64le' : (architectures[probe.arch] ?? probe.arch);
  const variant = variantOf(os, architecture, probe);
  return { architecture, os, ...(variant === '' ? {} : { variant }) };
}

function variantOf(os: string, architecture: string, probe: HostProbe): string {
  if (architecture !== 'arm' && architecture !== 'arm64') return '';
  if (os === 'windows' || os === 'darwin') return architecture === 'arm64' ? 'v8' : 'v7';
  if (os !== 'linux') return '';
  let text: string;
  try {
    text = probe.cpuInfo();
  } catch {
    return ''; // no /proc: the peers choose without a variant then, too
  }
  return armVariant(field(text, 'cpu architecture'), field(text, 'model name'));
}

function armVariant(version: string, model: string): string {
  switch (version) {
    case '8':
    case 'aarch64':
      return 'v8';
    case '7':
      // the Raspberry Pi Zero says 7 although it is a 6
      return model.startsWith('armv6-compatible') ? 'v6' : 'v7';
    case '7m':
    case '?(12)':
    case '?(13)':
    case '?(14)':
    case '?(15)':
    case '?(16)':
    case '?(17)':
      return 'v7';
    case '6':
    case '6tej':
      return 'v6';
    case '5':
    case '5t':
    case '5te':
    case '5tej':
      return 'v5';
    case '4':
    case '4t':
      return 'v4';
    case '3':
      return 'v3';
    default:
      return '';
  }
}

/** The first value of a field of /proc/cpuinfo, in lower case; empty where there is none. */
function field(cpuInfo: string, name: string): string {
  for (const line of cpuInfo.split('\n')) {
    const colon = line.indexOf(':');
    if (colon >= 0 && line.slice(0, colon).trim().toLowerCase() === name)
      return line
        .slice(colon + 1)
        .trim()
        .toLowerCase();
  }
  return '';
}
