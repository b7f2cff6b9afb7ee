/** What the commands on local lists print with --json. */
import * as z from 'zod';
import { indexChanges } from './diffs.ts';
import { count, type DocumentOf, descriptor, digest, dryRun, listId, listNames, time } from './parts.ts';

/** With --dry-run only. */
const changes = indexChanges.optional();

export const createdList = z
  .object({
    id: listId
      .nullable()
      .describe('ID of the list, which stays the same over all edits; null for one that was not made.'),
    names: listNames,
    instances: count.describe('Number of instances on it.'),
    dryRun,
    changes,
  })
  .describe('The list that was made or amended.');
export type CreatedList = DocumentOf<typeof createdList>;

export const addedToList = z
  .object({
    id: listId,
    added: z.array(descriptor).describe('The instances that were added, as they are on the list now.'),
    dryRun,
    changes,
  })
  .describe('What was put on a list.');
export type AddedToList = DocumentOf<typeof addedToList>;

export const annotatedList = z
  .object({
    id: listId,
    instance: digest.optional().describe('The instance that was edited; absent where it was the index itself.'),
    dryRun,
    changes,
  })
  .describe('What was edited.');
export type AnnotatedList = DocumentOf<typeof annotatedList>;

export const removedInstances = z
  .object({
    id: listId,
    removed: z.array(digest).describe('Digests of the instances that were named; their attestations go with them.'),
    dryRun,
    changes,
  })
  .describe('What was taken off a list.');
export type RemovedInstances = DocumentOf<typeof removedInstances>;

export const removedLists = z
  .object({
    untagged: z.array(z.string()).describe('Names that no list has any more.'),
    deleted: z.array(listId).describe('IDs of the lists that are gone.'),
    dryRun,
  })
  .describe('What was removed. Where some lists were not there, this stands beside the error.');
export type RemovedLists = DocumentOf<typeof removedLists>;

export const taggedList = z.object({ id: listId, names: listNames, dryRun }).describe('The list with its new names.');
export type TaggedList = DocumentOf<typeof taggedList>;

export const listExists = z
  .object({ exists: z.boolean().describe('Whether there is one of that name or ID.') })
  .describe('Whether there is such a list; the exit code says the same.');
export type ListExists = DocumentOf<typeof listExists>;

const listSummary = z.object({
  id: listId,
  names: listNames,
  instances: count.describe('Number of instances on it, attestations included.'),
  platforms: z.array(z.string()).describe('Platforms of its images, each once: os/architecture[/variant].'),
  created: time.describe('When it was made (UTC).'),
  updated: time.describe('When it was edited last (UTC).'),
});
export type ListSummary = DocumentOf<typeof listSummary>;

export const localLists = z.array(listSummary).describe('The local lists.');
