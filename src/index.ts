/**
 * The library: what the commands do, as functions. Make an {@link Env} of a session, a store and a registry pool, and hand
 * it to an operation. docs/library.md has a whole program.
 *
 * ```ts
 * const session = createSession();
 * await using registries = createRegistryPool(session, { retry: { maxRetries: 3 } }, async () => undefined);
 * using store = Store.open(folder);
 * const env = { session, registries, store: () => store, locate, host: hostPlatform() };
 * const record = await createList(env, { name: 'app:1.0', images: [locate('docker://quay.io/me/app:arm64')], ... });
 * ```
 */
export type { CompressionFormat } from './compression/compression.ts';
export type { AttestationPolicy, CopyChanges } from './copy/copy-request.ts';
export type { CopyResult } from './copy/execute-plan.ts';
export { executePlan } from './copy/execute-plan.ts';
export type { CopyPlan, CopyStep } from './copy/plan.ts';
export { isNothingToDo } from './copy/plan.ts';
export { type CopyRequest, type ManifestFormat, planCopy } from './copy/plan-copy.ts';
export type { CompressionRecipe } from './copy/recipe.ts';
export type { InstanceSelection } from './copy/select-instances.ts';
export {
  type Authorities,
  type CredentialProvider,
  type Credentials,
  createRegistryPool,
  type RegistryAccess,
  type RegistryPool,
  type RegistrySettings,
  type RetrySettings,
  type TimeoutSettings,
  type UploadSettings,
} from './distribution/registry-pool.ts';
export { type KeyNameOptions, readDecryptionKeys, readRecipients } from './encryption/key-names.ts';
export type { LayerEncryption } from './encryption/layer-encryption.ts';
export type { Clock } from './foundation/clock.ts';
export * from './foundation/errors.ts';
export type { ProgressEvent, StepOutcome } from './foundation/events.ts';
export { createSession, type Session, type SessionOptions } from './foundation/session.ts';
export type { Annotations, Descriptor, RawManifest } from './oci/descriptor.ts';
export { diffIndexes, type IndexDiff, type InstanceDiff, isDifferent, type MemberChange } from './oci/diff-indexes.ts';
export { type Digest, digestOf, parseDigest } from './oci/digest.ts';
export { applyEdits, type EntryChanges, type EntryReplacement, type IndexEdit } from './oci/edits.ts';
export { convertIndex, encodeIndex, type ImageIndex, type IndexEntry, parseIndex } from './oci/image-index.ts';
export {
  hostPlatform,
  type Platform,
  type PlatformChoice,
  type PlatformName,
  type PlatformSpec,
  parsePlatform,
} from './oci/platform.ts';
export { formatReference, parseReference, type Reference } from './oci/reference.ts';
export { parseRootCondition, type RootCondition } from './oci/root-condition.ts';
export { type AddArtifactRequest, addArtifact } from './operations/add-artifact.ts';
export { type AddedInstances, type AddInstancesRequest, addInstances } from './operations/add-instances.ts';
export { type AnnotatedList, type AnnotateListRequest, annotateList } from './operations/annotate-list.ts';
export { type CopyImageRequest, type CopyTaking, copyImage } from './operations/copy-image.ts';
export { type CreateListRequest, createList, type PlannedList, planList } from './operations/create-list.ts';
export { type DescribedImage, type DescribedIndex, describeImage } from './operations/describe-image.ts';
export { describeTree, type TreeNode, type TreeRole } from './operations/describe-tree.ts';
export { type DiffedImage, type DiffVerdict, diffImages, type ImagesDiff } from './operations/diff-images.ts';
export type { UsedSource } from './operations/enforce-policy.ts';
export type { Env } from './operations/environment.ts';
export {
  type ExportedList,
  type ExportedLists,
  type ExportListsRequest,
  exportLists,
} from './operations/export-lists.ts';
export { type GeneratedKey, type GenerateKeyRequest, generateKey, type KindOfKey } from './operations/generate-key.ts';
export { type InspectedImage, inspectImage } from './operations/inspect-list.ts';
export type { PlannedCopy } from './operations/plan-and-execute.ts';
export { type PrunedLayout, pruneLayoutAt } from './operations/prune-layout.ts';
export { type ListSignatures, type PushListRequest, pushList } from './operations/push-list.ts';
export type { Taking } from './operations/read-image.ts';
export { type RemovedInstances, removeInstances } from './operations/remove-instances.ts';
export { type SignImageRequest, type SignImageResult, signImage } from './operations/sign-image.ts';
export type { Signing, SigningRequest } from './operations/sign-pushed.ts';
export type { ManifestOfImage } from './operations/signed-manifests.ts';
export {
  type ManifestVerdict,
  type Required,
  type SignatureVerdict,
  type VerifyImageRequest,
  type VerifyImageResult,
  type VerifyTrust,
  verifyImage,
} from './operations/verify-image.ts';
export { type VerifiedStore, type VerifyStoreRequest, verifyStore } from './operations/verify-store.ts';
export {
  loadRegistriesD,
  type RegistriesD,
  type RegistriesDPlaces,
  type SignaturePlaces,
} from './registry-config/registries-d.ts';
export type { Authorize } from './registry-server/authorize.ts';
export type { RequestRecord } from './registry-server/exchange.ts';
export { type Registry, type RegistryOptions, startRegistry } from './registry-server/server.ts';
export type { AttachmentVerifier, SigstoreTrust, TextRule } from './signing/policy/attachment-verifier.ts';
export type { SignReport } from './signing/sign-manifests.ts';
export type { ImageSignature, SigningClaim } from './signing/signature.ts';
export type { SignatureStoreName } from './signing/signature-store.ts';
export type { ImageSigner } from './signing/signer.ts';
export { readKeyFile } from './signing/sigstore/key-file.ts';
export { createSigstoreKeySigner, type SigstoreKeySignerOptions } from './signing/sigstore/key-signer.ts';
export { createSigstoreVerifier } from './signing/sigstore/verifier.ts';
export { createGpgKeySigner, type KeySignerOptions } from './signing/simple/key-signer.ts';
export { type GpgPublicKey, readKeyring } from './signing/simple/keyring.ts';
export type { ListParts, ListRecord, ListStore, NewList, RemovedList } from './store/list-store.ts';
export {
  type Defect,
  type GarbageReport,
  type GarbageRequest,
  Store,
  type StoreCheck,
  type StoreContents,
  type StoreOptions,
  storeDirectory,
} from './store/store.ts';
export { locate, parseDestination } from './transports/image-names.ts';
export type { PruneRequest } from './transports/oci/prune.ts';
export type {
  BlobContent,
  ByteRange,
  Companion,
  DestinationTraits,
  ImageDestination,
  ImageLocation,
  ImageOfList,
  ImageSource,
  PlaceSettings,
  Transport,
  TransportEnv,
  TransportName,
} from './transports/transport.ts';
export { type OpenBlobOptions, openVerifiedSource, type VerifiedSource } from './transports/verified-source.ts';
