/** What speaks of an image is in its tree, wherever the image is kept. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyImage } from '../../src/operations/copy-image.ts';
import { describeTree, type TreeNode } from '../../src/operations/describe-tree.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { descriptor, seedImage, seedIndex } from '../support/seed.ts';

/** What does not depend on the order in which companions are kept. */
const shape = ({ role, digest, children }: TreeNode): string =>
  JSON.stringify([digest, role, children.map(shape).toSorted()]);

test('signatures, attestations and referrers hang below what they speak of, in a registry and in a layout', async (t) => {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const image = await seedImage(registry, 'app');
  const index = await seedIndex(registry, 'app', [image], { tag: '1' });
  const refers = { subject: descriptor(image), artifactType: 'application/x-sbom' };
  const sbom = await seedImage(registry, 'app', { layers: ['sbom'], members: refers });
  const tag = index.digest.replace(':', '-');
  const signature = await seedImage(registry, 'app', { layers: ['signed'], tag: `${tag}.sig` });
  const attestation = await seedImage(registry, 'app', { layers: ['attested'], tag: `${tag}.att` });

  const source = locate(`docker://${registry.host}/app:1`);
  const tree = await describeTree(env, source);
  assert.deepEqual(
    tree.children.map(({ role, digest }) => [role, digest]),
    [
      ['image', image.digest],
      ['signature', signature.digest],
      ['attestation', attestation.digest],
    ],
  );
  const [, , referrer] = tree.children[0]?.children ?? [];
  assert.deepEqual([referrer?.role, referrer?.digest], ['referrer', sbom.digest]);

  const destination = locate(`oci:${join(env.folder, 'layout')}:1`);
  const whole = { take: { select: 'all', unselected: 'keep' }, tags: [], dryRun: false, referrers: true } as const;
  await copyImage(env, { source, destination, ...whole });
  assert.deepEqual(shape(await describeTree(env, destination)), shape(tree));
});
