/** What the commands on the local store print with --json. */
import * as z from 'zod';
import { count, type DocumentOf, digest, dryRun, listId, listNames, time } from './parts.ts';
import { plan, transfer } from './transfers.ts';

const path = z.string().describe('Path of the folder.');

export const storePath = z.object({ path }).describe('Where the local store is, or will be once something is written.');
export type StorePath = DocumentOf<typeof storePath>;

const amount = z
  .object({ count: count.describe('How many there are.'), bytes: count.describe('Bytes of all together.') })
  .meta({ id: 'Amount', description: 'Some files.' });

const listContents = z.object({
  id: listId,
  names: listNames,
  instances: count.nullable().describe('Number of instances on it; null where its record is damaged.'),
  blobs: amount.describe('What it keeps in the store: manifests, configs, files that were added.'),
  missing: count.describe('Number of blobs that it keeps and that are not there.'),
  updated: time.describe('When it was edited last (UTC).'),
});

export const storeContents = z
  .object({
    path,
    exists: z.boolean().describe('Whether anything was ever written to it.'),
    lists: z.array(listContents).describe('The lists, oldest first.'),
    blobs: z
      .object({
        lists: amount.describe('What lists keep.'),
        leases: amount.describe('What only commands hold that run now.'),
        waiting: amount.describe(
          'Layers that a stopped run has compressed, for the next one; they go after seven days.',
        ),
        garbage: amount.describe('What nothing needs.'),
      })
      .describe('Every blob once.'),
    temporaryFiles: z
      .object({
        running: amount.describe('Of commands that run now.'),
        garbage: amount.describe('Of commands that have ended.'),
      })
      .describe('Half-written blobs.'),
    leases: z
      .object({
        running: count.describe('Of commands that run now.'),
        garbage: count.describe('Of commands that have ended.'),
      })
      .describe('Number of holds on blobs.'),
    knowledge: z
      .object({
        recompressions: count.describe('Layers of which is known what they become when they are compressed anew.'),
        conversions: count.describe('Images and indexes of which is known what they become.'),
        places: count.describe('Repositories that are known to have a blob, for each blob.'),
        uploads: count.describe('Uploads that can be resumed.'),
        repositories: count.describe('Repositories that were new when a run began to write into them.'),
      })
      .describe('Number of things that runs have learned, to save work.'),
    databaseBytes: count.describe('Bytes of the database.'),
  })
  .describe('What is in the local store.');
export type StoreContents = DocumentOf<typeof storeContents>;

const removedBlob = z.object({ digest, size: count.describe('Bytes.') });

export const storeGarbage = z
  .object({
    path,
    dryRun,
    blobs: z.array(removedBlob).describe('Blobs that were removed, in the order of their digests.'),
    temporaryFiles: z
      .array(z.object({ name: z.string().describe('Name of the file.'), size: count.describe('Bytes.') }))
      .describe('Half-written blobs of ended commands that were removed.'),
    leases: count.describe('Number of holds of ended commands that were removed.'),
    knowledge: count.describe('Number of things learned that were forgotten.'),
    bytes: count.describe('Bytes of these blobs and files together.'),
    compacted: count
      .optional()
      .describe('Bytes by which the database became smaller; absent with --dry-run: that cannot be told before.'),
  })
  .describe('What was removed from the local store.');
export type StoreGarbage = DocumentOf<typeof storeGarbage>;

const defect = z
  .object({
    kind: z
      .enum(['database', 'list', 'damaged', 'unreadable', 'missing', 'wrong-size'])
      .describe(
        'database, list: rows that cannot be read; damaged: a blob with other bytes; unreadable: the disk does not give it; missing: a blob that a list keeps; wrong-size: a list says another size of it.',
      ),
    digest: digest.optional().describe('The blob; absent where it is not one.'),
    path: z.string().optional().describe('The file that it is in, or should be.'),
    lists: z.array(z.string()).describe('Names (or IDs) of the lists that are damaged by it.'),
    message: z.string().describe('What is wrong.'),
    hint: z.string().describe('What to do about it.'),
  })
  .meta({ id: 'Defect', description: 'Something that is not as it must be.' });

export const verifiedStore = z
  .object({
    path,
    sound: z
      .boolean()
      .describe('Whether there are no defects, or none that were not repaired; the exit code says the same.'),
    lists: count.describe('Number of lists that were looked at.'),
    blobs: count.describe('Number of blobs that were read.'),
    bytes: count.describe('Bytes of these blobs.'),
    defects: z.array(defect).describe('What is wrong.'),
    repaired: z.array(digest).describe('Blobs that were fetched again, with --repair.'),
  })
  .describe('Whether the local store is whole.');
export type VerifiedStore = DocumentOf<typeof verifiedStore>;

const exportedList = z.object({
  id: listId,
  names: z.array(z.string()).describe('Its names there; its ID where it has none.'),
  digest: digest.nullable().describe('Its digest there; null with --dry-run, where it is known once layers are made.'),
  transfer: transfer.optional().describe('What was copied; absent with --dry-run.'),
  plan: plan.optional().describe('What would be done, with --dry-run.'),
});

export const exportedLists = z
  .object({
    destination: z.string().describe('Where to: transport:path.'),
    dryRun,
    lists: z.array(exportedList).describe('Lists that are there now.'),
    failed: z
      .array(
        z.object({
          list: z.string().describe('Its name, or what was asked for.'),
          code: z.string().describe('What failed: LIST_NOT_FOUND, INSTANCE_GONE.'),
          message: z.string().describe('What failed, on what.'),
          hint: z.string().optional().describe('What to do about it.'),
        }),
      )
      .describe('Lists that are not; the error that stands beside them is that of the first.'),
    bytes: count.describe('Bytes of the blobs that were written, or may have to be.'),
  })
  .describe('What was handed over. Where some lists failed, this stands beside the error.');
export type ExportedLists = DocumentOf<typeof exportedLists>;
