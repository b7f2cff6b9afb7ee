/** What is different between two indexes, as it is printed with --json. */
import * as z from 'zod';
import { count, type DocumentOf, descriptor, digest, mediaType, platformText } from './parts.ts';

const memberChange = z
  .object({
    path: z.array(z.string()).describe('Names of the members from the outside in: annotations, then a key.'),
    a: z.unknown().optional().describe('The value in A; absent where A has none.'),
    b: z.unknown().optional().describe('The value in B; absent where B has none.'),
  })
  .meta({ id: 'MemberChange', description: 'A member that differs.' });

const instanceName = {
  role: z
    .enum(['image', 'index', 'artifact', 'attestation'])
    .describe('What it is; attestation: what an image builder says of an image of the same index.'),
  platform: platformText.describe('Platform: os/architecture[/variant]; of an attestation, that of its image.'),
};
const instance = z
  .object({ ...instanceName, descriptor })
  .meta({ id: 'Instance', description: 'An instance that one of the two has.' });
const changedInstance = z
  .object({
    ...instanceName,
    a: descriptor,
    b: descriptor,
    changes: z.array(memberChange).describe('The members that differ.'),
  })
  .meta({ id: 'ChangedInstance', description: 'An instance that both have, and of which something differs.' });

const changes = {
  index: z.array(memberChange).describe('The members of the index itself that differ.'),
  added: z.array(instance).describe('Instances that B alone has.'),
  removed: z.array(instance).describe('Instances that A alone has.'),
  changed: z.array(changedInstance).describe('Instances that differ.'),
  same: count.describe('Number of instances that are the same.'),
  reordered: z.boolean().describe('Whether what both have stands in another order.'),
};

/** A before, B after an edit that was not made. */
export const indexChanges = z
  .object(changes)
  .meta({ id: 'Changes', description: 'What would change of the list: A is what it is, B what it would be.' });
export type IndexChanges = DocumentOf<typeof indexChanges>;

const side = z.object({ name: z.string().describe('Transport and name.'), digest, mediaType });

export const diffedImages = z
  .object({
    a: side.describe('The first one.'),
    b: side.describe('The second one.'),
    verdict: z
      .enum(['identical', 'equal', 'different'])
      .describe('identical: the same bytes; equal: other bytes that say the same.'),
    ...changes,
  })
  .describe('What is different between two indexes or images.');
export type DiffedImages = DocumentOf<typeof diffedImages>;
