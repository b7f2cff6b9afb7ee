/**
 * The library: what the commands do, as functions. Make an {@link Env} of a session, a store and a registry pool, and hand
 * it to an operation.
 *
 * ```ts
 * const session = createSession();
 * await using registries = createRegistryPool(session, { retry: { maxRetries: 3 } }, async () => undefined);
 * using store = Store.open(folder);
 * const env = { session, registries, store: () => store, locate, host: hostPlatform() };
 * const record = await createList(env, { name: 'app:1.0', images: [locate('docker://quay.io/me/app:arm64')], ... });
 * ```
 */
export type { CopyResult } from './copy/execute-plan.ts';
export { executePlan } from './copy/execute-plan.ts';
export type { CopyPlan, CopyStep } from './copy/plan.ts';
export { isNothingToDo } from './copy/plan.ts';
export { type CopyRequest, type ManifestFormat, planCopy } from './copy/plan-copy.ts';
export type { InstanceSelection } from './copy/select-instances.ts';
export {
  type CredentialProvider,
  type Credentials,
  createRegistryPool,
  type RegistryPool,
  type RegistrySettings,
} from './distribution/registry-pool.ts';
export { type KeyNameOptions, readDecryptionKeys, readRecipients } from './encryption/key-names.ts';
export type { LayerEncryption } from './encryption/layer-encryption.ts';
export * from './foundation/errors.ts';
export type { ProgressEvent, StepOutcome } from './foundation/events.ts';
export { createSession, type Session, type SessionOptions } from './foundation/session.ts';
export type { Annotations, Descriptor, RawManifest } from './oci/descriptor.ts';
export { type Digest, digestOf, parseDigest } from './oci/digest.ts';
export { applyEdits, type IndexEdit } from './oci/edits.ts';
export { convertIndex, encodeIndex, type ImageIndex, type IndexEntry, parseIndex } from './oci/image-index.ts';
export { hostPlatform, type Platform, parsePlatform } from './oci/platform.ts';
export { formatReference, parseReference, type Reference } from './oci/reference.ts';
export { type AddArtifactRequest, addArtifact } from './operations/add-artifact.ts';
export { type AddedInstances, type AddInstancesRequest, addInstances } from './operations/add-instances.ts';
export { type AnnotatedList, type AnnotateListRequest, annotateList } from './operations/annotate-list.ts';
export { type CopyImageRequest, type CopyTaking, copyImage } from './operations/copy-image.ts';
export { type CreateListRequest, createList } from './operations/create-list.ts';
export { type DescribedImage, type DescribedIndex, describeImage } from './operations/describe-image.ts';
export { describeTree, type TreeNode } from './operations/describe-tree.ts';
export type { Env } from './operations/environment.ts';
export { inspectImage } from './operations/inspect-list.ts';
export type { PlannedCopy } from './operations/plan-and-execute.ts';
export { type PrunedLayout, pruneLayoutAt } from './operations/prune-layout.ts';
export { type PushListRequest, pushList } from './operations/push-list.ts';
export { removeInstances } from './operations/remove-instances.ts';
export { type Registry, type RegistryOptions, startRegistry } from './registry-server/server.ts';
export type { ListRecord, ListStore } from './store/list-store.ts';
export { Store, storeDirectory } from './store/store.ts';
export { locate, parseDestination } from './transports/image-names.ts';
export type {
  ImageDestination,
  ImageLocation,
  ImageSource,
  PlaceSettings,
  Transport,
  TransportEnv,
} from './transports/transport.ts';
export { openVerifiedSource, type VerifiedSource } from './transports/verified-source.ts';
