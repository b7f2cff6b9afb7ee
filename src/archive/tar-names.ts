/** Names in archives that others made. Nothing is ever unpacked to them, but nobody may be led out of the archive either. */
import { unsafe } from './tar-errors.ts';

/** Longer names are an attack or an accident; no file system takes them. */
const maxNameLength = 4096;

/**
 * The name without `./`, doubled and trailing slashes; '' for the top folder itself. Throws IntegrityError UNSAFE_TAR_ENTRY
 * where it leads out of the archive.
 */
export function tidyName(name: string, offset: number): string {
  if (name.length > maxNameLength) throw unsafe(`a name of ${name.length} characters`, offset);
  if (name.startsWith('/')) throw unsafe(`the absolute name "${shown(name)}"`, offset);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw unsafe(`the name "${shown(name)}", which leads out of it`, offset);
  return parts.join('/');
}

/**
 * What a symbolic link `name` leads to, from the top of the archive. Throws IntegrityError UNSAFE_TAR_ENTRY where that is
 * outside of it.
 */
export function linkTarget(name: string, target: string, offset: number): string {
  if (target.startsWith('/') || target.length > maxNameLength) throw unsafe(leading(name, target), offset);
  const parts = name.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw unsafe(leading(name, target), offset);
  }
  return parts.join('/');
}

const leading = (name: string, target: string): string =>
  `the link "${shown(name)}" to "${shown(target)}", which leads out of it`;

/** Short, and without what a terminal would obey. */
function shown(text: string): string {
  const clean = text.replaceAll(/\p{C}/gu, '?');
  return clean.length <= 120 ? clean : `${clean.slice(0, 117)}...`;
}
