/** What the commands for keys and signatures print with --json. */
import * as z from 'zod';
import { count, type DocumentOf, digest, dryRun, mediaType, platformText, time } from './parts.ts';

const manifest = {
  role: z
    .enum(['index', 'instance', 'image'])
    .describe('What it is: an index, an image that one names, an image alone.'),
  digest,
  mediaType,
  size: count.describe('Bytes of the manifest.'),
  platform: platformText,
};

const image = z.string().describe('The image: transport:rest.');
const added = count.describe('Number of signatures that were added; with --dry-run, that would be.');
const kept = count.describe('Number of signatures that were there already.');

export const signedImage = z
  .object({
    image,
    digest,
    dryRun,
    identity: z.string().describe('The name that is signed.'),
    signers: z.array(z.string()).describe('Who signs, in words.'),
    added,
    kept,
    manifests: z
      .array(z.object({ ...manifest, added, kept }))
      .describe('The image and, of an index, all that it names; the root first.'),
  })
  .describe('What was signed.');
export type SignedImage = DocumentOf<typeof signedImage>;

const signature = z.object({
  format: z
    .enum(['simple', 'attachment', 'bundle'])
    .describe('Form of the signature; simple: GPG, the others: sigstore.'),
  store: z.enum(['lookaside', 'attachment', 'bundle', 'dir', 'storage']).describe('Where it was found.'),
  verdict: z
    .enum(['good', 'rejected', 'unchecked'])
    .describe('Whether it counts; unchecked: no key was given for signatures of this kind.'),
  reason: z.string().optional().describe('Why it does not count; absent for good ones.'),
  signer: z.string().optional().describe('Who signed, in words.'),
  identity: z.string().optional().describe('The name that was signed; a bundle names none.'),
  time: time.optional().describe('When it was signed (UTC), where somebody vouches for that.'),
  log: z.string().optional().describe('The log that holds it, in words.'),
});

export const verifiedImage = z
  .object({
    image,
    digest,
    verified: z.boolean().describe('Whether everything that is required is verified; the exit code says the same.'),
    require: z.enum(['index', 'instances', 'both']).describe('What of an index must be signed.'),
    manifests: z
      .array(
        z.object({
          ...manifest,
          required: z.boolean().describe('Whether it must be verified.'),
          verdict: z.enum(['verified', 'unsigned', 'rejected']).describe('rejected: no signature of it counts.'),
          signatures: z.array(signature).describe('Every signature that was found.'),
          problems: z.array(z.string()).describe('What could not be read, and why a policy does not allow it.'),
        }),
      )
      .describe('The image and, of an index, all that it names; the root first.'),
  })
  .describe('What was verified.');
export type VerifiedImage = DocumentOf<typeof verifiedImage>;

export const generatedKey = z
  .object({
    type: z.enum(['sigstore', 'gpg']).describe('Kind of key.'),
    dryRun,
    privateKeyFile: z.string().describe('Path of the private key.'),
    publicKeyFile: z.string().describe('Path of the public key.'),
    fingerprint: z
      .string()
      .optional()
      .describe('sha256: and the hash of a sigstore key, or the fingerprint of a GPG key; absent with --dry-run.'),
  })
  .describe('The pair of keys that was made.');
export type GeneratedKeys = DocumentOf<typeof generatedKey>;
