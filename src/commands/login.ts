import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import type { LoginDocument } from '../cli/documents/registries.ts';
import { dryRunFlag, registryFlags } from '../cli/flags.ts';
import { defaultRegistry, loginCheck, loginEnvironment, loginStoreFlags } from '../cli/login-wiring.ts';
import { askLine, askSecret, terminalOf } from '../cli/prompt.ts';
import { findLogin, getLogin, type LoginCheck, loginTo, notLoggedIn } from '../credentials/login.ts';
import { type LoginEnvironment, parseLoginStore } from '../credentials/login-store.ts';
import { parseLoginKey, registryOfKey } from '../credentials/registry-key.ts';
import { credentialsOf, type StoredLogin } from '../credentials/types.ts';
import { AuthError, UsageError } from '../foundation/errors.ts';

export default class Login extends BaseCommand<typeof Login> {
  static override summary = 'Log in to a registry.';
  static override description =
    'Asks the registry whether it takes the credentials and keeps them where sheaf, and the programs that share its files, find them. With a namespace (quay.io/team) they are for that alone. Credentials that are known already are checked and kept as they are.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> quay.io',
    'printf %s "$TOKEN" | <%= config.bin %> <%= command.id %> --username me --password-stdin ghcr.io',
    '<%= config.bin %> <%= command.id %> --get-login quay.io',
  ];
  static override args = {
    registry: Args.string({
      description: 'HOST[:PORT][/NAMESPACE]; without it the first search registry of registries.conf.',
    }),
  };
  static override flags = {
    username: Flags.string({
      char: 'u',
      summary: 'User name; <token> says that the password is an identity token.',
      helpValue: 'NAME',
    }),
    password: Flags.string({
      char: 'p',
      summary: 'Password. Others on this machine can see it: --password-stdin is safer.',
      helpValue: 'PASSWORD',
    }),
    'password-stdin': Flags.boolean({ summary: 'Take the password from stdin.', exclusive: ['password'] }),
    'get-login': Flags.boolean({ summary: 'Print who is logged in, and change nothing.' }),
    verbose: Flags.boolean({ char: 'v', summary: 'Tell where the credentials are kept.' }),
    ...loginStoreFlags(
      'Without it: the helper that the file names (credHelpers, credsStore); else the keychain of the operating system where it works and no file is named; else the file.',
    ),
    ...dryRunFlag,
    'cert-dir': registryFlags['cert-dir'],
    'tls-verify': registryFlags['tls-verify'],
    insecure: registryFlags.insecure,
  };

  async run(): Promise<LoginDocument> {
    const { session } = this.env;
    const environment = loginEnvironment(session, this.flags);
    const config = await environment.config();
    const key = parseLoginKey(this.args.registry ?? defaultRegistry(config));
    if (this.flags['get-login']) return this.#getLogin(key, environment);

    const store = this.flags.store === undefined ? undefined : parseLoginStore(this.flags.store);
    const check = loginCheck(session, this.settings, config, environment, `sheaf/${this.config.version}`);
    const known = await this.#known(key, environment, check);
    if (known !== undefined) return known;

    const login = await this.#ask();
    const { dryRun } = this.settings;
    const { where, notes } = await loginTo({ registry: key, login, store, check, dryRun }, environment);
    for (const message of notes) session.emit({ type: 'warning', code: 'LOGIN_NOTE', message });
    if (dryRun) this.output.print(`keep the credentials of ${login.username} for ${key} in ${where}`);
    else {
      if (this.flags.verbose) this.output.print(`Used: ${where}`);
      this.output.print('Login Succeeded!');
    }
    return { registry: key, username: login.username, keptIn: where, dryRun };
  }

  async #getLogin(key: string, environment: LoginEnvironment): Promise<LoginDocument> {
    const found = await getLogin(key, environment);
    if (found === undefined) throw notLoggedIn(key);
    this.output.print(found.username);
    return { registry: key, username: found.username, keptIn: found.source, dryRun: this.settings.dryRun };
  }

  /** Credentials that are there and that the registry takes, where no others were given. */
  async #known(key: string, environment: LoginEnvironment, check: LoginCheck): Promise<LoginDocument | undefined> {
    const { username, password, 'password-stdin': fromStdin, store } = this.flags;
    if (username !== undefined || password !== undefined || fromStdin || store !== undefined) return undefined;
    const found = await findLogin(key, environment);
    if (found === undefined) return undefined;
    try {
      await check(registryOfKey(key), found.credentials);
    } catch (thrown) {
      if (!(thrown instanceof AuthError)) throw thrown;
      this.warn(`the registry does not take the credentials from ${found.source}: give others`);
      return undefined;
    }
    if (this.flags.verbose) this.output.print(`Used: ${found.source}`);
    this.output.print(`Existing credentials are valid. Already logged in to ${key}`);
    const name = found.credentials.kind === 'basic' ? found.credentials.username : '<token>';
    return { registry: key, username: name, keptIn: found.source, dryRun: this.settings.dryRun };
  }

  async #ask(): Promise<StoredLogin> {
    const terminal = terminalOf(this.env.session.signal);
    const { password, 'password-stdin': fromStdin } = this.flags;
    if (fromStdin && this.flags.username === undefined) {
      throw new UsageError('must provide --username with --password-stdin', {
        code: 'USERNAME_MISSING',
        hint: 'Give --username NAME; for an identity token that is --username "<token>".',
      });
    }
    const username = this.flags.username ?? (await askLine(terminal, 'Username: ', 'no user name is given'));
    const secret =
      password ??
      (fromStdin
        ? await readPassword(terminal.stdin)
        : await askSecret(terminal, 'Password: ', 'no password is given'));
    const login = { username, secret };
    if (username === '' || secret === '') throw emptyPart(login, fromStdin);
    return login;
  }
}

function emptyPart(login: StoredLogin, fromStdin: boolean): UsageError {
  const secret = credentialsOf(login).kind === 'basic' ? 'password' : 'identity token';
  const variable = 'Is a variable not set that should hold it?';
  const hint = fromStdin ? `Nothing came on standard input. ${variable}` : variable;
  return login.username === ''
    ? new UsageError('the user name is empty', {
        code: 'INVALID_CREDENTIALS',
        hint: `Give --username NAME. ${variable}`,
      })
    : new UsageError(`the ${secret} is empty`, { code: 'INVALID_CREDENTIALS', hint });
}

/** Everything on stdin but its line ends, as with podman and skopeo: many a file has one too many. */
async function readPassword(stdin: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks)
    .toString('utf8')
    .replaceAll(/\r?(?:\n|$)/g, '');
}
