/**
 * What earlier runs have learned: what a layer becomes when it is compressed anew, what a whole image becomes, where blobs
 * are, which uploads have begun. Nothing of it is needed to be right: who uses it asks the destination all the same. So
 * reading gives nothing, and writing does nothing, where the disk fails.
 */
import { StorageError } from '../foundation/errors.ts';
import type { Annotations } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Row, StoreDatabase, Tables } from './database.ts';

/** What a layer became, proved by bytes that this program itself read and wrote. */
export interface Recompression {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The compression that came out. */
  readonly format: string;
  /** For the layer's descriptor. */
  readonly annotations: Annotations;
  /** Bytes of the plain tar. */
  readonly plainSize: number;
}

/** What a root became. */
export interface Conversion {
  readonly digest: Digest;
  readonly mediaType: string;
}

/** One blob on its way into one repository. */
export interface UploadKey {
  readonly registry: string;
  readonly repository: string;
  readonly digest: Digest;
}

export interface Knowledge {
  /** What the layer `source` became by `recipe`, which must name all that the bytes depend on. */
  recompression(source: Digest, recipe: string): Recompression | undefined;
  /** Remembers it, and holds the blob in the content store for {@link keepMs}, so that a run that goes on finds it. */
  rememberRecompression(source: Digest, recipe: string, result: Recompression): void;
  /** Stops holding blobs of {@link rememberRecompression}. */
  letGo(digests: readonly Digest[]): void;
  conversion(source: Digest, recipe: string): Conversion | undefined;
  rememberConversion(source: Digest, recipe: string, result: Conversion): void;
  /** Repositories of `registry` that had the blob, the latest first. */
  repositoriesOf(registry: string, digest: Digest): readonly string[];
  rememberBlobs(registry: string, repository: string, digests: readonly Digest[]): void;
  forgetBlob(registry: string, repository: string, digest: Digest): void;
  /** Whether the store is not there yet, as on a machine of CI. Costs no more than a look for a file. */
  isNew(): boolean;
  /**
   * Whether a run has begun to write into the repository when it was new: there may be blobs, although the registry still calls it
   * unknown. Who is not told so sends them again where nothing can be mounted.
   */
  hasWritten(registry: string, repository: string): boolean;
  /** To be told before the first thing is written into a new repository. */
  rememberWriting(registry: string, repository: string): void;
  /** The upload session that a run has left behind. */
  upload(key: UploadKey): string | undefined;
  rememberUpload(key: UploadKey, session: string): void;
  forgetUpload(key: UploadKey): void;
}

const day = 24 * 60 * 60 * 1000;
/** Milliseconds for which a compressed layer waits for a run that needs it. */
export const keepMs = 7 * day;
/** Registries give up uploads after some days. */
export const uploadMs = 7 * day;
/** Places not seen for so long, and more places than that, are forgotten. */
export const placeMs = 90 * day;
const maxPlaces = 100_000;
/** Repositories told for one blob. */
const maxRepositories = 5;

