/** What the documents have in common. */
import * as z from 'zod';

/**
 * The type of what is printed as such a document. Commands and renderers import these types alone: what is in this folder is
 * run by the generator of docs/schemas and by tests, and never by the program.
 */
export type DocumentOf<S extends z.ZodType> = Readonlys<z.output<S>>;
type Readonlys<T> = T extends object ? { readonly [K in keyof T]: Readonlys<T[K]> } : T;

export const digest = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/)
  .describe('Digest of the content.');
export const mediaType = z.string().describe('Media type of the content.');
export const artifactType = z.string().optional().describe('Type of the artifact, where it says one.');
/** A whole number of things or bytes. */
export const count = z.int().min(0);
export const time = z.iso.datetime();

export const listId = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('ID of the list, which stays the same over all edits.');
export const listNames = z.array(z.string()).describe('Names of the list; none where it lost the last one.');

export const annotations = z.record(z.string(), z.string()).describe('Annotations; absent where there are none.');
export const unknownMembers = z
  .record(z.string(), z.unknown())
  .optional()
  .describe('Members that the specification does not have, as they are.');

export const platform = z
  .object({
    architecture: z.string().describe('CPU: amd64, arm64.'),
    os: z.string().describe('Operating system: linux, windows.'),
    'os.version': z.string().optional().describe('Version of the operating system.'),
    'os.features': z.array(z.string()).optional().describe('What the operating system must have.'),
    variant: z.string().optional().describe('Variant of the CPU: v8.'),
    features: z.array(z.string()).optional().describe('CPU features; in Docker manifest lists only.'),
    unknown: unknownMembers,
  })
  .meta({ id: 'Platform', description: 'A platform, as the OCI image specification has it.' });

/** A platform on one line. */
export const platformText = z
  .string()
  .optional()
  .describe('Platform: os/architecture[/variant]; absent where none is told.');

export const descriptor = z
  .object({
    mediaType,
    digest,
    size: count.describe('Length of the content, in bytes.'),
    urls: z.array(z.string()).optional().describe('Where else the content is.'),
    annotations: annotations.optional(),
    data: z.string().optional().describe('The content itself in base64.'),
    platform: platform.optional(),
    artifactType,
    unknown: unknownMembers,
  })
  .meta({ id: 'Descriptor', description: 'A descriptor, as the OCI image specification has it.' });

/** What a `--dry-run` may have done or not. */
export const dryRun = z.boolean().describe('Whether nothing was done, and this only tells what would be.');
