/** What the commands for registries print with --json. */
import * as z from 'zod';
import { type DocumentOf, dryRun } from './parts.ts';

export const login = z
  .object({
    registry: z.string().describe('The registry: HOST[:PORT][/NAMESPACE].'),
    username: z.string().describe('User name; <token> where an identity token takes its place.'),
    keptIn: z
      .string()
      .describe('The file, the helper, the keychain or the variable that has the credentials, in words.'),
    dryRun,
  })
  .describe('Who is logged in.');
export type LoginDocument = DocumentOf<typeof login>;

export const logout = z
  .object({
    registry: z.string().nullable().describe('The registry: HOST[:PORT][/NAMESPACE]; null with --all.'),
    removedFrom: z.array(z.string()).describe('Each file, helper and keychain that had the credentials, in words.'),
    dryRun,
  })
  .describe('What was forgotten.');
export type LogoutDocument = DocumentOf<typeof logout>;

export const servedRegistry = z
  .object({
    url: z.string().describe('Its address: http://HOST:PORT, or https.'),
    host: z.string().describe('Its name as it stands in references: HOST:PORT.'),
    port: z.int().min(1).max(65_535).describe('Port that it listens on.'),
    directory: z.string().nullable().describe('Folder that holds everything; null: in memory.'),
  })
  .describe('Where the registry is. Printed as soon as it answers; the command goes on.');
export type ServedRegistry = DocumentOf<typeof servedRegistry>;
