/**
 * A list of the local store read as an image: the index comes from its record, each instance and blob from the content of
 * the store if it is there, else from the locations that the record knows for it, one after the other until one has it.
 */
import type { Readable } from 'node:stream';
import { NotFoundError } from '../../foundation/errors.ts';
import type { Descriptor, RawManifest } from '../../oci/descriptor.ts';
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts';
import { parseIndex } from '../../oci/image-index.ts';
import { MAX_MANIFEST_BYTES, parseImageManifest, rawManifest } from '../../oci/manifest.ts';
import { isIndexType } from '../../oci/media-types.ts';
import type { ListRecord } from '../../store/list-store.ts';
import type { ByteRange, ImageLocation, ImageSource, TransportEnv } from '../transport.ts';
import { bytesOf, indexOf } from './list-index.ts';

export function createListSource(record: ListRecord, env: TransportEnv): ImageSource {
  const { content } = env.store();
  const opened = new Map<string, Promise<ImageSource>>();
  /** Which instances use a blob: the way from a blob to its locations. */
  const users = new Map<Digest, Set<Digest>>();
  const name = record.names[0] ?? record.id;

  /** Where the entries of a nested index are: with the index that names them. */
  const inherited = new Map<Digest, readonly string[]>();
  const locationsOf = (instance: Digest): readonly string[] =>
    record.locations[instance] ?? inherited.get(instance) ?? [];
  // what was written down says all itself: settings of this run are for its destination
  const { sharedBlobDir: _blobs, daemonHost: _host, ...places } = env.places ?? {};
  const recorded: TransportEnv = { ...env, places };
  const open = (text: string): Promise<ImageSource> => {
    let source = opened.get(text);
    if (source === undefined) {
      source = env.locate(text).openSource(recorded);
      opened.set(text, source);
    }
    return source;
  };

  /** The first answer of `read` over `texts`; what is not found at one place may be at the next. */
  const firstOf = async <T>(
    what: string,
    texts: readonly string[],
    read: (source: ImageSource) => Promise<T>,
  ): Promise<T> => {
    let last: unknown;
    for (const text of texts) {
      try {
        return await read(await open(text));
      } catch (thrown) {
        if (!(thrown instanceof NotFoundError)) throw thrown;
        env.session.emit({ type: 'log', level: 'debug', message: `${what} is not at ${text}: ${thrown.message}` });
        last = thrown;
      }
    }
    throw new NotFoundError(`${what} of the list ${name} is at none of the ${texts.length} places known for it`, {
      code: 'INSTANCE_GONE',
      cause: last,
      hint: 'Put it back there, or remove the instance from the list and add it from where it is now.',
    });
  };

  const getInstance = async (instance: Digest): Promise<RawManifest> => {
    if (await content.has(instance)) {
      const bytes = await content.read(instance, MAX_MANIFEST_BYTES);
      if (digestOf(bytes, algorithmOf(instance)) === instance) return { ...rawManifest(bytes), digest: instance };
      // it may be whole where it came from
      const message = `the instance ${instance} is damaged in the local store: ${content.path(instance)}`;
      env.session.emit({ type: 'warning', code: 'DAMAGED_CONTENT', message });
    }
    return firstOf(`the instance ${instance}`, locationsOf(instance), (source) => source.getManifest(instance));
  };

  const firstWith = <T>({ digest }: Descriptor, read: (source: ImageSource) => Promise<T>): Promise<T> => {
    const instances = [...(users.get(digest) ?? (Object.keys(record.locations) as Digest[]))];
    const texts = [...new Set(instances.flatMap((instance) => [...locationsOf(instance)]))];
    return firstOf(`the blob ${digest}`, texts, read);
  };

  return {
    async getManifest(instance) {
      if (instance === undefined) return bytesOf(indexOf(record), record.base);
      const manifest = await getInstance(instance);
      if (isIndexType(manifest.mediaType)) {
        for (const { digest } of parseIndex(manifest).manifests) inherited.set(digest, locationsOf(instance));
      } else {
        const { config, layers } = parseImageManifest(manifest);
        for (const blob of [config, ...layers]) {
          const known = users.get(blob.digest);
          if (known === undefined) users.set(blob.digest, new Set([instance]));
          else known.add(instance);
        }
      }
      return manifest;
    },
    async openBlob(blob: Descriptor, range?: ByteRange): Promise<Readable> {
      if (await content.has(blob.digest)) return content.open(blob.digest, range);
      return firstWith(blob, (source) => source.openBlob(blob, range));
    },
    async sizeOfBlob(blob) {
      return (await content.size(blob.digest)) ?? firstWith(blob, async (source) => source.sizeOfBlob?.(blob));
    },
    async companions(of) {
      const [text] = locationsOf(of);
      return text === undefined ? [] : ((await (await open(text)).companions?.(of)) ?? []);
    },
    origins: (instance): readonly ImageLocation[] => locationsOf(instance).map((text) => env.locate(text)),
    async [Symbol.asyncDispose]() {
      for (const source of await Promise.allSettled(opened.values())) {
        if (source.status === 'fulfilled') await source.value[Symbol.asyncDispose]();
      }
    },
  };
}
