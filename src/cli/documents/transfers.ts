/** What copies and pushes print with --json, and what they print of a plan. */
import * as z from 'zod';
import { count, type DocumentOf, descriptor, digest, mediaType } from './parts.ts';

const ends = {
  source: z.string().describe('Where from: transport:rest.'),
  destination: z.string().describe('Where to: transport:rest.'),
};

const signing = {
  signers: z.array(z.string()).optional().describe('Who signs, in words; absent where nobody does.'),
  identity: z.string().optional().describe('The name that is signed; absent where nobody signs.'),
  alsoAs: z
    .array(z.string())
    .optional()
    .describe('Further names that are signed, those by --tag; absent where there are none.'),
  signaturesCarried: count
    .optional()
    .describe('Number of signatures of the source that go along; absent or 0 where there are none.'),
};

const afterwards = {
  digestFile: z
    .string()
    .optional()
    .describe('The file that the digest is written to after success; absent without one.'),
  removedList: z.string().optional().describe('ID of the list that is removed after success; absent where none is.'),
};

export const transfer = z
  .object({
    digest: digest.describe('What the destination names now.'),
    mediaType,
    ...ends,
    copied: count.describe('Number of blobs that were sent.'),
    mounted: count.describe('Number of blobs taken over from other repositories of the registry.'),
    reused: count.describe('Number of blobs that were there already.'),
    recompressed: count.describe('Number of layers that were compressed anew, sent or not.'),
    encrypted: count.optional().describe('Number of layers that were encrypted; absent where none was.'),
    decrypted: count.optional().describe('Number of layers that were decrypted; absent where none was.'),
    bytes: count.describe('Bytes of the blobs that were sent.'),
    ...signing,
    signaturesAdded: count
      .optional()
      .describe(
        'Number of signatures that were added, those of the source included; absent where nobody signs and none go along.',
      ),
    ...afterwards,
  })
  .describe('What was copied or pushed.');
export type Transfer = DocumentOf<typeof transfer>;

const blob = descriptor.describe('The blob; of layers that are made anew, as it is in the source.');
const kind = 'What is done.';

const step = {
  id: z.string().describe('Unique in the plan.'),
  needs: z.array(z.string()).describe('IDs of the steps that are done before this one.'),
};

const recipe = z
  .object({
    format: z.enum(['gzip', 'zstd', 'zstd:chunked', 'none']).describe('Compression; none: unpacked.'),
    level: z.int().min(1).optional().describe('Level of compression; absent: the standard one of the format.'),
    asPeers: z.boolean().optional().describe('With gzip: byte by byte as podman, buildah and skopeo compress.'),
    onlyPlain: z.boolean().optional().describe('Layers that are compressed already stay as they are.'),
  })
  .meta({ id: 'Recipe', description: 'How a layer is compressed.' });

const planStep = z
  .discriminatedUnion('kind', [
    z.object({ ...step, kind: z.literal('reuse').describe(kind), blob }).describe('A blob that is there already.'),
    z
      .object({
        ...step,
        kind: z.literal('mount').describe(kind),
        blob,
        from: z.string().describe('The repository: registry/repository.'),
      })
      .describe('A blob taken over from another repository of the registry.'),
    z
      .object({
        ...step,
        kind: z.literal('copy').describe(kind),
        blob,
        from: z.enum(['source', 'store']).describe('Where it is read: the source, or the local store.'),
      })
      .describe('A blob that is sent.'),
    z
      .object({ ...step, kind: z.literal('recompress').describe(kind), blob, recipe })
      .describe('A layer of the source that is compressed anew and sent.'),
    z
      .object({
        ...step,
        kind: z.enum(['encrypt', 'decrypt', 'add-recipients']).describe(kind),
        blob,
        recipe: recipe.optional().describe('Absent where its compression stays.'),
      })
      .describe('A layer of the source that is encrypted, decrypted, or opened to more recipients.'),
    z
      .object({
        ...step,
        kind: z.enum(['put-manifest', 'put-index', 'tag']).describe(kind),
        digest: digest.nullable().describe('null: known once its layers are made.'),
        mediaType,
        label: z.string().describe('What a person calls it.'),
        present: z.boolean().describe('Whether it is there already, and nothing is done.'),
      })
      .describe('A manifest or index put under its digest, or a name that moves to one.'),
  ])
  .meta({ id: 'Step', description: 'One thing that is done.' });

export const plan = z
  .object({
    ...ends,
    digest: digest.nullable().describe('What the destination will name; null: known once its layers are made.'),
    mediaType,
    nothingToDo: z.boolean().describe('Whether everything is there already, signatures included.'),
    bytes: count.describe('Bytes of the blobs that may have to be sent; of layers to make anew, before that.'),
    ...signing,
    signaturesAdded: count
      .nullable()
      .optional()
      .describe(
        'Number of signatures that would be added, those of the source included; null: known once its layers are made; absent where nobody signs and none go along.',
      ),
    ...afterwards,
    notes: z.array(z.string()).describe('What a person should know: every loss, every change that nobody asked for.'),
    changes: z.array(z.string()).describe('Every change of a digest that was asked for.'),
    steps: z.array(planStep).describe('In an order in which they may be done.'),
  })
  .describe('What a copy or push would do.');
export type Plan = DocumentOf<typeof plan>;
