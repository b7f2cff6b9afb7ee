/**
 * The interfaces of a transport: one way to keep images. Each transport is a folder with `location.ts` (its names),
 * `source.ts` (reading) and `destination.ts` (writing). Sources hand out raw streams: nobody opens one directly, but
 * through {@link openVerifiedSource} in `verified-source.ts`, which checks every byte.
 */
import type { Readable, Writable } from 'node:stream';
import type { RegistryPool } from '../distribution/registry-pool.ts';
import type { Session } from '../foundation/session.ts';
import type { Descriptor, RawManifest } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { IndexEntry } from '../oci/image-index.ts';
import type { Reference } from '../oci/reference.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import type { RegistryRoutes } from '../registry-config/registry-routes.ts';
import type { Store } from '../store/store.ts';

/** Names of transports, as they stand before the colon of an image name. */
export type TransportName =
  | 'containers-storage'
  | 'dir'
  | 'docker'
  | 'docker-archive'
  | 'docker-daemon'
  | 'oci'
  | 'oci-archive'
  | 'store';

/** What a run says of places of this machine, in words of skopeo's flags. */
export interface PlaceSettings {
  /** Absolute: where the blobs of layouts (`oci:`) are, in place of the folder `blobs` of each. */
  readonly sharedBlobDir?: string;
  /** Where Docker's daemon listens, in place of what the environment says. */
  readonly daemonHost?: string;
  /** A folder with `ca.pem`, `cert.pem` and `key.pem` for a daemon that is named by `daemonHost`. */
  readonly certDir?: string;
  /** Whether such a daemon must prove who it is; default true. */
  readonly tlsVerify?: boolean;
}

/** What a transport may use to reach its images. */
export interface TransportEnv {
  readonly session: Session;
  readonly registries: RegistryPool;
  /** What the machine says of registries; without it each reference is where its name says. */
  readonly routes?: RegistryRoutes;
  readonly places?: PlaceSettings;
  /** Destinations are looked at and will not be written to, so that nobody need know of it. */
  readonly looksOnly?: boolean;
  /** The local store; opened on first use. */
  store(): Store;
  /** The location that a text of the form `transport:rest` names. Throws UsageError. */
  locate(text: string): ImageLocation;
  /** For transports that read a whole archive from standard input; without it they cannot. */
  standardInput?(): Readable;
  /** For transports that write a whole archive to standard output; they leave it open. */
  standardOutput?(): Writable;
}

/** Part of a blob: bytes `start` to `end`, both inclusive; without `end` up to the last byte. */
export interface ByteRange {
  start: number;
  end?: number;
}

/** A manifest that stands beside another one and speaks of it: it has it for its subject, or a tag made of its digest. */
export interface Companion {
  readonly descriptor: Descriptor;
  /** The tag under which it stands (`sha256-….sig`); `undefined` for a referrer. */
  readonly tag?: string;
}

/** The tags that cosign makes of a digest: signatures, attestations, bills of materials. */
export function companionTags(of: Digest): readonly string[] {
  return ['.sig', '.att', '.sbom'].map((suffix) => `${of.replace(':', '-')}${suffix}`);
}

export interface ImageSource extends AsyncDisposable {
  /** The manifest that the location names, or one instance of it by digest. Throws NotFoundError. */
  getManifest(instance?: Digest): Promise<RawManifest>;
  /** A stream of the blob's bytes. Throws NotFoundError. */
  openBlob(blob: Descriptor, range?: ByteRange): Promise<Readable>;
  /**
   * How many bytes are there for the blob; `undefined` where only reading would tell, or asking over the network. For sources
   * on this machine, so that a plan need not promise what has gone. Throws NotFoundError.
   */
  sizeOfBlob?(blob: Descriptor): Promise<number | undefined>;
  /** What stands beside a manifest and speaks of it; for sources that can tell. */
  companions?(of: Digest): Promise<readonly Companion[]>;
  /** Where the bytes of an instance (and its blobs) really are, best first, for sources that only know the way to others. */
  origins?(instance: Digest): readonly ImageLocation[];
}

