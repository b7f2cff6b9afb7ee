/** The lines of `--progress json`. */
import * as z from 'zod';
import { count, type DocumentOf } from './parts.ts';

const type = 'What this line tells.';
const id = z.string().describe('Names the step.');

export const progressLine = z
  .discriminatedUnion('type', [
    z
      .object({
        type: z.literal('plan').describe(type),
        title: z.string().describe('What is about to be done, in words.'),
        steps: count.describe('Number of steps that begin and end.'),
        bytes: count.describe('Bytes that may have to be moved.'),
      })
      .describe('What is about to be done; the first line.'),
    z
      .object({
        type: z.literal('step-start').describe(type),
        id,
        label: z.string().describe('The step in words.'),
        bytes: count.describe('Bytes that it is to move; 0 for manifests and tags.'),
      })
      .describe('A step begins; several go on at once.'),
    z
      .object({
        type: z.literal('step-progress').describe(type),
        id,
        bytes: count.describe('Bytes moved since the last such line.'),
      })
      .describe('A step goes on. After a failure bytes are moved, and told, again.'),
    z
      .object({
        type: z.literal('step-end').describe(type),
        id,
        outcome: z
          .enum(['copied', 'mounted', 'recompressed', 'encrypted', 'decrypted', 'reused', 'written'])
          .describe('How it ended; written: a manifest or tag.'),
      })
      .describe('A step is done.'),
    z
      .object({
        type: z.literal('retry').describe(type),
        what: z.string().describe('What failed.'),
        attempt: count.describe('Which retry this will be, from 1.'),
        of: count.describe('How many there may be.'),
        delayMs: z.number().min(0).describe('Milliseconds until then.'),
        reason: z.string().describe('Why it failed.'),
      })
      .describe('Something failed and will be tried again.'),
    z
      .object({
        type: z.literal('warning').describe(type),
        code: z.string().describe('What it is about.'),
        message: z.string().describe('The warning.'),
      })
      .describe('Something that a person should know although the run goes on.'),
  ])
  .describe('One line on stderr with --progress json. A reader leaves out lines that do not begin with "{".');
export type ProgressLine = DocumentOf<typeof progressLine>;
