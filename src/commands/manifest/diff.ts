import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { comparedSidesFlags } from '../../cli/compared-sides.ts';
import type { DiffedImages } from '../../cli/documents/diffs.ts';
import { placeFlags, registryFlags } from '../../cli/flags.ts';

export default class ManifestDiff extends BaseCommand<typeof ManifestDiff> {
  static override summary = 'Show what is different between two lists, indexes or images.';
  static override description =
    'Instances are compared by platform: what B alone has is shown behind "+", what A alone has behind "-", and what differs behind "~" with each member that does. Compression variants are instances of their own, attestations belong to their image. The order of members is no difference, that of instances is one. Each side is named as for `manifest inspect`; a single image counts as an index of this one instance. Manifests are read and nothing else, but for the config of a single image, which says its platform. The --a-* and --b-* flags say for one side what the flags without them say for both.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> docker://quay.io/me/app:1.0 docker://quay.io/me/app:1.1',
    '<%= config.bin %> <%= command.id %> --exit-code quay.io/me/app:1.0 app:1.0 || <%= config.bin %> manifest push app:1.0 quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> --a-creds me:secret --b-tls-verify=false quay.io/me/app:1.0 127.0.0.1:5000/app:1.0',
  ];
  static override args = {
    a: Args.string({ required: true, description: 'A local list or an image.' }),
    b: Args.string({ required: true, description: 'What it is compared with.' }),
  };
  static override flags = {
    'exit-code': Flags.boolean({ summary: 'End with 1 where they differ, with 0 where they say the same.' }),
    ...placeFlags,
    ...registryFlags,
    ...comparedSidesFlags,
  };

  async run(): Promise<DiffedImages> {
    const { diffImages } = await import('../../operations/diff-images.ts');
    const { findImage } = await import('../../operations/find-image.ts');
    const { diffDocument, renderDiff } = await import('../../cli/render/diff.ts');
    const [env, toB] = [await this.env.operations(), await this.env.destination()];
    const [a, b] = [await findImage(env, this.args.a), await findImage(toB, this.args.b)];
    const diff = await diffImages(env, a, b, toB);
    for (const line of renderDiff(diff)) this.output.print(line);
    if (this.flags['exit-code'] && diff.verdict === 'different') this.endWith(1);
    return diffDocument(diff);
  }
}
