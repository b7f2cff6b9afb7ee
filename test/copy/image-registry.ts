/** A registry with images to copy, for the tests of this folder. */
import type { TestContext } from 'node:test';
import { type FixtureImage, fixtureIndex, pushFixtureImage, pushFixtureManifest } from '../../fixtures/images.ts';
import { startRegistry } from '../../src/registry-server/server.ts';

export interface ImageRegistry {
  readonly url: string;
  readonly host: string;
  /** What was asked of the registry since the images stand there: `HEAD /v2/…`. */
  readonly requests: string[];
}

/** In memory, until the test ends; `src/app:multi` is an index of `images`. */
export async function imageRegistry(
  t: TestContext,
  images: readonly FixtureImage[],
  format: 'oci' | 'docker' = 'oci',
): Promise<ImageRegistry> {
  const requests: string[] = [];
  const registry = await startRegistry({
    storage: 'memory',
    onRequest: ({ method, target }) => requests.push(`${method} ${target}`),
  });
  t.after(() => registry.close());
  for (const image of images) await pushFixtureImage(registry.url, 'src/app', image);
  await pushFixtureManifest(registry.url, 'src/app', fixtureIndex(images, format), 'multi');
  requests.length = 0;
  return { url: registry.url, host: registry.host, requests };
}
