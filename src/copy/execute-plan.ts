/**
 * Does what a plan says and nothing else. A step starts as soon as the steps that it needs are done; the first failure
 * stops everything that is under way, so that nothing after it (the tag above all) is reached.
 */
import type { Readable } from 'node:stream';
import { BugError, CancelledError } from '../foundation/errors.ts';
import type { StepOutcome } from '../foundation/events.ts';
import { createSemaphore } from '../foundation/semaphore.ts';
import type { Session } from '../foundation/session.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { ImageDestination } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import { type CopyPlan, type CopyStep, isNothingToDo } from './plan.ts';

/** Blobs under way at once: enough to hide the round trips of small ones, few enough to keep memory flat. */
const parallelBlobs = 12;

/** What a copy really did. */
export interface CopyResult {
  readonly copied: number;
  readonly mounted: number;
  readonly reused: number;
  /** Bytes of the blobs that were copied. */
  readonly bytes: number;
}

export async function executePlan(
  session: Session,
  plan: CopyPlan,
  source: VerifiedSource,
  destination: ImageDestination,
): Promise<CopyResult> {
  session.emit({ type: 'plan', title: titleOf(plan), steps: plan.steps.length, bytes: plan.bytes });
  const transfers = createSemaphore(parallelBlobs);
  const streams = new Set<Readable>();
  const result = { copied: 0, mounted: 0, reused: 0, bytes: 0 };
  let failure: unknown;

  const stopAll = (cause: unknown): void => {
    if (failure !== undefined) return;
    failure = cause;
    for (const stream of streams) stream.destroy(new CancelledError('stopped because another part of the copy failed'));
  };
  const checkGoing = (): void => {
    if (session.signal.aborted) throw new CancelledError();
    if (failure !== undefined) throw new CancelledError('stopped because another part of the copy failed');
  };

  const copyBlob = async (blob: Descriptor, id: string): Promise<void> => {
    await destination.putBlob({
      descriptor: blob,
      async open(offset = 0) {
        checkGoing();
        const stream = await source.openBlob(blob, {
          offset,
          onBytes: (bytes) => session.emit({ type: 'step-progress', id, bytes }),
        });
        streams.add(stream);
        stream.once('close', () => streams.delete(stream));
        return stream;
      },
    });
    result.copied += 1;
    result.bytes += blob.size;
  };

  const perform = async (step: CopyStep): Promise<StepOutcome> => {
    switch (step.kind) {
      case 'reuse':
        result.reused += 1;
        return 'reused';
      case 'mount':
        if (await destination.mountBlob?.(step.blob, step.from)) {
          result.mounted += 1;
          return 'mounted';
        }
        await copyBlob(step.blob, step.id);
        return 'copied';
      case 'copy':
        await copyBlob(step.blob, step.id);
        return 'copied';
      case 'put-manifest':
      case 'put-index':
        if (step.present) return 'reused';
        await destination.putManifest(step.manifest, step.manifest.digest);
        return 'written';
      case 'tag':
        if (step.present) return 'reused';
        if (step.tag === undefined) await destination.commit(step.manifest);
        else if (destination.tag === undefined) throw new BugError(`${plan.destination} takes no tags`);
        else await destination.tag(step.manifest, step.tag);
        return 'written';
    }
  };

  const done = new Map<string, Promise<void>>();
  const start = async (step: CopyStep): Promise<void> => {
    await Promise.all(
      step.needs.map((id) => {
        const needed = done.get(id);
        if (needed === undefined)
          throw new BugError(`the step "${step.id}" needs "${id}", which the plan has not before it`);
        return needed;
      }),
    );
    const work = async (): Promise<void> => {
      checkGoing();
      const bytes = 'blob' in step ? step.blob.size : 0;
      session.emit({ type: 'step-start', id: step.id, label: describeStep(step), bytes });
      session.emit({ type: 'step-end', id: step.id, outcome: await perform(step) });
    };
    await (step.kind === 'copy' || step.kind === 'mount' ? transfers.run(work) : work());
  };
  for (const step of plan.steps) {
    const run = start(step).catch((thrown: unknown) => {
      stopAll(thrown);
      throw thrown;
    });
    done.set(step.id, run);
  }
  await Promise.allSettled(done.values());
  if (failure !== undefined) throw failure;
  return result;
}

/** In the words of the peers, which people and scripts know. */
function titleOf(plan: CopyPlan): string {
  if (isNothingToDo(plan)) return `Everything is at ${plan.destination} already`;
  const images = plan.steps.filter((step) => step.kind === 'put-manifest').length;
  return isIndexType(plan.root.mediaType)
    ? `Copying ${images} images generated from ${images} images in list`
    : `Copying ${plan.source} to ${plan.destination}`;
}

function describeStep(step: CopyStep): string {
  switch (step.kind) {
    case 'reuse':
      return `Blob ${step.blob.digest} is there already`;
    case 'mount':
      return `Mounting blob ${step.blob.digest} from ${step.from.registry}/${step.from.repository}`;
    case 'copy':
      return `Copying blob ${step.blob.digest}`;
    case 'put-manifest':
    case 'put-index':
      return step.present
        ? `Manifest ${step.manifest.digest} (${step.label}) is there already`
        : `Writing manifest ${step.manifest.digest} (${step.label})`;
    case 'tag': {
      if (step.present) return `${step.label} names ${step.manifest.digest} already`;
      if (step.tag !== undefined) return `Writing ${step.label}`;
      const what = isIndexType(step.manifest.mediaType) ? 'manifest list' : 'manifest';
      return `Writing ${what} to image destination ${step.label}`;
    }
  }
}
