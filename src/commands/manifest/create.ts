import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { CreatedList } from '../../cli/documents/lists.ts';
import { dryRunFlag, placeFlags, registryFlags, repeatable } from '../../cli/flags.ts';
import { annotationFlag, annotationsOf } from '../../cli/manifest-flags.ts';
import { policyFlag } from '../../cli/sign-flags.ts';
import { takingOf } from '../../cli/taking.ts';
import type { PlannedList } from '../../operations/create-list.ts';

export default class ManifestCreate extends BaseCommand<typeof ManifestCreate> {
  static override summary = 'Make a list, empty or of images.';
  static override description =
    'Prints the ID of the list: 64 hexadecimal digits that stay the same over all edits. Images are read side by side; of a multi-platform image only the instance for this machine is taken unless --all or --platform says otherwise. Nothing is made when one of them cannot be read. The ID is random: --dry-run, which reads all that a real run reads, cannot tell it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> quay.io/me/app:1.0',
    '<%= config.bin %> <%= command.id %> app:1.0 docker://quay.io/me/app:amd64 docker://quay.io/me/app:arm64',
    '<%= config.bin %> <%= command.id %> --all --replace mirror docker://docker.io/library/alpine:3',
  ];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Name of the list.' }),
    image: Args.string({ description: 'Images to put on it, or local lists; a bare name as in `manifest inspect`.' }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'Take every instance of multi-platform images.' }),
    platform: repeatable({
      summary: 'Take the instances of this platform.',
      helpValue: 'OS/ARCH[/VARIANT]',
    }),
    amend: Flags.boolean({ char: 'a', summary: 'Add to the list if there is one of that name.' }),
    replace: Flags.boolean({ summary: 'Begin anew if there is a list of that name; the old one loses the name.' }),
    ...annotationFlag,
    os: Flags.string({
      summary: 'Choose from multi-platform images for this OS.',
      hidden: true,
      aliases: ['override-os'],
    }),
    arch: Flags.string({
      summary: 'Choose from multi-platform images for this architecture.',
      hidden: true,
      aliases: ['override-arch'],
    }),
    ...dryRunFlag,
    ...policyFlag,
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<CreatedList> {
    const { createList, existingMode, planList } = await import('../../operations/create-list.ts');
    const { findImage } = await import('../../operations/find-image.ts');
    const { flags } = this;
    const [list = '', ...images] = this.positionals;
    const ifExists = existingMode(flags.amend, flags.replace);
    const annotations = annotationsOf(flags.annotation);
    const taking = takingOf(flags);
    const env = await this.env.operations();
    const request = {
      name: list,
      images: await Promise.all(images.map((image) => findImage(env, image))),
      taking,
      annotations,
      ifExists,
    };
    if (this.settings.dryRun) return this.#preview(await planList(env, request));
    const record = await createList(env, request);
    this.output.print(record.id);
    return { id: record.id, names: record.names, instances: record.index.manifests.length, dryRun: false };
  }

  async #preview({ names, amended, replaced, index }: PlannedList): Promise<CreatedList> {
    const { describeList, renderEdit } = await import('../../cli/render/edit.ts');
    const taken = replaced === undefined ? '' : `, which takes the name from the list ${replaced.id}`;
    const plan =
      amended === undefined ? `create ${names[0]} with a random ID${taken}` : `amend ${describeList(amended)}`;
    const { lines, changes } = renderEdit(plan, amended?.index, index);
    for (const line of lines) this.output.print(line);
    return {
      id: amended?.id ?? null,
      names,
      instances: index.manifests.length,
      dryRun: true,
      changes,
    };
  }
}
