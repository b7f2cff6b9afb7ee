/** The local store as text and as JSON: what is in it, what was removed, what is damaged. */
import type { VerifiedStore } from '../../operations/verify-store.ts';
import type { Amount, GarbageReport, StoreContents } from '../../store/store.ts';
import type { StoreContents as ContentsDocument } from '../documents/store.ts';
import { renderTable } from './table.ts';
import { formatBytes } from './texts.ts';

export function renderContents({ lists, ...store }: StoreContents): string[] {
  const listRows = lists.flatMap(({ names, id, instances, blobs, missing, updatedAt }) =>
    (names.length === 0 ? ['<none>'] : names).map((name) => [
      name,
      id.slice(0, 12),
      String(instances ?? 'damaged'),
      `${blobs.count}${missing === 0 ? '' : ` (${missing} missing)`}`,
      formatBytes(blobs.bytes),
      new Date(updatedAt).toISOString().slice(0, 19).replace('T', ' '),
    ]),
  );
  const { blobs, temporaryFiles, leases, knowledge } = store;
  const files = (what: string, { count, bytes }: Amount): string[] => [what, String(count), formatBytes(bytes)];
  const rows = [
    files('blobs of lists', blobs.lists),
    files('blobs of running commands', blobs.leases),
    files('compressed layers for the next run', blobs.waiting),
    files('half-written blobs', temporaryFiles.running),
    files('garbage: blobs', blobs.garbage),
    files('garbage: half-written blobs', temporaryFiles.garbage),
    ['garbage: leases', String(leases.garbage), ''],
    ['known: compressed forms of layers', String(knowledge.recompressions), ''],
    ['known: converted forms of images', String(knowledge.conversions), ''],
    ['known: places of blobs', String(knowledge.places), ''],
    ['known: uploads to resume', String(knowledge.uploads), ''],
    ['known: repositories begun', String(knowledge.repositories), ''],
    ['database', '', formatBytes(store.databaseBytes)],
  ];
  return [
    ...renderTable(['LIST', 'ID', 'INSTANCES', 'BLOBS', 'SIZE', 'UPDATED (UTC)'], listRows),
    '',
    ...renderTable(['IN THE STORE', 'COUNT', 'SIZE'], rows),
  ];
}

/** The same as data. */
export function contentsDocument(path: string, { lists, ...contents }: StoreContents): ContentsDocument {
  return {
    path,
    ...contents,
    lists: lists.map(({ updatedAt, instances = null, ...list }) => ({
      ...list,
      instances,
      updated: new Date(updatedAt).toISOString(),
    })),
  };
}

/** A line for each file, and what it comes to. */
export function renderGarbage(report: GarbageReport, dryRun: boolean): string[] {
  const { blobs, temporaryFiles, leases, knowledge, bytes, compacted = 0 } = report;
  const parts = [
    number(blobs.length, 'blob'),
    number(temporaryFiles.length, 'half-written blob'),
    number(leases, 'lease'),
    number(knowledge, 'thing learned', 'things learned'),
  ].flat();
  const smaller = compacted > 0 ? [`The database is ${formatBytes(compacted)} smaller.`] : [];
  return [
    ...blobs.map(({ digest, size }) => `  blob          ${digest}  ${formatBytes(size)}`),
    ...temporaryFiles.map(({ name, size }) => `  half-written  ${name}  ${formatBytes(size)}`),
    parts.length === 0
      ? 'Nothing to remove: everything is needed.'
      : `${dryRun ? 'Would remove' : 'Removed'} ${parts.join(', ')}: ${formatBytes(bytes)}`,
    ...smaller,
  ];
}

/** What was repaired, two lines for each defect, and the verdict. */
export function renderCheck(path: string, { lists, blobs, bytes, defects, repaired }: VerifiedStore): string[] {
  const checked = [...number(blobs, 'blob'), ...number(lists, 'list')].join(' and ');
  return [
    ...repaired.map((digest) => `repaired: ${digest}`),
    ...defects.flatMap(({ message, hint }) => [message, `  ${hint}`]),
    defects.length === 0
      ? `${path} is sound: ${checked === '' ? 'there is nothing in it' : `${checked}, ${formatBytes(bytes)}`}`
      : `${path} is NOT sound: ${number(defects.length, 'defect').join('')}`,
  ];
}

/** Nothing where there are none. */
function number(count: number, one: string, several = `${one}s`): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
}
