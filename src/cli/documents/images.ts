/** What the commands that look at images and layouts print with --json. */
import * as z from 'zod';
import {
  annotations,
  artifactType,
  count,
  type DocumentOf,
  descriptor,
  digest,
  dryRun,
  mediaType,
  platform,
  platformText,
} from './parts.ts';

export const contentDocument = z
  .looseObject({})
  .describe('The manifest, index or config itself, with all its members as they are; see the OCI image specification.');

const skopeoAnnotations = z
  .record(z.string(), z.string())
  .nullable()
  .describe('Annotations; null where there are none.');

const naming = {
  Name: z.string().optional().describe('registry/repository; absent where the image is in no registry.'),
  Digest: digest,
  RepoTags: z.array(z.string()).optional().describe('Tags of the repository; with --list-tags only.'),
};

const ofConfig = 'Absent for artifacts.';

const describedIndex = z
  .object({
    ...naming,
    MediaType: mediaType,
    ArtifactType: artifactType,
    Subject: digest.optional().describe('What it refers to.'),
    Annotations: skopeoAnnotations,
    Manifests: z
      .array(
        z.object({
          Digest: digest,
          MIMEType: mediaType,
          Size: count.describe('Bytes of the manifest.'),
          Platform: platform.optional(),
          ArtifactType: artifactType,
          Annotations: skopeoAnnotations,
        }),
      )
      .describe('Its entries, in its order.'),
  })
  .meta({ id: 'Index', description: 'An index, where no platform was chosen.' });

const describedImage = z
  .object({
    ...naming,
    Created: z
      .string()
      .nullable()
      .optional()
      .describe(`When it was made, as the config says it; null where it does not. ${ofConfig}`),
    DockerVersion: z.string().optional().describe(`Version of Docker that made it; may be empty. ${ofConfig}`),
    Labels: z
      .record(z.string(), z.string())
      .nullable()
      .optional()
      .describe(`Labels; null where there are none. ${ofConfig}`),
    Architecture: z.string().optional().describe(`CPU; may be empty. ${ofConfig}`),
    Variant: z.string().optional().describe('Variant of the architecture, where the config says one.'),
    Os: z.string().optional().describe(`Operating system; may be empty. ${ofConfig}`),
    Layers: z.array(digest).describe('Digests of the layers, the lowest first.'),
    LayersData: z
      .array(
        z.object({
          MIMEType: mediaType,
          Digest: digest,
          Size: count.describe('Bytes, as it is compressed.'),
          Annotations: skopeoAnnotations,
        }),
      )
      .describe('The layers, the lowest first.'),
    Env: z.array(z.string()).nullable().describe('Environment: NAME=VALUE; null for artifacts.'),
    MediaType: mediaType,
    Index: digest.optional().describe('The index from which the image was chosen.'),
    ArtifactType: artifactType,
    Size: count.describe('Bytes of layers and config together.'),
    Config: z.object({ MIMEType: mediaType, Digest: digest, Size: count.describe('Bytes.') }).describe('The config.'),
    Author: z.string().optional().describe(`Who made it; may be empty. ${ofConfig}`),
    User: z.string().optional().describe(`Whom it runs as; may be empty. ${ofConfig}`),
    Entrypoint: z.array(z.string()).optional().describe(`What it runs. ${ofConfig}`),
    Cmd: z.array(z.string()).optional().describe(`What it runs, or what its entrypoint is given. ${ofConfig}`),
    WorkingDir: z.string().optional().describe(`Folder that it runs in; may be empty. ${ofConfig}`),
    ExposedPorts: z.array(z.string()).optional().describe(`Ports: PORT/PROTOCOL. ${ofConfig}`),
    Volumes: z.array(z.string()).optional().describe(`Paths of its volumes. ${ofConfig}`),
    StopSignal: z.string().optional().describe(`Signal that stops it; may be empty. ${ofConfig}`),
    Annotations: skopeoAnnotations,
  })
  .meta({ id: 'Image', description: 'An image or artifact.' });

export const describedImageOrIndex = z
  .union([describedImage, describedIndex])
  .describe('What an image or index says of itself. Members that `skopeo inspect` has carry its names and forms.');
export type DescribedImageOrIndex = DocumentOf<typeof describedImageOrIndex>;

export const tree = z
  .object({
    role: z
      .enum(['index', 'image', 'artifact', 'attestation', 'config', 'layer', 'referrer', 'signature', 'missing'])
      .describe('What it is; missing: it cannot be read.'),
    digest,
    mediaType,
    size: count.describe('Bytes of this document or blob itself.'),
    platform: platformText,
    artifactType,
    annotations: annotations.optional(),
    problem: z.string().optional().describe('Why it cannot be read.'),
    get children() {
      return z.array(tree).describe('What it names, and what speaks of it.');
    },
  })
  .describe('An image or index with everything below it.');
export type Tree = DocumentOf<typeof tree>;

export const prunedLayout = z
  .object({
    layout: z.string().describe('Path of the folder.'),
    dryRun,
    entries: z.array(descriptor).describe('Entries taken out of index.json.'),
    blobs: z
      .array(z.object({ digest, size: count.describe('Bytes.') }))
      .describe('Blobs that were removed, in the order of their digests.'),
    bytes: count.describe('Bytes of these blobs together.'),
  })
  .describe('What was removed from a layout.');
export type PrunedLayout = DocumentOf<typeof prunedLayout>;