export function createKnowledge(database: StoreDatabase, now: () => number): Knowledge {
  const read = (work: (tables: Tables) => Row | undefined): Row | undefined => quietly(() => database.read(work));
  const write = (work: (tables: Tables) => void): void => {
    quietly(() => database.transaction(work, { durable: false }));
  };
  return {
    recompression(source, recipe) {
      const row = read((tables) =>
        tables.get('SELECT * FROM recompressions WHERE source = ? AND recipe = ?', source, recipe),
      );
      if (row === undefined) return undefined;
      return {
        digest: String(row['digest']) as Digest,
        size: Number(row['size']),
        format: String(row['format']),
        annotations: JSON.parse(String(row['annotations_json'])) as Annotations,
        plainSize: Number(row['plain_size']),
      };
    },
    rememberRecompression(source, recipe, { digest, size, format, annotations, plainSize }) {
      write((tables) => {
        tables.run(
          'INSERT OR REPLACE INTO recompressions VALUES (?, ?, ?, ?, ?, ?, ?)',
          source,
          recipe,
          digest,
          size,
          format,
          JSON.stringify(annotations),
          plainSize,
        );
        tables.run('INSERT OR REPLACE INTO kept_content VALUES (?, ?)', digest, now() + keepMs);
      });
    },
    letGo(digests) {
      if (digests.length === 0) return;
      write((tables) => {
        for (const digest of digests) tables.run('DELETE FROM kept_content WHERE digest = ?', digest);
      });
    },
    conversion(source, recipe) {
      const row = read((tables) =>
        tables.get('SELECT digest, media_type FROM conversions WHERE source = ? AND recipe = ?', source, recipe),
      );
      return row && { digest: String(row['digest']) as Digest, mediaType: String(row['media_type']) };
    },
    rememberConversion(source, recipe, { digest, mediaType }) {
      write((tables) =>
        tables.run('INSERT OR REPLACE INTO conversions VALUES (?, ?, ?, ?)', source, recipe, digest, mediaType),
      );
    },
    repositoriesOf(registry, digest) {
      const rows = quietly(() =>
        database.read((tables) =>
          tables.all(
            `SELECT repository FROM blob_places WHERE digest = ? AND registry = ?
              ORDER BY seen_at DESC, repository LIMIT ${maxRepositories}`,
            digest,
            registry,
          ),
        ),
      );
      return (rows ?? []).map((row) => String(row['repository']));
    },
    rememberBlobs(registry, repository, digests) {
      if (digests.length === 0) return;
      write((tables) => {
        for (const digest of digests)
          tables.run('INSERT OR REPLACE INTO blob_places VALUES (?, ?, ?, ?)', digest, registry, repository, now());
        tables.run('DELETE FROM blob_places WHERE seen_at <= ?', now() - placeMs);
        const count = Number(tables.get('SELECT count(*) AS count FROM blob_places')?.['count']);
        if (count <= maxPlaces) return;
        tables.run(
          `DELETE FROM blob_places WHERE (digest, registry, repository) IN
            (SELECT digest, registry, repository FROM blob_places ORDER BY seen_at LIMIT ?)`,
          count - maxPlaces,
        );
      });
    },
    forgetBlob(registry, repository, digest) {
      write((tables) =>
        tables.run(
          'DELETE FROM blob_places WHERE digest = ? AND registry = ? AND repository = ?',
          digest,
          registry,
          repository,
        ),
      );
    },
    isNew: () => quietly(() => !database.exists()) ?? false,
    hasWritten(registry, repository) {
      const row = read((tables) =>
        tables.get('SELECT 1 FROM written_repositories WHERE registry = ? AND repository = ?', registry, repository),
      );
      return row !== undefined;
    },
    rememberWriting(registry, repository) {
      write((tables) => {
        tables.run('DELETE FROM written_repositories WHERE written_at <= ?', now() - placeMs);
        tables.run('INSERT OR REPLACE INTO written_repositories VALUES (?, ?, ?)', registry, repository, now());
      });
    },
    upload({ registry, repository, digest }) {
      const row = read((tables) =>
        tables.get(
          'SELECT session FROM uploads WHERE registry = ? AND repository = ? AND digest = ? AND updated_at > ?',
          registry,
          repository,
          digest,
          now() - uploadMs,
        ),
      );
      return row && String(row['session']);
    },
    rememberUpload({ registry, repository, digest }, session) {
      write((tables) => {
        tables.run('DELETE FROM uploads WHERE updated_at <= ?', now() - uploadMs);
        tables.run(
          'INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)',
          registry,
          repository,
          digest,
          session,
          now(),
        );
      });
    },
    forgetUpload({ registry, repository, digest }) {
      write((tables) =>
        tables.run(
          'DELETE FROM uploads WHERE registry = ? AND repository = ? AND digest = ?',
          registry,
          repository,
          digest,
        ),
      );
    },
  };
}

function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    return undefined;
  }
}
