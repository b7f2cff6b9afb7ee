import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import type { LogoutDocument } from '../cli/documents/registries.ts';
import { dryRunFlag } from '../cli/flags.ts';
import { defaultRegistry, loginEnvironment, loginStoreFlags } from '../cli/login-wiring.ts';
import { parseLoginStore } from '../credentials/login-store.ts';
import { logoutFrom, logoutFromAll } from '../credentials/logout.ts';
import { parseLoginKey } from '../credentials/registry-key.ts';
import { UsageError } from '../foundation/errors.ts';

export default class Logout extends BaseCommand<typeof Logout> {
  static override summary = 'Forget the credentials of a registry.';
  static override description =
    'Takes them out of the file, of the helpers that the file and registries.conf name, and of the keychain. Files of other programs stay as they are; it is told if one still has credentials.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> quay.io',
    '<%= config.bin %> <%= command.id %> --all',
  ];
  static override args = {
    registry: Args.string({
      description: 'HOST[:PORT][/NAMESPACE]; without it the first search registry of registries.conf.',
    }),
  };
  static override flags = {
    all: Flags.boolean({ char: 'a', summary: 'Forget all credentials.', exclusive: ['store'] }),
    ...loginStoreFlags('Without it: wherever there are some.'),
    ...dryRunFlag,
    'tls-verify': Flags.boolean({
      summary: 'Taken for the sake of skopeo: no registry is asked.',
      allowNo: true,
      hidden: true,
    }),
  };

  async run(): Promise<LogoutDocument> {
    const { session } = this.env;
    const environment = loginEnvironment(session, this.flags);
    const { all, store } = this.flags;
    if (all && this.args.registry !== undefined) {
      throw new UsageError('--all takes no registry', {
        code: 'CONFLICTING_FLAGS',
        hint: 'Leave one of the two away.',
      });
    }
    const registry = this.args.registry ?? (all ? '' : defaultRegistry(await environment.config()));
    const { dryRun } = this.settings;
    const named = { registry, store: store === undefined ? undefined : parseLoginStore(store), dryRun };
    const { removedFrom, notes } = all
      ? await logoutFromAll(environment, { dryRun })
      : await logoutFrom(named, environment);
    for (const message of notes) session.emit({ type: 'warning', code: 'LOGOUT_NOTE', message });
    if (dryRun) {
      const what = all ? 'all credentials' : `the credentials for ${registry}`;
      for (const place of removedFrom) this.output.print(`remove ${what} from ${place}`);
    } else if (all) this.output.print('Removed login credentials for all registries');
    else if (removedFrom.length > 0) this.output.print(`Removed login credentials for ${registry}`);
    return { registry: all ? null : parseLoginKey(registry), removedFrom, dryRun };
  }
}
