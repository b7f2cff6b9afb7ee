/** An image or index as a summary for people, and as JSON with the names that `skopeo inspect` gives. */

import { attestationSubject, isAttestation } from '../../oci/matcher.ts';
import { zstdAnnotation } from '../../oci/media-types.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { DescribedImage, DescribedIndex } from '../../operations/describe-image.ts';
import type { DescribedImageOrIndex } from '../documents/images.ts';
import { renderTable } from './table.ts';
import { formatBytes, visible } from './texts.ts';

/** What an image is called beside what it says of itself. */
export interface ImageNaming {
  /** As typed, or the location. */
  readonly title: string;
  /** `registry/repository`. */
  readonly repository: string | undefined;
  readonly tags: readonly string[] | undefined;
}

/** Lines of the summary. Texts of the image are shown without their control characters. */
export function renderImage(described: DescribedImage | DescribedIndex, naming: ImageNaming): string[] {
  const lines = described.kind === 'index' ? indexLines(described) : imageLines(described);
  const tags = naming.tags === undefined ? [] : section('Tags', naming.tags);
  return [field('Name', naming.title), ...lines, ...tags].map(visible);
}

const field = (name: string, value: string): string => `${`${name}:`.padEnd(14)}${value}`;

function optional(name: string, value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [field(name, value)];
}

function section(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${name}:`, ...lines.map((line) => `  ${line}`)];
}

function pairs(name: string, values: Readonly<Record<string, string>>): string[] {
  return section(
    name,
    Object.entries(values).map(([key, value]) => `${key}=${value}`),
  );
}

function imageLines({ manifest, index, artifactType, annotations, layers, config, image }: DescribedImage): string[] {
  const total = layers.reduce((sum, layer) => sum + layer.size, config.size);
  const command = (words: readonly string[]): string | undefined =>
    words.length === 0 ? undefined : JSON.stringify(words);
  return [
    field('Digest', manifest.digest),
    ...optional('Index', index?.digest),
    field('Type', manifest.mediaType),
    ...optional('Artifact', artifactType),
    ...(image === undefined
      ? []
      : [
          ...optional('Created', image.created),
          ...optional('Author', image.author),
          field('Platform', formatPlatform({ os: '', architecture: '', ...image })),
          ...optional('OS version', image['os.version']),
          ...optional('Entrypoint', command(image.run.entrypoint)),
          ...optional('Command', command(image.run.cmd)),
          ...optional('User', image.run.user),
          ...optional('Directory', image.run.workingDir),
          ...optional('Ports', image.run.exposedPorts.join(' ')),
          ...optional('Volumes', image.run.volumes.join(' ')),
          ...optional('Stop signal', image.run.stopSignal),
        ]),
    field('Size', `${formatBytes(total)} in ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`),
    field('Config', `${config.digest}  ${formatBytes(config.size)}`),
    ...section(
      'Layers',
      layers.map((layer) => `${layer.digest}  ${formatBytes(layer.size).padStart(8)}  ${layer.mediaType}`),
    ),
    ...section('Environment', image?.run.env ?? []),
    ...pairs('Labels', image?.run.labels ?? {}),
    ...pairs('Annotations', annotations),
  ];
}

function indexLines({ manifest, index }: DescribedIndex): string[] {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const attested = new Set(index.manifests.filter(isAttestation).map(attestationSubject));
  const rows = images.map((entry) => [
    entry.platform === undefined ? (entry.artifactType ?? '-') : formatPlatform(entry.platform),
    entry.digest,
    formatBytes(entry.size),
    [
      ...(entry.platform?.['os.version'] === undefined ? [] : [entry.platform['os.version']]),
      ...(entry.annotations?.[zstdAnnotation] === 'true' ? ['zstd'] : []),
      ...(attested.has(entry.digest) ? ['attested'] : []),
    ].join(' '),
  ]);
  return [
    field('Digest', manifest.digest),
    field('Type', manifest.mediaType),
    ...optional('Artifact', index.artifactType),
    ...optional('Subject', index.subject?.digest),
    ...(rows.length === 0
      ? ['It is empty.']
      : renderTable(['PLATFORM', 'DIGEST', 'MANIFEST', ''], rows).map((line) => `  ${line}`)),
    ...pairs('Annotations', index.annotations ?? {}),
  ];
}

/** The JSON form. Members that skopeo has carry its names and forms; the others are ours. */
export function imageDocument(described: DescribedImage | DescribedIndex, naming: ImageNaming): DescribedImageOrIndex {
  const { manifest } = described;
  const named = {
    ...(naming.repository === undefined ? {} : { Name: naming.repository }),
    Digest: manifest.digest,
    ...(naming.tags === undefined ? {} : { RepoTags: naming.tags }),
  };
  if (described.kind === 'index') {
    const { index } = described;
    return {
      ...named,
      MediaType: manifest.mediaType,
      ...(index.artifactType === undefined ? {} : { ArtifactType: index.artifactType }),
      ...(index.subject === undefined ? {} : { Subject: index.subject.digest }),
      Annotations: index.annotations ?? null,
      Manifests: index.manifests.map(({ digest, mediaType, size, platform, artifactType, annotations }) => ({
        Digest: digest,
        MIMEType: mediaType,
        Size: size,
        ...(platform === undefined ? {} : { Platform: platform }),
        ...(artifactType === undefined ? {} : { ArtifactType: artifactType }),
        Annotations: annotations ?? null,
      })),
    };
  }
  const { index, image, layers, config, annotations, artifactType } = described;
  return {
    ...named,
    ...(image === undefined
      ? {}
      : {
          Created: image.created ?? null,
          DockerVersion: image.dockerVersion ?? '',
          Labels: Object.keys(image.run.labels).length === 0 ? null : image.run.labels,
          Architecture: image.architecture ?? '',
          ...(image.variant === undefined ? {} : { Variant: image.variant }),
          Os: image.os ?? '',
        }),
    Layers: layers.map((layer) => layer.digest),
    LayersData: layers.map((layer) => ({
      MIMEType: layer.mediaType,
      Digest: layer.digest,
      Size: layer.size,
      Annotations: layer.annotations ?? null,
    })),
    Env: image?.run.env ?? null,
    MediaType: manifest.mediaType,
    ...(index === undefined ? {} : { Index: index.digest }),
    ...(artifactType === undefined ? {} : { ArtifactType: artifactType }),
    Size: layers.reduce((sum, layer) => sum + layer.size, config.size),
    Config: { MIMEType: config.mediaType, Digest: config.digest, Size: config.size },
    ...(image === undefined
      ? {}
      : {
          Author: image.author ?? '',
          User: image.run.user ?? '',
          Entrypoint: image.run.entrypoint,
          Cmd: image.run.cmd,
          WorkingDir: image.run.workingDir ?? '',
          ExposedPorts: image.run.exposedPorts,
          Volumes: image.run.volumes,
          StopSignal: image.run.stopSignal ?? '',
        }),
    Annotations: Object.keys(annotations).length === 0 ? null : annotations,
  };
}
