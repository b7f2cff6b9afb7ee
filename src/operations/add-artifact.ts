/**
 * Makes an artifact of files and puts it on a list. The files are copied into the local store, so that they may change or
 * go afterwards.
 *
 * Source: OCI Image Specification v1.1, manifest.md, "Guidelines for Artifact Usage".
 */
import { open, readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { NotFoundError, SheafError, systemCode, UsageError } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { type Annotations, type Descriptor, descriptorOf, type RawManifest } from '../oci/descriptor.ts';
import { createDigester, digestOf } from '../oci/digest.ts';
import type { EntryChanges } from '../oci/edits.ts';
import { encodeImageManifest } from '../oci/manifest.ts';
import { emptyDescriptor, mediaTypes } from '../oci/media-types.ts';
import type { StoredBlob } from '../store/content-store.ts';
import { openFile } from '../transports/local-file.ts';
import { contentLocation } from '../transports/store/location.ts';
import { type AddedInstances, saveAdded } from './add-instances.ts';
import { describeSubject } from './annotate-list.ts';
import type { Env } from './environment.ts';
import { withLease } from './keep-content.ts';
import { mediaTypeOfFile, sniffedBytes } from './media-type-of-file.ts';
import type { AddPlan } from './plan-add.ts';

export interface AddArtifactRequest {
  readonly list: string;
  /** At least one. */
  readonly files: readonly string[];
  /** An empty one is none at all, as with podman; left away it is `application/vnd.unknown.artifact.v1`. */
  readonly artifactType?: string;
  readonly configFile?: string;
  readonly configType?: string;
  readonly layerType?: string;
  readonly excludeTitles: boolean;
  /** Image name of what the artifact refers to. */
  readonly subject?: string;
  /** Of the manifest. */
  readonly artifactAnnotations: Annotations;
  /** Of the entry of the list. */
  readonly changes: EntryChanges;
  /** Reads everything and writes nothing: the files are hashed where they are. */
  readonly dryRun?: boolean;
}

const defaultArtifactType = 'application/vnd.unknown.artifact.v1';
const titleAnnotation = 'org.opencontainers.image.title';
const maxConfigBytes = 4 << 20;

/**
 * @throws UsageError NO_FILES, EMPTY_PATH, EMPTY_TYPE, NOT_A_FILE, CONFIG_TOO_LARGE; NotFoundError LIST_NOT_FOUND, FILE_NOT_FOUND;
 * StorageError; what reading the subject throws
 */
export async function addArtifact(env: Env, request: AddArtifactRequest): Promise<AddedInstances> {
  checkArguments(request);
  const store = env.store();
  const list = store.lists.read(request.list);
  const { artifactType = defaultArtifactType } = request;
  const subject = request.subject === undefined ? undefined : await describeSubject(env, request.subject, 'artifact');
  const make = async (keep: KeepFile): Promise<AddedInstances> => {
    const layers: Descriptor[] = [];
    for (const file of request.files) layers.push(await layerOf(file, keep, request));
    const config = await configDescriptor(request);
    const manifest = encodeImageManifest({
      mediaType: mediaTypes.ociManifest,
      artifactType,
      config: config.descriptor,
      layers,
      ...(subject === undefined || subject === null ? {} : { subject }),
      ...(Object.keys(request.artifactAnnotations).length === 0 ? {} : { annotations: request.artifactAnnotations }),
    });
    const entry = { ...descriptorOf(manifest), ...(artifactType === '' ? {} : { artifactType }) };
    const plan: AddPlan = {
      edits: [
        { op: 'add', entry },
        ...(Object.keys(request.changes).length === 0
          ? []
          : [{ op: 'annotate-entry' as const, digest: manifest.digest, set: request.changes }]),
      ],
      added: [entry],
      locations: new Map([[manifest.digest, [contentLocation(manifest.digest).format()]]]),
      content: contentOf(manifest, config),
      kept: layers.map((layer) => layer.digest),
      files: new Map([[manifest.digest, namesOf(request.files)]]),
    };
    return saveAdded(env, list, plan, request.dryRun);
  };
  if (request.dryRun) return make(hashFile);
  return withLease(env, (lease) => make((bytes) => store.content.putStream(bytes, { lease: lease.id })));
}

function checkArguments({ files, configFile, configType, layerType }: AddArtifactRequest): void {
  if (files.length === 0) {
    throw new UsageError('an artifact is made of files, and there are none', {
      code: 'NO_FILES',
      hint: 'Name at least one in "files".',
    });
  }
  if ([...files, configFile].includes('')) {
    throw new UsageError('the name of a file is empty', { code: 'EMPTY_PATH', hint: 'Name a file.' });
  }
  for (const [name, type] of Object.entries({ configType, layerType })) {
    if (type === '') {
      throw new UsageError(`"${name}" is empty, and that is no media type`, {
        code: 'EMPTY_TYPE',
        hint: 'Name one, such as text/plain, or leave it away.',
      });
    }
  }
}

/** What becomes of the bytes of a file: they are kept, or looked at alone. */
type KeepFile = (bytes: Readable) => Promise<StoredBlob>;

async function hashFile(bytes: Readable): Promise<StoredBlob> {
  const digester = createDigester();
  let size = 0;
  for await (const chunk of bytes) {
    digester.update(chunk as Uint8Array);
    size += (chunk as Uint8Array).byteLength;
  }
  return { digest: digester.digest(), size };
}

/** What people may call the artifact later: the names as typed, whole, and the last part. */
function namesOf(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => [file, resolve(file), basename(file)]))];
}

