/** What every command prints with --json when it fails. */
import * as z from 'zod';
import { type ErrorKind, exitCodes } from '../../foundation/errors.ts';
import { count, type DocumentOf } from './parts.ts';

export const error = z
  .object({
    kind: z
      .enum(Object.keys(exitCodes) as ErrorKind[])
      .describe('What sort of thing went wrong; each has its exit code.'),
    code: z.string().describe('What failed, finer than the kind: LIST_NOT_FOUND, MANIFEST_TOO_LARGE.'),
    message: z.string().describe('What failed, on what.'),
    hint: z.string().optional().describe('What to do about it.'),
    exitCode: count.describe('Exit code of the run.'),
    causes: z.array(z.string()).describe('What led to it, outermost first.'),
    side: z.enum(['source', 'destination']).optional().describe('The side of a transfer on which it failed.'),
    status: count.optional().describe('HTTP status, where a registry answered.'),
    errors: z
      .array(
        z.object({
          code: z.string().describe('Code of the registry.'),
          message: z.string().describe('What the registry says.'),
        }),
      )
      .optional()
      .describe("The registry's own list of errors."),
  })
  .meta({ id: 'Error', description: 'What went wrong.' });
export type ErrorDocument = DocumentOf<typeof error>;

export const failure = z
  .looseObject({ error })
  .describe(
    'A failed run. Where a part was done that stays, members of the result of the command stand beside the error (`manifest rm`).',
  );
