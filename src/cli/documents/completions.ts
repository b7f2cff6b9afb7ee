/** What the command for completion prints with --json. */
import * as z from 'zod';
import type { DocumentOf } from './parts.ts';

export const completion = z
  .object({
    shell: z.enum(['bash', 'zsh', 'fish']).describe('The shell that it is for.'),
    script: z.string().describe('The script, as it is printed without --json.'),
  })
  .describe('A script by which a shell completes commands and flags.');
export type CompletionScript = DocumentOf<typeof completion>;
