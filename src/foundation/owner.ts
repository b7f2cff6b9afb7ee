/**
 * Who left something behind: a process, and the machine (or container) whose process numbers it counts in. Only there
 * can one tell whether it still lives; a folder may be shared by containers that do not see each other's processes.
 */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

export interface Owner {
  /** Names the process table: hexadecimal. */
  readonly host: string;
  readonly process: number;
}

let known: Owner | undefined;

/** This process. */
export function currentOwner(): Owner {
  known ??= { host: hashOf(`${hostname()} ${processNamespace()}`), process: process.pid };
  return known;
}

/** Whether `owner` is known to have ended; `false` where that cannot be told from here. */
export function hasEnded(owner: Owner): boolean {
  if (owner.host !== currentOwner().host) return false;
  try {
    process.kill(owner.process, 0);
    return false;
  } catch (thrown) {
    return systemCode(thrown) === 'ESRCH';
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
