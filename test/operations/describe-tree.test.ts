/** What speaks of an image is in its tree, wherever the image is kept. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { mediaTypes } from '../../src/oci/media-types.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import { describeTree, type TreeNode } from '../../src/operations/describe-tree.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { content, descriptor, pushManifest, type SeededContent, seedImage, seedIndex } from '../support/seed.ts';

/** What does not depend on the order in which companions are kept. */
const shape = ({ role, digest, children }: TreeNode): string =>
  JSON.stringify([digest, role, children.map(shape).toSorted()]);

test('indexes that name one another in more ways than can be drawn', { timeout: 60_000 }, async (t) => {
  const env = await testEnv(t);
  const registry = await withRegistry(t);
  const image = await seedImage(registry, 'app');
  const nested = async (width: number, depth: number): Promise<TreeNode> => {
    let below: SeededContent = image;
    for (let at = 0; at < depth; at += 1) {
      const manifests = Array.from({ length: width }, () => descriptor(below));
      const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
      below = await pushManifest(registry, 'app', content(mediaTypes.ociIndex, document), 'nested');
    }
    return describeTree(env, locate(`docker://${registry.host}/app:nested`));
  };
  const problemsOf = (node: TreeNode): string[] => [
    ...(node.problem === undefined ? [] : [node.problem]),
    ...node.children.flatMap(problemsOf),
  ];
  assert.deepEqual(problemsOf(await nested(1, 9)), []);
  assert.deepEqual(problemsOf(await nested(1, 12)), ['it is nested more than 8 deep']);
  registry.faults.reset();
  await assert.rejects(nested(20, 7), { kind: 'integrity', code: 'TREE_TOO_LARGE' });
  assert.ok(registry.faults.log().length < 100, 'each is asked for once');
});

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
