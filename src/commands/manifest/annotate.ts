import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { AnnotatedList } from '../../cli/documents/lists.ts';
import { dryRunFlag, registryFlags, repeatable } from '../../cli/flags.ts';
import { annotationEditsOf, entryChanges, entryFlags, firstEntryFlag } from '../../cli/manifest-flags.ts';
import { UsageError } from '../../foundation/errors.ts';

export default class ManifestAnnotate extends BaseCommand<typeof ManifestAnnotate> {
  static override summary = 'Change what a list says of itself or of one of its instances.';
  static override description =
    'The instance is named by digest, by platform (linux/arm64), by image name or, for artifacts, by file name. Edits accumulate: what is not named stays. With --index, or with --subject, the index itself is edited.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --annotation org.example.tier=gold app:1.0 linux/arm64',
    '<%= config.bin %> <%= command.id %> --index --annotation org.opencontainers.image.version=1.0 app:1.0',
    '<%= config.bin %> <%= command.id %> --annotation org.example.tier- app:1.0 linux/arm64',
  ];
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    instance: Args.string({ description: 'Digest, platform, image name or file name.' }),
  };
  static override flags = {
    index: Flags.boolean({ summary: 'Edit the index itself.' }),
    annotation: repeatable({
      summary: 'Set an annotation, or take one away with KEY-.',
      helpValue: 'KEY=VALUE|KEY-',
    }),
    subject: Flags.string({
      summary: 'Image that the index refers to; an empty text takes it away.',
      helpValue: 'IMAGE',
    }),
    'artifact-type': Flags.string({ summary: 'Set artifactType, of the index or of the instance.', helpValue: 'TYPE' }),
    ...entryFlags,
    ...dryRunFlag,
    ...registryFlags,
  };

  async run(): Promise<AnnotatedList> {
    const { flags } = this;
    const { list, instance } = this.args;
    const wholeIndex = flags.index || flags.subject !== undefined;
    const ofIndex = flags.index ? '--index' : '--subject';
    const entryFlag = firstEntryFlag(flags);
    if (wholeIndex && entryFlag !== undefined) {
      throw new UsageError(`${ofIndex} is not compatible with --${entryFlag}`, {
        code: 'CONFLICTING_FLAGS',
        hint: `--${entryFlag} is a field of an instance: name one and leave ${ofIndex} away.`,
      });
    }
    if (wholeIndex && instance !== undefined) {
      throw new UsageError(`did not expect image or artifact name "${instance}" when modifying the entire index`, {
        code: 'CONFLICTING_ARGUMENTS',
        hint: `Leave "${instance}" away, or leave ${ofIndex} away.`,
      });
    }
    if (!wholeIndex && instance === undefined) {
      throw new UsageError('expected an instance digest, image name, or artifact name', {
        code: 'MISSING_ARGUMENT',
        hint: 'Name an instance after the list, or use --index to edit the index itself.',
      });
    }
    const annotations = annotationEditsOf(flags.annotation);
    const changes = entryChanges(flags);
    const { dryRun } = this.settings;
    const { annotateList } = await import('../../operations/annotate-list.ts');
    const done = await annotateList(await this.env.operations(), {
      list,
      instance,
      annotations: annotations.set,
      removeAnnotations: annotations.remove,
      changes,
      dryRun,
      ...(flags['artifact-type'] === undefined ? {} : { artifactType: flags['artifact-type'] }),
      ...(flags.subject === undefined ? {} : { subject: flags.subject }),
    });
    const { record, instance: edited, before } = done;
    const result = { id: record.id, ...(edited === undefined ? {} : { instance: edited }) };
    if (dryRun) {
      const { describeList, renderEdit } = await import('../../cli/render/edit.ts');
      const { lines, changes: told } = renderEdit(`annotate ${describeList(record)}`, before, record.index);
      for (const line of lines) this.output.print(line);
      return { ...result, dryRun, changes: told };
    }
    this.output.print(edited === undefined ? record.id : `${record.id}: ${edited}`);
    return { ...result, dryRun };
  }
}
