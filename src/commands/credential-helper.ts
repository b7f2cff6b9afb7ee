import { BaseCommand } from '../cli/base-command.ts';
import { runHelperProgram } from '../credentials/helper-program.ts';
import { createKeychain } from '../credentials/keychain.ts';

/** What the program `docker-credential-sheaf` runs. */
export default class CredentialHelper extends BaseCommand<typeof CredentialHelper> {
  static override hidden = true;
  static override summary = 'Serve the keychain to docker, podman and others.';
  static override description =
    'The protocol of docker credential helpers: get, store, erase, list, version. Programs run it as docker-credential-sheaf when their file of credentials names "sheaf" in credsStore or credHelpers.';
  static override strict = false;

  async run(): Promise<undefined> {
    // a person may have to unlock the keychain
    const keychain = createKeychain({ env: process.env, timeoutMs: 60_000 });
    const { stdin, stdout } = process;
    const { version } = this.config;
    this.endWith(await runHelperProgram({ argv: this.positionals, stdin, stdout, keychain, version }));
  }
}
