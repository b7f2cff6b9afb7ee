import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { Tree } from '../../cli/documents/images.ts';
import { placeFlags, registryFlags } from '../../cli/flags.ts';

export default class ManifestInspect extends BaseCommand<typeof ManifestInspect> {
  static override summary = 'Show a list, or an index or image that stands elsewhere.';
  static override description =
    'A bare name is looked up among the local lists first, then as docker://. Shows the document as indented JSON; --raw prints its very bytes, --tree a picture of everything below it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0',
    '<%= config.bin %> <%= command.id %> --tree docker://docker.io/library/alpine:3',
    '<%= config.bin %> <%= command.id %> --raw quay.io/podman/hello | sha256sum',
  ];
  static override args = {
    list: Args.string({ required: true, description: 'A local list or an image.' }),
  };
  static override flags = {
    raw: Flags.boolean({ summary: 'Print the document byte for byte.', exclusive: ['tree'] }),
    tree: Flags.boolean({ summary: 'Draw instances, layers, attestations, referrers and signatures as a tree.' }),
    verbose: Flags.boolean({ char: 'v', summary: 'Taken for the sake of podman, which ignores it too.', hidden: true }),
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<unknown> {
    const { findImage } = await import('../../operations/find-image.ts');
    const env = await this.env.operations();
    const location = await findImage(env, this.args.list);
    if (this.flags.tree) {
      const { describeTree } = await import('../../operations/describe-tree.ts');
      const { renderTree } = await import('../../cli/render/tree.ts');
      const tree = await describeTree(env, location);
      for (const line of renderTree(this.args.list, tree)) this.output.print(line);
      return tree satisfies Tree;
    }
    const { inspectImage } = await import('../../operations/inspect-list.ts');
    const { isIndexType } = await import('../../oci/media-types.ts');
    const { manifest } = await inspectImage(env, location);
    if (this.flags.raw && !this.jsonEnabled()) {
      this.output.raw(manifest.bytes);
      return undefined;
    }
    if (!isIndexType(manifest.mediaType)) {
      this.warn(`The manifest type ${manifest.mediaType} is not a manifest list but a single image.`);
    }
    const { parseJson } = await import('../../oci/json.ts');
    const document = parseJson(manifest.bytes, location.format());
    this.output.print(JSON.stringify(document, undefined, 4));
    return document;
  }
}
