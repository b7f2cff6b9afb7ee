/** The document behind a name: a local list, or what stands at a location. */
import type { RawManifest } from '../oci/descriptor.ts';
import type { ImageLocation } from '../transports/transport.ts';
import { openVerifiedSource } from '../transports/verified-source.ts';
import type { Env } from './environment.ts';

export interface InspectedImage {
  readonly location: ImageLocation;
  /** The document exactly as it is, or (for a local list) as it would be pushed. */
  readonly manifest: RawManifest;
}

/** Throws NotFoundError and what the location throws. */
export async function inspectImage(env: Env, location: ImageLocation): Promise<InspectedImage> {
  await using source = await openVerifiedSource(location, env);
  return { location, manifest: await source.getManifest() };
}
