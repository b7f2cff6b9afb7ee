import { blobOf, type FixtureBlob, type FixtureImage } from '../../fixtures/images.ts';
import { mediaTypes } from '../../src/oci/media-types.ts';

const pick = ({ mediaType, digest, size }: FixtureBlob) => ({ mediaType, digest, size });
const empty = blobOf(mediaTypes.ociEmpty, Buffer.from('{}'));

/** An artifact of one layer, which may speak of `subject`. */
export function artifact(type: string, content: string, subject?: FixtureBlob): FixtureImage {
  const layer = blobOf(type, Buffer.from(content));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: type,
    config: pick(empty),
    layers: [pick(layer)],
    ...(subject === undefined ? {} : { subject: pick(subject) }),
  };
  const manifest = blobOf(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
  return { platform: { os: '', architecture: '' }, manifest, config: empty, layers: [layer] };
}
