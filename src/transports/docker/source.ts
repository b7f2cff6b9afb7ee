/** Reads an image from a registry, or from the first of several that has it. */

import type { Repository } from '../../distribution/registry-client.ts';
import { BugError, CancelledError, NotFoundError, RegistryError } from '../../foundation/errors.ts';
import type { RawManifest } from '../../oci/descriptor.ts';
import { formatReference } from '../../oci/reference.ts';
import { companionTags, type ImageSource, type TransportEnv } from '../transport.ts';
import type { Endpoint } from './endpoints.ts';

interface Opened {
  readonly repository: Repository;
  /** Tag or digest. */
  readonly named: string;
  /** What the name leads to, where that was read to find out who has it. */
  readonly top?: RawManifest;
}

/** `endpoints`: where the image may be, in the order to try; the first that answers serves everything. */
export function createDockerSource(endpoints: readonly Endpoint[], env: TransportEnv): ImageSource {
  let chosen: Promise<Opened> | undefined;
  const open = (): Promise<Opened> => {
    chosen ??= choose(endpoints, env);
    return chosen;
  };
  return {
    async getManifest(instance) {
      const { repository, named, top } = await open();
      const wanted = instance ?? named;
      return top !== undefined && (wanted === named || wanted === top.digest) ? top : repository.getManifest(wanted);
    },
    async openBlob(blob, range) {
      return (await (await open()).repository.openBlob(blob.digest, range, blob.size)).body;
    },
    async companions(of) {
      const { repository } = await open();
      const tags = companionTags(of);
      const [referrers, ...tagged] = await Promise.all([
        repository.referrers(of),
        ...tags.map((tag) => repository.headManifest(tag)),
      ]);
      return [
        ...referrers.map((descriptor) => ({ descriptor })),
        ...tagged.flatMap((descriptor, at) => {
          const tag = tags[at];
          return descriptor === undefined || tag === undefined ? [] : [{ descriptor, tag }];
        }),
      ];
    },
    // connections belong to the pool, which outlives sources
    [Symbol.asyncDispose]: async () => {},
  };
}

async function choose(endpoints: readonly Endpoint[], env: TransportEnv): Promise<Opened> {
  const last = endpoints.at(-1);
  if (last === undefined) throw new BugError('an image without a place');
  for (const endpoint of endpoints) {
    const opened = openEndpoint(endpoint, env);
    if (endpoints.length === 1) return opened;
    try {
      return { ...opened, top: await opened.repository.getManifest(opened.named) };
    } catch (thrown) {
      if (endpoint === last || thrown instanceof CancelledError || !(thrown instanceof Error)) throw thrown;
      if (thrown instanceof RegistryError) endpoint.failed?.();
      const what = `the mirror ${formatReference(endpoint.reference)} is passed over: ${thrown.message}`;
      // that a mirror does not have everything is nothing to tell a person about
      if (thrown instanceof NotFoundError) env.session.emit({ type: 'log', level: 'info', message: what });
      else env.session.emit({ type: 'warning', code: 'MIRROR_FAILED', message: what });
    }
  }
  throw new BugError('no endpoint is the last one');
}

function openEndpoint({ reference, access }: Endpoint, env: TransportEnv): Opened {
  const named = reference.digest ?? reference.tag;
  if (named === undefined) throw new BugError(`${formatReference(reference)} has neither tag nor digest`);
  return { repository: env.registries.client(reference.registry, access).repository(reference.repository), named };
}