interface ConfigBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

function contentOf(manifest: RawManifest, config: ConfigBlob) {
  return [
    { digest: manifest.digest, bytes: manifest.bytes },
    { digest: config.descriptor.digest, bytes: config.bytes },
  ];
}

const emptyConfig: ConfigBlob = { descriptor: emptyDescriptor, bytes: Buffer.from('{}') };

async function configDescriptor(request: AddArtifactRequest): Promise<ConfigBlob> {
  if (request.configFile === undefined) {
    const { configType: mediaType = emptyDescriptor.mediaType } = request;
    return { ...emptyConfig, descriptor: { ...emptyDescriptor, mediaType } };
  }
  const { size } = await statFile(request.configFile);
  if (size > maxConfigBytes) {
    throw new UsageError(
      `the config file ${request.configFile} has ${size} bytes, more than the ${maxConfigBytes} allowed`,
      {
        code: 'CONFIG_TOO_LARGE',
      },
    );
  }
  const bytes = await told(request.configFile, readFile(request.configFile));
  // an empty file cannot be of the empty type, whose content is {}
  if (bytes.byteLength === 0 && request.configType === undefined) return emptyConfig;
  const mediaType = request.configType ?? mediaTypes.ociConfig;
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/** One file as a layer. */
async function layerOf(file: string, keep: KeepFile, request: AddArtifactRequest): Promise<Descriptor> {
  await statFile(file);
  const mediaType = request.layerType ?? mediaTypeOfFile(file, await told(file, headOf(file)));
  const { digest, size } = await keep(openFile(file));
  return {
    mediaType,
    digest,
    size,
    ...(request.excludeTitles ? {} : { annotations: { [titleAnnotation]: basename(file) } }),
  };
}

async function statFile(file: string): Promise<{ size: number }> {
  try {
    const found = await stat(file);
    if (!found.isFile()) {
      throw new UsageError(`${file} is not a regular file, so it cannot be part of an artifact`, {
        code: 'NOT_A_FILE',
      });
    }
    return found;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') {
      throw new NotFoundError(`there is no file ${file}`, {
        code: 'FILE_NOT_FOUND',
        cause: thrown,
        hint: 'Check the path; with --artifact every argument after the list is a file.',
      });
    }
    if (thrown instanceof SheafError) throw thrown;
    throw readError(thrown, file);
  }
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** What `reading` gives, which reads `file`. Throws StorageError. */
async function told<T>(file: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (thrown) {
    throw readError(thrown, file);
  }
}
