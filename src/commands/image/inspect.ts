import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { choiceOf, onePlatformFlags } from '../../cli/copy-flags.ts';
import { placeFlags, registryFlags } from '../../cli/flags.ts';

export default class ImageInspect extends BaseCommand<typeof ImageInspect> {
  static override summary = 'Show what an image, or an index of images, says of itself.';
  static override description =
    'Of an index the platforms are shown, or, with --platform or --override-*, the image of one. --json gives the members of `skopeo inspect` under their names, and more. --raw and --config print documents: the manifest, and the config of the image.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> docker://quay.io/podman/stable',
    '<%= config.bin %> <%= command.id %> --platform linux/arm64 --json docker://quay.io/podman/stable',
    '<%= config.bin %> <%= command.id %> --config docker://quay.io/podman/stable',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: 'An image or a local list; a bare name as in `manifest inspect`.',
    }),
  };
  static override flags = {
    raw: Flags.boolean({ summary: 'Print the manifest byte for byte; with --config, the config.' }),
    config: Flags.boolean({ summary: 'Print the config; of an index, that of one image.' }),
    'list-tags': Flags.boolean({ summary: 'Show the tags of the repository too.' }),
    'no-tags': Flags.boolean({ char: 'n', summary: 'As without --list-tags.', hidden: true }),
    platform: Flags.string({ summary: 'Choose the image of this platform.', helpValue: 'OS/ARCH[/VARIANT]' }),
    ...onePlatformFlags,
    ...placeFlags,
    ...registryFlags,
  };

  async run(): Promise<unknown> {
    const { flags } = this;
    const operation = await import('../../operations/describe-image.ts');
    const { findImage } = await import('../../operations/find-image.ts');
    const choice = await choiceOf(flags);
    const env = await this.env.operations();
    const location = await findImage(env, this.args.image);
    if (flags.config) {
      const bytes = await operation.readConfigOf(env, location, choice ?? {});
      return this.#print(bytes, `the config of ${location.format()}`, operation.readable);
    }
    if (flags.raw) {
      const { inspectImage } = await import('../../operations/inspect-list.ts');
      const { manifest } =
        choice === undefined ? await inspectImage(env, location) : await operation.describeImage(env, location, choice);
      return this.#print(manifest.bytes, location.format(), operation.readable);
    }
    const tags = flags['list-tags'] ? await operation.tagsOf(env, location) : undefined;
    const described = await operation.describeImage(env, location, choice);
    const { imageDocument, renderImage } = await import('../../cli/render/image.ts');
    const { reference } = location;
    const repository = reference === undefined ? undefined : `${reference.registry}/${reference.repository}`;
    const naming = { title: location.format(), repository, tags };
    for (const line of renderImage(described, naming)) this.output.print(line);
    return imageDocument(described, naming);
  }

  /** A document: its very bytes with --raw, indented without, as the result with --json. */
  #print(
    bytes: Uint8Array,
    what: string,
    readable: (bytes: Uint8Array, what: string) => { text: string; document: unknown },
  ): unknown {
    if (this.flags.raw && !this.jsonEnabled()) {
      this.output.raw(bytes);
      return undefined;
    }
    const { text, document } = readable(bytes, what);
    this.output.print(text);
    return document;
  }
}
