/** `--digestfile`, of every command that pushes. */
import * as Flags from '@oclif/core/flags';
import type { Digest } from '../oci/digest.ts';

export const digestFileFlag = {
  digestfile: Flags.string({ summary: 'Write the digest to this file, after success only.', helpValue: 'FILE' }),
};

interface DigestFileFlags {
  readonly digestfile?: string | undefined;
}

/** Before anything is sent; an empty name is none, as with the peers. Throws StorageError, UsageError. */
export async function expectDigestFile({ digestfile }: DigestFileFlags): Promise<void> {
  if (!digestfile) return;
  const { expectFilePath } = await import('../foundation/atomic-file.ts');
  await expectFilePath(digestfile);
}

/** Throws StorageError. */
export async function writeDigestFile({ digestfile }: DigestFileFlags, digest: Digest): Promise<void> {
  if (!digestfile) return;
  const { writeNamedFile } = await import('../foundation/atomic-file.ts');
  await writeNamedFile(digestfile, Buffer.from(digest));
}
