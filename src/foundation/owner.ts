/**
 * Who left something behind: a process, and the machine (or container) whose process numbers it counts in. Only there
 * can one tell whether it still lives; a folder may be shared by containers that do not see each other's processes.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

export interface Owner {
  /** Names the process table: hexadecimal. */
  readonly host: string;
  readonly process: number;
  /** Names the moment at which the process began, as eight hexadecimal digits; zeros where that cannot be told. */
  readonly start?: string | undefined;
}

const unknownStart = '00000000';

let known: (Owner & { readonly start: string }) | undefined;

/** This process. */
export function currentOwner(): Owner & { readonly start: string } {
  known ??= {
    host: hashOf(`${hostname()} ${processNamespace()}`),
    process: process.pid,
    start: startOf(process.pid),
  };
  return known;
}

/** This process, for {@link parseOwner}. */
export function formatOwner(): string {
  const { host, process, start } = currentOwner();
  return `${process} ${host} ${start}`;
}

/** `undefined` where the text names nobody; without host and start (in those of earlier versions) it is one of this machine. */
export function parseOwner(text: string): Owner | undefined {
  const [number = '', host = currentOwner().host, start] = text.trim().split(' ');
  const process = Number.parseInt(number, 10);
  return Number.isSafeInteger(process) && process > 0 ? { host, process, start } : undefined;
}

/** Whether `owner` is known to have ended; `false` where that cannot be told from here. */
export function hasEnded(owner: Owner): boolean {
  if (owner.host !== currentOwner().host) return false;
  try {
    process.kill(owner.process, 0);
  } catch (thrown) {
    return systemCode(thrown) === 'ESRCH';
  }
  // numbers come again: after a power cut, and in a container, where every run may be process 1
  const { start = unknownStart } = owner;
  return start !== unknownStart && ![start, unknownStart].includes(startOf(owner.process));
}

/** Linux tells: since this start of the machine, in ticks of its clock. */
function startOf(process: number): string {
  try {
    // a /proc of other processes than ours speaks of others
    if (readlinkSync('/proc/self') !== String(globalThis.process.pid)) return unknownStart;
    const fields = readFileSync(`/proc/${process}/stat`, 'latin1');
    // proc(5): the second field, a name in brackets, may hold anything; the start is the 22nd
    const ticks = fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19];
    return hashOf(`${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')} ${ticks}`);
  } catch {
    return unknownStart;
  }
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** FNV-1a, 32 bits: tells machines apart, nothing more. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
