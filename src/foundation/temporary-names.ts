/**
 * Names of what grows beside its place until it is whole. They tell whose it is, so that the next run can clear away what a
 * killed one has left, and never what a living one still writes to.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { currentOwner, hasEnded } from './owner.ts';

/** `tmp` for a file or folder on its way, `part` for an archive, `tar` for one that was brought here to be read. */
type Kind = 'part' | 'tar' | 'tmp';

/** Host, process and start of its owner, and what nobody else has. */
const ending = /\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(?:part|tar|tmp)$/;

/** Milliseconds since the last write after which something is given up although nobody can tell whether its process lives. */
const abandonedMs = 7 * 24 * 60 * 60 * 1000;

/** Bytes of a file's name that leave room for all that a temporary name adds, where names have 255. */
const maxStemBytes = 190;

/** The beginning of the name that what is for `name` has meanwhile. */
function stemOf(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.byteLength <= maxStemBytes) return name;
  // not in the middle of a character
  return bytes.toString('utf8', 0, maxStemBytes).replace(/\uFFFD$/, '');
}

/** A name beside `path` that nobody has. */
export function temporaryName(path: string, kind: Kind): string {
  const { host, process, start } = currentOwner();
  const name = basename(path);
  const beside = path.endsWith(name) ? path.slice(0, path.length - name.length) + stemOf(name) : path;
  return `${beside}.${host}-${process}-${start}${randomUUID().slice(start.length)}.${kind}`;
}

/** Whether `name` is one of {@link temporaryName}, for the place `of` where that is told. */
export function isTemporary(name: string, of?: string): boolean {
  const found = ending.exec(name);
  if (of === undefined) return found !== null;
  const stem = stemOf(of);
  return found?.index === stem.length && name.startsWith(stem);
}

/**
 * Removes from `folder` what runs that have ended left there for the place `of` (for any place without it). What cannot be
 * looked at or removed stays: that is the next one's work.
 */
export async function removeAbandoned(folder: string, of?: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.map(async (name) => {
      if (!isTemporary(name, of) || !(await isAbandoned(folder, name))) return;
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
    }),
  );
}

/** Whether who made `name`, a temporary name, has ended. */
export async function isAbandoned(folder: string, name: string): Promise<boolean> {
  const [, host = '', process, start] = ending.exec(name) ?? [];
  if (hasEnded({ host, process: Number(process), start })) return true;
  if (host === currentOwner().host) return false;
  const found = await stat(join(folder, name)).catch(() => undefined);
  return found !== undefined && found.mtimeMs < Date.now() - abandonedMs;
}
