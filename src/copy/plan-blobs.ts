/** One step a blob, whatever the number of images that share it. Only reads. */
import { IntegrityError } from '../foundation/errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { Inventory } from './inventory.ts';
import { type CopyStep, isCryptStep } from './plan.ts';
import type { PlannedManifest } from './planned-manifest.ts';

export async function planBlobs(inventory: Inventory, manifests: readonly PlannedManifest[]): Promise<CopyStep[]> {
  const made = new Map<string, CopyStep>();
  for (const { steps } of manifests) for (const step of steps) made.set(step.id, step);
  const plain = blobsOf(manifests);
  const transfers = await Promise.all(
    [...plain.values()].map(({ blob, instances }) => inventory.transfer(blob, instances)),
  );
  // what is in the source need not be made
  return [...transfers, ...[...made.values()].filter((step) => !('made' in step && plain.has(step.blob.digest)))];
}

/** What is to be read of `source` and has gone from this machine is told now, and not when the half is sent. */
export async function checkBlobs(source: VerifiedSource, steps: readonly CopyStep[]): Promise<void> {
  const read = steps.flatMap((step) => {
    if (isCryptStep(step)) return step.kind === 'add-recipients' ? [] : step.layer;
    const isRead = step.kind === 'recompress' || (step.kind === 'copy' && step.from === 'source');
    return isRead ? step.blob : [];
  });
  await Promise.all(read.map((blob) => source.checkBlob(blob)));
}

function blobsOf(manifests: readonly PlannedManifest[]): Map<Digest, { blob: Descriptor; instances: Set<Digest> }> {
  const byDigest = new Map<Digest, { blob: Descriptor; instances: Set<Digest> }>();
  for (const { blobs } of manifests) {
    for (const { blob, instance } of blobs) {
      const known = byDigest.get(blob.digest);
      if (known === undefined) byDigest.set(blob.digest, { blob, instances: new Set([instance]) });
      else if (known.blob.size !== blob.size) {
        throw new IntegrityError(`${blob.digest} is said to have ${known.blob.size} bytes and ${blob.size} bytes`, {
          code: 'SIZE_MISMATCH',
          side: 'source',
        });
      } else known.instances.add(instance);
    }
  }
  return byDigest;
}
