/** What a copy is asked to do. */
import type { LayerEncryption } from '../encryption/layer-encryption.ts';
import type { Digest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import type { RootCondition } from '../oci/root-condition.ts';
import type { Store } from '../store/store.ts';
import type { ImageDestination, ImageLocation } from '../transports/transport.ts';
import type { VerifiedSource } from '../transports/verified-source.ts';
import type { DigestPairs } from './digest-pairs.ts';
import type { CompressionRecipe } from './recipe.ts';
import type { InstanceSelection } from './select-instances.ts';

/** The two families of manifest formats. */
export type ManifestFormat = 'oci' | 'docker';

/**
 * What becomes of attestations in an index whose images change their digests: `keep` makes them point at the new digest
 * (what they state still names the old one), `drop` leaves all attestations out, `fail` refuses.
 */
export type AttestationPolicy = 'keep' | 'drop' | 'fail';

/** What a copy changes of what it copies, or takes along with it; nothing without any of these. */
export interface CopyChanges {
  /** Convert everything to this format; left alone without it, as far as the destination allows. */
  readonly format?: ManifestFormat;
  /** Compress every layer that is in another form like this; left alone without it. */
  readonly compression?: CompressionRecipe;
  /** Further instances of each platform with their layers like this. */
  readonly addCompression?: readonly CompressionRecipe[];
  /** Encrypt or decrypt layers. */
  readonly encryption?: LayerEncryption;
  /** Default `keep`. */
  readonly attestations?: AttestationPolicy;
  /** What stands beside the manifests and speaks of them (signatures, attestations, referrers) goes along. */
  readonly referrers?: boolean;
  /** Refuse whatever changes a digest. */
  readonly preserveDigests?: boolean;
}

export interface CopyRequest extends CopyChanges {
  readonly source: VerifiedSource;
  readonly destination: ImageDestination;
  readonly location: ImageLocation;
  /** What the destination names now, where that was asked already. */
  readonly current?: Promise<Digest | undefined> | undefined;
  /** Refuse where the destination names something else than this when it is asked, or before the root gets its name. */
  readonly onlyIf?: RootCondition | undefined;
  /** Which instances of an index go along; ignored for a single image. */
  readonly select: InstanceSelection;
  /** What becomes of entries that do not go along: `keep` leaves them in the index, `strip` takes them out. */
  readonly unselected: 'keep' | 'strip';
  /** The root is to be read even where the destination is known to have what would become of it (to sign it). */
  readonly needsRoot?: boolean;
  /** More tags for the root beside the location's own. */
  readonly tags?: readonly string[];
  readonly host: Platform;
  /** Set while planning: the destination's name means nothing yet. */
  readonly isNew?: boolean;
  /** For what earlier runs have learned, and for layers that are compressed: those cannot be without it. */
  readonly store?: Store;
  /** What layers became on other machines; what is used of the store's knowledge is added. */
  readonly pairs?: DigestPairs;
}

/** The changes that a larger request asks for. */
export function changesOf(request: CopyChanges): CopyChanges {
  const { format, compression, addCompression, encryption, attestations, referrers, preserveDigests } = request;
  return {
    ...(format === undefined ? {} : { format }),
    ...(compression === undefined ? {} : { compression }),
    ...(addCompression === undefined ? {} : { addCompression }),
    ...(encryption === undefined ? {} : { encryption }),
    ...(attestations === undefined ? {} : { attestations }),
    ...(referrers === undefined ? {} : { referrers }),
    ...(preserveDigests === undefined ? {} : { preserveDigests }),
  };
}
