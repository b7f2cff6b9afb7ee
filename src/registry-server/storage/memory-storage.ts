/** A registry that is gone when the process ends. Equal content of several repositories is kept once. */
import { randomUUID } from 'node:crypto';
import type { Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../ranges.ts';
import { createRunningDigest } from './running-digest.ts';
import type { DigestAlgorithm, NewManifest, RegistryStorage, StoredBlob, StoredManifest, Upload } from './storage.ts';

/** Blobs stay in the pieces in which they came: joining them would need everything twice. */
type Pieces = readonly Uint8Array[];

interface Repository {
  blobs: Map<Digest, StoredBlob>;
  manifests: Map<Digest, StoredManifest>;
  referrers: Map<Digest, Set<Digest>>;
  tags: Map<string, Digest>;
}

export function createMemoryStorage(): RegistryStorage {
  const repositories = new Map<string, Repository>();
  const uploads = new Map<string, { repository: string; upload: Upload }>();
  /** Weak, so that content goes when the last repository gives it up. */
  const content = new Map<Digest, WeakRef<StoredBlob>>();

  const repositoryOf = (name: string): Repository => {
    let repository = repositories.get(name);
    if (repository === undefined) {
      repository = { blobs: new Map(), manifests: new Map(), referrers: new Map(), tags: new Map() };
      repositories.set(name, repository);
    }
    return repository;
  };
  const addBlob = (name: string, digest: Digest, pieces: Pieces): void => {
    const blob = content.get(digest)?.deref() ?? storedBlob(pieces);
    content.set(digest, new WeakRef(blob));
    repositoryOf(name).blobs.set(digest, blob);
  };

  return {
    async hasRepository(name) {
      return repositories.has(name);
    },
    async repositories() {
      return [...repositories.keys()];
    },
    async blob(name, digest) {
      return repositories.get(name)?.blobs.get(digest);
    },
    async mountBlob(name, digest, from) {
      const blob = repositories.get(from)?.blobs.get(digest);
      if (blob === undefined) return false;
      repositoryOf(name).blobs.set(digest, blob);
      return true;
    },
    async deleteBlob(name, digest) {
      return repositories.get(name)?.blobs.delete(digest) ?? false;
    },
    async createUpload(name, algorithm) {
      const upload = memoryUpload(algorithm, {
        finish: (digest, pieces) => addBlob(name, digest, pieces),
        end: (id) => uploads.delete(id),
      });
      uploads.set(upload.id, { repository: name, upload });
      return upload;
    },
    async upload(name, id) {
      const found = uploads.get(id);
      return found?.repository === name ? found.upload : undefined;
    },
    async manifest(name, digest) {
      return repositories.get(name)?.manifests.get(digest);
    },
    async putManifest(name, manifest) {
      const repository = repositoryOf(name);
      repository.manifests.set(manifest.digest, storedManifest(manifest));
      if (manifest.subject === undefined) return;
      const referrers = repository.referrers.get(manifest.subject) ?? new Set();
      repository.referrers.set(manifest.subject, referrers.add(manifest.digest));
    },
    async deleteManifest(name, digest) {
      const repository = repositories.get(name);
      if (repository === undefined || !repository.manifests.delete(digest)) return false;
      for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag);
      for (const referrers of repository.referrers.values()) referrers.delete(digest);
      return true;
    },
    async referrers(name, subject) {
      return [...(repositories.get(name)?.referrers.get(subject) ?? [])];
    },
    async tag(name, tag) {
      return repositories.get(name)?.tags.get(tag);
    },
    async putTag(name, tag, digest) {
      repositoryOf(name).tags.set(tag, digest);
    },
    async deleteTag(name, tag) {
      return repositories.get(name)?.tags.delete(tag) ?? false;
    },
    async tags(name) {
      return [...(repositories.get(name)?.tags.keys() ?? [])];
    },
    async close() {},
  };
}

function storedBlob(pieces: Pieces): StoredBlob {
  return {
    size: pieces.reduce((sum, piece) => sum + piece.byteLength, 0),
    open: (range) => slices(pieces, range),
  };
}

function* slices(pieces: Pieces, range?: ByteRange): Generator<Uint8Array> {
  const start = range?.start ?? 0;
  const end = range === undefined ? Number.POSITIVE_INFINITY : range.end + 1;
  let at = 0;
  for (const piece of pieces) {
    const next = at + piece.byteLength;
    if (at >= end) return;
    if (next > start) yield piece.subarray(Math.max(0, start - at), Math.min(piece.byteLength, end - at));
    at = next;
  }
}

function storedManifest({ digest, mediaType, bytes }: NewManifest): StoredManifest {
  return { digest, mediaType, size: bytes.byteLength, read: async () => bytes };
}

interface UploadOwner {
  finish(digest: Digest, pieces: Pieces): void;
  end(id: string): void;
}

function memoryUpload(algorithm: DigestAlgorithm, owner: UploadOwner): Upload {
  const id = randomUUID();
  const digest = createRunningDigest(algorithm);
  let pieces: Uint8Array[] = [];
  let offset = 0;
  return {
    id,
    get offset() {
      return offset;
    },
    async append(body) {
      for await (const chunk of body) {
        digest.update(chunk);
        // a small chunk can be a view of a much bigger buffer, which it would keep alive
        pieces.push(chunk.byteLength * 2 < chunk.buffer.byteLength ? new Uint8Array(chunk) : chunk);
        offset += chunk.byteLength;
      }
    },
    async truncate(length) {
      pieces = [...slices(pieces, { start: 0, end: length - 1 })];
      offset = length;
    },
    async finish(wanted) {
      owner.end(id);
      if ((await digest.finish(wanted, offset, () => slices(pieces))) !== wanted) return false;
      owner.finish(wanted, pieces);
      return true;
    },
    async cancel() {
      owner.end(id);
      pieces = [];
    },
  };
}
