import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { AddedToList } from '../../cli/documents/lists.ts';
import { dryRunFlag, placeFlags, registryFlags, repeatable } from '../../cli/flags.ts';
import { annotationFlag, annotationsOf, entryChanges, entryFlags } from '../../cli/manifest-flags.ts';
import { policyFlag } from '../../cli/sign-flags.ts';
import { takingOf } from '../../cli/taking.ts';
import { UsageError } from '../../foundation/errors.ts';
import type { AddedInstances } from '../../operations/add-instances.ts';

const artifactFlags = {
  'artifact-type': Flags.string({
    summary: 'Type of the artifact.',
    description: 'Without it: application/vnd.unknown.artifact.v1.',
    helpValue: 'TYPE',
    helpGroup: 'ARTIFACT',
  }),
  'artifact-config': Flags.string({ summary: 'File to use as config.', helpValue: 'FILE', helpGroup: 'ARTIFACT' }),
  'artifact-config-type': Flags.string({
    summary: 'Media type of the config.',
    helpValue: 'TYPE',
    helpGroup: 'ARTIFACT',
  }),
  'artifact-layer-type': Flags.string({
    summary: 'Media type of the files (otherwise told from name and content).',
    helpValue: 'TYPE',
    helpGroup: 'ARTIFACT',
  }),
  'artifact-annotation': Flags.string({
    summary: "Annotation of the artifact's own manifest.",
    helpValue: 'KEY=VALUE',
    helpGroup: 'ARTIFACT',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'artifact-subject': Flags.string({
    summary: 'Image that the artifact refers to.',
    helpValue: 'IMAGE',
    helpGroup: 'ARTIFACT',
  }),
  'artifact-exclude-titles': Flags.boolean({ summary: 'Do not record file names.', helpGroup: 'ARTIFACT' }),
};

export default class ManifestAdd extends BaseCommand<typeof ManifestAdd> {
  static override summary = 'Put images, or an artifact made of files, on a list.';
  static override description =
    'Several images are read side by side. Prints a line "ID: DIGEST" for each instance that came onto the list. An image that is on the list already moves to its end.\n\nOf a multi-platform image the instance for this machine is taken, or that of --os, --arch and --variant; --all takes every instance, --platform those of some platforms, both with the attestations that belong to them. Platform flags also set the fields of the new entry.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0 docker://quay.io/me/app:arm64 docker://quay.io/me/app:s390x',
    '<%= config.bin %> <%= command.id %> --platform linux/amd64 --platform linux/arm64 app:1.0 docker://docker.io/library/alpine:3',
    '<%= config.bin %> <%= command.id %> --artifact --artifact-type application/vnd.example.sbom app:1.0 sbom.json',
  ];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Name or ID of the list.' }),
    image: Args.string({
      required: true,
      description: 'Images or local lists; a bare name as in `manifest inspect`. With --artifact files.',
    }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'Take every instance of multi-platform images.' }),
    platform: repeatable({
      summary: 'Take the instances of this platform.',
      helpValue: 'OS/ARCH[/VARIANT]',
    }),
    ...annotationFlag,
    ...entryFlags,
    artifact: Flags.boolean({ summary: 'The arguments are files: make an artifact of them.', helpGroup: 'ARTIFACT' }),
    ...artifactFlags,
    ...dryRunFlag,
    ...policyFlag,
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<AddedToList> {
    const [list = '', ...rest] = this.positionals;
    const { record, added, before } = this.flags.artifact
      ? await this.#addFiles(list, rest)
      : await this.#addImages(list, rest);
    if (this.settings.dryRun) {
      const { describeList, renderEdit } = await import('../../cli/render/edit.ts');
      const { lines, changes } = renderEdit(`add to ${describeList(record)}`, before, record.index);
      for (const line of lines) this.output.print(line);
      return { id: record.id, added, dryRun: true, changes };
    }
    for (const entry of added) this.output.print(`${record.id}: ${entry.digest}`);
    return { id: record.id, added, dryRun: false };
  }

  async #addImages(list: string, images: readonly string[]): Promise<AddedInstances> {
    const { flags } = this;
    const given = [...Object.keys(artifactFlags)].find((name) => {
      const value = flags[name as keyof typeof artifactFlags];
      return value !== undefined && value !== false;
    });
    if (given !== undefined) {
      throw new UsageError(`--${given} requires --artifact`, { code: 'CONFLICTING_FLAGS', hint: 'Add --artifact.' });
    }
    const { addInstances } = await import('../../operations/add-instances.ts');
    const { findImage } = await import('../../operations/find-image.ts');
    const changes = entryChanges(flags, annotationsOf(flags.annotation));
    const taking = takingOf(flags);
    const env = await this.env.operations();
    return addInstances(env, {
      list,
      images: await Promise.all(images.map((image) => findImage(env, image))),
      taking,
      changes,
      dryRun: this.settings.dryRun,
    });
  }

  async #addFiles(list: string, files: readonly string[]): Promise<AddedInstances> {
    const { flags } = this;
    if (flags.all || flags.platform !== undefined) {
      throw new UsageError(`--artifact takes files, so --${flags.all ? 'all' : 'platform'} means nothing with it`, {
        code: 'CONFLICTING_FLAGS',
      });
    }
    const { addArtifact } = await import('../../operations/add-artifact.ts');
    return addArtifact(await this.env.operations(), {
      list,
      files,
      excludeTitles: flags['artifact-exclude-titles'],
      artifactAnnotations: annotationsOf(flags['artifact-annotation']),
      changes: entryChanges(flags, annotationsOf(flags.annotation)),
      dryRun: this.settings.dryRun,
      ...(flags['artifact-type'] === undefined ? {} : { artifactType: flags['artifact-type'] }),
      // an empty one of these is none, as with podman: the variable that should hold it is not set
      ...(flags['artifact-config'] ? { configFile: flags['artifact-config'] } : {}),
      ...(flags['artifact-config-type'] ? { configType: flags['artifact-config-type'] } : {}),
      ...(flags['artifact-layer-type'] ? { layerType: flags['artifact-layer-type'] } : {}),
      ...(flags['artifact-subject'] === undefined ? {} : { subject: flags['artifact-subject'] }),
    });
  }
}