/** Content that can be opened again, so that a retry is safe. */
export interface BlobContent {
  readonly descriptor: Descriptor;
  /** A new stream of the bytes from `offset` (default 0) to the end. */
  open(offset?: number): Promise<Readable>;
}

/** What a destination can hold; declared, so that a plan can be made without trying. */
export interface DestinationTraits {
  /** Media types of manifests and indexes that it takes, best first; `undefined` where it takes any. */
  readonly manifestTypes: readonly string[] | undefined;
  /** Whether an index may name instances that are not there. */
  readonly sparseIndex: boolean;
  /** Whether a manifest that stands there has all its blobs there too, so that nobody need ask for them. */
  readonly manifestsComplete: boolean;
  /** Whether it looks into the layers, which it cannot where they are encrypted. */
  readonly opensLayers?: boolean;
  /** Whether what speaks of a manifest (its {@link Companion}s) can stand beside it, and is found there. */
  readonly keepsCompanions?: boolean;
}

/** A member of an index, with its config. */
export interface ImageOfList {
  readonly entry: IndexEntry;
  readonly config: Pick<Descriptor, 'digest' | 'mediaType'>;
}

export interface ImageDestination extends AsyncDisposable {
  readonly traits: DestinationTraits;
  hasBlob(blob: Descriptor): Promise<boolean>;
  hasManifest(digest: Digest): Promise<boolean>;
  /** The digest of what the location (or another tag beside it) names now; `undefined` where that is nothing. */
  currentRoot(tag?: string): Promise<Digest | undefined>;
  /**
   * Told beside the first {@link currentRoot}, and again when more is known: if that is nothing, at least so many blobs and manifests
   * are asked for and sent next.
   */
  expect?(count: number): void;
  /**
   * For destinations that take an index apart into images: what becomes of `members`, which may have `tags` beside the
   * location's own, in sentences for the plan. Throws ConflictError, UnsupportedError where that cannot be done.
   */
  describeList?(members: readonly ImageOfList[], tags: readonly string[]): readonly string[];
  /**
   * Throws what the first write would throw, as far as that can be told without writing; for places on this machine. `tags`: nothing
   * is written but further tags of what stands there.
   */
  expectWritable?(what: 'image' | 'tags'): Promise<void>;
  /** Takes the blob over from another repository of the same place; `false` where that is not possible. */
  mountBlob?(blob: Descriptor, from: Reference): Promise<boolean>;
  putBlob(content: BlobContent): Promise<void>;
  putManifest(manifest: RawManifest, at: Digest): Promise<void>;
  /**
   * Makes `root` (already put by digest, or put now) what the location names. The last call of a push. A destination that others
   * may write to at the same time sees to it that `onlyIf` holds until then, as far as it can; throws ConflictError
   * UNEXPECTED_DIGEST where it does not.
   */
  commit(root: RawManifest, onlyIf?: RootCondition): Promise<void>;
  /** Gives `root`, already committed, one more tag beside the location's own. */
  tag?(root: RawManifest, tag: string): Promise<void>;
}

/** A place of an image: transport and the rest. */
export interface ImageLocation {
  readonly transport: TransportName;
  /** The text form, `transport:rest`; parses back to an equal location. */
  format(): string;
  /** The reference behind it, for transports that have registries. */
  readonly reference?: Reference;
  /** The name without a transport that it comes from, and that no local list has: told where nothing can be read here either. */
  readonly bareName?: string;
  /** The same place named by digest, so that it still means the same bytes later; `undefined` where the transport cannot. */
  pinned(digest: Digest): ImageLocation | undefined;
  openSource(env: TransportEnv): Promise<ImageSource>;
  /** Throws UsageError or UnsupportedError where it cannot be written. */
  openDestination(env: TransportEnv): Promise<ImageDestination>;
}

export interface Transport {
  readonly name: TransportName;
  /** Parses what follows `name:`. Throws UsageError. */
  parse(rest: string): ImageLocation;
}
