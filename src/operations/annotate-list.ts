/** Edits what a list says of itself or of one of its instances. */
import { UsageError } from '../foundation/errors.ts';
import type { Annotations, Descriptor } from '../oci/descriptor.ts';
import { descriptorOf } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { applyEdits, type EntryChanges, type IndexEdit } from '../oci/edits.ts';
import type { ImageIndex } from '../oci/image-index.ts';
import { parseImageManifest } from '../oci/manifest.ts';
import { isIndexType } from '../oci/media-types.ts';
import type { ListRecord } from '../store/list-store.ts';
import { openVerifiedSource, parsed } from '../transports/verified-source.ts';
import { editList } from './edit-list.ts';
import type { Env } from './environment.ts';
import { findImage } from './find-image.ts';
import { findInstance } from './find-instance.ts';

export interface AnnotateListRequest {
  readonly list: string;
  /** As typed; `undefined` edits the index itself. */
  readonly instance: string | undefined;
  readonly annotations: Annotations;
  readonly removeAnnotations: readonly string[];
  /** Fields of the instance; none where the index itself is edited. */
  readonly changes: EntryChanges;
  readonly artifactType?: string;
  /** Image name of what the index refers to; an empty string takes the subject away. */
  readonly subject?: string;
  /** Reads everything and writes nothing. */
  readonly dryRun?: boolean;
}

export interface AnnotatedList {
  readonly record: ListRecord;
  /** What the list was before. */
  readonly before: ImageIndex;
  /** The instance that was edited. */
  readonly instance?: Digest;
}

export async function annotateList(env: Env, request: AnnotateListRequest): Promise<AnnotatedList> {
  const list = env.store().lists.read(request.list);
  const { annotations, removeAnnotations } = request;
  const save = (edit: IndexEdit): { record: ListRecord; before: ImageIndex } => ({
    record: editList(env, list.id, (now) => ({ ...now, index: applyEdits(now.index, [edit]) }), request.dryRun),
    before: list.index,
  });
  if (request.instance === undefined) {
    const [field] = Object.keys(request.changes);
    if (field !== undefined) {
      throw new UsageError(`"${field}" is a field of an instance, and none is named`, {
        code: 'CONFLICTING_ARGUMENTS',
        hint: 'Name the instance, or leave "changes" empty.',
      });
    }
    const subject = request.subject === undefined ? undefined : await describeSubject(env, request.subject, 'index');
    const edit: IndexEdit = {
      op: 'annotate-index',
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(removeAnnotations.length === 0 ? {} : { removeAnnotations }),
      ...(request.artifactType === undefined ? {} : { artifactType: request.artifactType }),
      ...(subject === undefined ? {} : { subject }),
    };
    return save(edit);
  }
  if (request.subject !== undefined) {
    throw new UsageError('setting the subject of a list requires no instance', {
      code: 'CONFLICTING_ARGUMENTS',
      hint: 'Leave the instance away: --subject is a field of the index.',
    });
  }
  const instance = await findInstance(env, list, request.instance);
  const edit: IndexEdit = {
    op: 'annotate-entry',
    ...instance,
    set: {
      ...request.changes,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(request.artifactType === undefined ? {} : { artifactType: request.artifactType }),
    },
    ...(removeAnnotations.length === 0 ? {} : { removeAnnotations }),
  };
  return { ...save(edit), instance: instance.digest };
}

/**
 * The descriptor of an image as a subject (OCI Image Specification v1.1, manifest.md, `subject`). The peers name the type of
 * an artifact in the subject of an artifact, but not in that of an index, and descriptors that differ give other digests.
 */
export async function describeSubject(env: Env, name: string, of: 'artifact' | 'index'): Promise<Descriptor | null> {
  if (name === '') return null;
  await using source = await openVerifiedSource(await findImage(env, name), env);
  const root = await source.getManifest();
  const artifactType =
    of === 'index' || isIndexType(root.mediaType)
      ? undefined
      : parsed(source, () => parseImageManifest(root)).artifactType;
  return { ...descriptorOf(root), ...(artifactType === undefined ? {} : { artifactType }) };
}
