import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { RemovedLists } from '../../cli/documents/lists.ts';
import { dryRunFlag } from '../../cli/flags.ts';
import { NotFoundError, SheafError } from '../../foundation/errors.ts';

export default class ManifestRm extends BaseCommand<typeof ManifestRm> {
  static override summary = 'Remove lists.';
  static override description =
    'Removes the local lists, never the images that they name. A list with several names loses the name that was given; the list itself goes with its last name, or when its ID is given. Lists that are there are removed even when others are not; --json tells of them beside the error.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> app:1.0',
    '<%= config.bin %> <%= command.id %> --ignore app:1.0 app:1.1',
  ];
  static override strict = false;
  static override args = {
    list: Args.string({ required: true, description: 'Names or IDs of lists.' }),
  };
  static override flags = {
    ignore: Flags.boolean({ char: 'i', summary: 'Do not mind lists that are not there.' }),
    ...dryRunFlag,
  };

  async run(): Promise<RemovedLists> {
    const { lists } = await this.env.store();
    const { dryRun } = this.settings;
    const remove = dryRun ? lists.rehearseRemoval() : (name: string) => lists.remove(name);
    const untagged: string[] = [];
    const deleted: string[] = [];
    const missing: NotFoundError[] = [];
    // a list that is named twice, or by name and by ID, goes once, as with the peers
    const known = new Set(this.positionals.filter((name) => lists.exists(name)));
    for (const name of this.positionals) {
      try {
        const gone = remove(name);
        for (const tag of gone.untagged) this.output.print(dryRun ? `untag ${tag}` : `untagged: ${tag}`);
        untagged.push(...gone.untagged);
        if (gone.deleted !== undefined) {
          this.output.print(dryRun ? `remove ${gone.deleted}` : gone.deleted);
          deleted.push(gone.deleted);
        }
      } catch (thrown) {
        if (!(thrown instanceof NotFoundError)) throw withDone(thrown, { untagged, deleted, dryRun });
        if (!this.flags.ignore && !known.has(name)) missing.push(thrown);
      }
    }
    if (missing.length > 0) throw withDone(notThere(missing), { untagged, deleted, dryRun });
    return { untagged, deleted, dryRun };
  }
}

/** The lists that were removed before are gone: whoever reads the JSON form must learn of them. */
function withDone(thrown: unknown, done: RemovedLists): unknown {
  if (thrown instanceof SheafError) thrown.done = done;
  return thrown;
}

function notThere(missing: readonly NotFoundError[]): NotFoundError {
  const [first] = missing;
  if (first !== undefined && missing.length === 1) return first;
  return new NotFoundError(`${missing.length} lists are not there: ${missing.map((one) => one.message).join('; ')}`, {
    code: 'LIST_NOT_FOUND',
    hint: 'See `sheaf manifest ls`, or use --ignore.',
  });
}
