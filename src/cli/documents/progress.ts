/** The lines of `--progress json`. */
import * as z from 'zod';
import { error } from './failure.ts';
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
          .enum(['copied', 'mounted', 'recompressed', 'encrypted', 'decrypted', 'reused', 'written', 'checked'])
          .describe('How it ended; written: a manifest or tag; checked: a blob of the local store.'),
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
    z
      .object({
        type: z.literal('log').describe(type),
        level: z.enum(['info', 'debug']).describe('The level from which on it is told.'),
        message: z.string().describe('What happened.'),
      })
      .describe('With --log-level info or debug.'),
    z
      .object({
        type: z.literal('request').describe(type),
        host: z.string().describe('The server.'),
        method: z.string().describe('Method of the request.'),
        path: z.string().describe('Path and query, without secrets.'),
        status: count.describe('Status of the answer; 0 where none came.'),
        side: z.enum(['source', 'destination']).optional().describe('The side of a transfer that it was for.'),
      })
      .describe('With --log-level debug: a request and its answer.'),
    z
      .looseObject({ type: z.literal('error').describe(type), error })
      .describe('The run has failed; the last line. With --json the failure is on stdout instead.'),
  ])
  .describe('One line on stderr with --progress json.');
export type ProgressLine = DocumentOf<typeof progressLine>;
