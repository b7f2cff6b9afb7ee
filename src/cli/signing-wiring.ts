/** From flags, variables and files to those who sign, those who are trusted, and the places of signatures. */
import { AuthError, NotFoundError, systemCode, UsageError } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import type { Session } from '../foundation/session.ts';
import { mostKeyBytes, readWholeFile } from '../foundation/whole-file.ts';
import type { PolicyGuard } from '../operations/enforce-policy.ts';
import type { RegistriesD } from '../registry-config/registries-d.ts';
import type { SignatureStoreName } from '../signing/signature-store.ts';
import type { ImageSigner } from '../signing/signer.ts';
import type { ServiceConnections } from '../signing/sigstore/fetch-json.ts';
import type { SigningParameters } from '../signing/sigstore/parameter-file.ts';
import { homeOf } from './registry-wiring.ts';

/** What commands that sign have been given. */
export interface SignFlagValues {
  'sign-by'?: readonly string[] | undefined;
  'sign-key-file'?: string | undefined;
  'sign-by-sigstore-private-key'?: readonly string[] | undefined;
  'sign-by-sigstore'?: string | undefined;
  'identity-token'?: string | undefined;
  'sign-passphrase-file'?: string | undefined;
  'signature-store'?: readonly string[] | undefined;
}

export interface SigningContext {
  readonly env: NodeJS.ProcessEnv;
  readonly session: Session;
  /** `sheaf 1.2.3`, written into what is signed. */
  readonly creator: string;
  /** Asks the person for a secret; left away where nobody can be asked. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined;
}

export interface ChosenSigners {
  readonly signers: readonly ImageSigner[];
  readonly stores: ReadonlySet<SignatureStoreName>;
}

/** Read only when a key is needed, and not kept. */
interface Passphrase {
  text(): Promise<string | undefined>;
  /** For sigstore keys, also from the variable of cosign; the caller is to wipe it. */
  bytes(): Promise<Uint8Array | undefined>;
}

/**
 * Whom the flags ask to sign, and where signatures go; nobody where they ask for nobody.
 *
 * @throws UsageError, NotFoundError, AuthError for keys that cannot be used: before anything is written
 */
export async function chooseSigners(flags: SignFlagValues, context: SigningContext): Promise<ChosenSigners> {
  const gpg = flags['sign-by'] ?? [];
  const keyFiles = flags['sign-by-sigstore-private-key'] ?? [];
  const consumers = Math.max(gpg.length, flags['sign-key-file'] === undefined ? 0 : 1) + keyFiles.length;
  if (flags['sign-passphrase-file'] !== undefined && consumers > 1) {
    throw new UsageError('one passphrase is given for several keys', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Sign with one key a run, or name the sigstore key and its passphrase in a file for --sign-by-sigstore.',
    });
  }
  if (gpg.includes('')) {
    throw new UsageError('--sign-by has an empty value', {
      code: 'EMPTY_SIGNER',
      hint: 'Name a GPG key by its fingerprint; where a variable names it, is the variable set?',
    });
  }
  const passphrase = passphraseOf(flags['sign-passphrase-file'], context.env);
  const asked = flags['signature-store']?.map((name) => name as SignatureStoreName);
  const forms = formsOf(asked);
  // side by side: opening a key takes as long as is meant to make guessing its passphrase hard
  const parameters = flags['sign-by-sigstore'];
  if (flags['identity-token'] !== undefined && parameters === undefined) {
    throw new UsageError('--identity-token is for signing with an identity, and nobody was asked to', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Name the authority and the log in a file for --sign-by-sigstore.',
    });
  }
  const read = keyFiles.map((file) => readKey(file, passphrase));
  // sigstore keys are opened in other threads: with them first, a GPG key is opened beside them
  const underWay = Promise.allSettled(read);
  const line = inLine();
  const [simple, ...sigstore] = await Promise.all([
    line((before) => gpgSigners(flags, { ...context, before }, passphrase, underWay)),
    ...read.map((key) => line((before) => keySigner(key, forms, { ...context, before }))),
    ...(parameters === undefined
      ? []
      : [
          line((before) =>
            parameterSigner(parameters, flags['identity-token'], passphrase, forms, { ...context, before }),
          ),
        ]),
  ]);
  const usual: SignatureStoreName[] = [
    ...(simple.length > 0 ? ['lookaside' as const] : []),
    ...(sigstore.length > 0 ? ['attachment' as const] : []),
  ];
  return { signers: [...simple, ...sigstore], stores: new Set(asked ?? usual) };
}

/** The context of one signer. */
interface PlaceInLine extends SigningContext {
  /** Settled when those that come before are open: a person is asked in the order of the flags, and not after a failure. */
  readonly before: Promise<unknown>;
}

/** Begins everything at once, and tells each when all that were begun before it are done. */
function inLine(
  first: Promise<unknown> = Promise.resolve(),
): <T>(work: (before: Promise<unknown>) => Promise<T>) => Promise<T> {
  let before = first;
  return (work) => {
    const done = work(before);
    before = Promise.all([before, done]);
    before.catch(() => {});
    return done;
  };
}

type Form = 'attachment' | 'bundle';

function formsOf(stores: readonly SignatureStoreName[] | undefined): readonly Form[] {
  const forms = (stores ?? []).filter((name): name is Form => name === 'attachment' || name === 'bundle');
  return forms.length === 0 ? ['attachment'] : [...new Set(forms)];
}

async function gpgSigners(
  flags: SignFlagValues,
  context: PlaceInLine,
  passphrase: Passphrase,
  underWay: Promise<unknown>,
): Promise<readonly ImageSigner[]> {
  const { session, creator } = context;
  const names = flags['sign-by'] ?? [];
  const file = flags['sign-key-file'];
  if (file !== undefined) {
    const [key, secret] = await Promise.all([readInput(file, 'the GPG key'), passphrase.text(), underWay]);
    const { createGpgKeySigner } = await import('../signing/simple/key-signer.ts');
    const wanted = names.length === 0 ? [undefined] : names;
    const line = inLine(context.before);
    return Promise.all(
      wanted.map((signBy) =>
        line((before) =>
          orAsking({ ...context, before }, wanted.length > 1 ? `${signBy} in ${file}` : file, (typed) =>
            createGpgKeySigner(
              { key, what: file, creator, ...optional('signBy', signBy), ...optional('passphrase', typed ?? secret) },
              session,
            ),
          ),
        ),
      ),
    );
  }
  return Promise.all(names.map((name) => namedGpgSigner(name, context, passphrase, underWay)));
}

/** The key of the environment, if it is that one; else gpg is asked. */
async function namedGpgSigner(
  signBy: string,
  { env, session, creator }: SigningContext,
  passphrase: Passphrase,
  underWay: Promise<unknown>,
): Promise<ImageSigner> {
  const secret = optional('passphrase', await passphrase.text());
  const exported = env['SHEAF_SIGN_KEY'];
  if (exported) {
    await underWay;
    const [{ createGpgKeySigner }, { isNamed, readSecretKeys }] = await Promise.all([
      import('../signing/simple/key-signer.ts'),
      import('../signing/simple/keyring.ts'),
    ]);
    const [key, what] = [Buffer.from(exported), '$SHEAF_SIGN_KEY'];
    if ((await readSecretKeys(key, what)).some((one) => isNamed(one, signBy))) {
      return createGpgKeySigner({ key, what, creator, signBy, ...secret }, session);
    }
  }
  const { createGpgSigner } = await import('../signing/simple/gpg-signer.ts');
  return createGpgSigner({ signBy, creator, env: withoutSecrets(env), ...secret }, session);
}

/** Other programs have no use for what is secret in our own variables. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { SHEAF_SIGN_KEY: _key, SHEAF_SIGN_PASSPHRASE: _passphrase, ...rest } = env;
  return rest;
}

/** All that opening a sigstore key takes. */
async function readKey(file: string, passphrase: Passphrase) {
  const [{ readKeyFile, wipe }, { createSigstoreKeySigner }] = await Promise.all([
    import('../signing/sigstore/key-file.ts'),
    import('../signing/sigstore/key-signer.ts'),
  ]);
  const [bytes, unlocking] = await Promise.all([readInput(file, 'the sigstore key'), passphrase.bytes()]);
  return { file, readKeyFile, wipe, createSigstoreKeySigner, bytes, unlocking };
}

async function keySigner(
  read: ReturnType<typeof readKey>,
  produce: readonly Form[],
  context: PlaceInLine,
): Promise<ImageSigner> {
  const { file, readKeyFile, wipe, createSigstoreKeySigner, bytes, unlocking } = await read;
  try {
    const key = await orAsking(context, file, (typed) =>
      readKeyFile(bytes, bytesOf(typed) ?? unlocking, `the private key ${file}`),
    );
    return createSigstoreKeySigner({ key, produce, creator: context.creator });
  } finally {
    wipe(bytes);
    wipe(unlocking);
  }
}

/** The YAML file of `--sign-by-sigstore`. */
async function parameterSigner(
  file: string,
  tokenFile: string | undefined,
  passphrase: Passphrase,
  produce: readonly Form[],
  context: PlaceInLine,
): Promise<ImageSigner> {
  const { env, creator } = context;
  const [{ parseSigningParameters }, { createParameterSigner }] = await Promise.all([
    import('../signing/sigstore/parameter-file.ts'),
    import('../signing/sigstore/parameter-signer.ts'),
  ]);
  const written = await parseSigningParameters(await readInput(file, 'the parameter file'), file);
  const parameters = tokenFile === undefined ? written : withToken(written, tokenFile, file);
  const connections = await serviceConnections(env);
  const signer = await orAsking(context, parameters.kind === 'key' ? parameters.privateKeyFile : file, (typed) =>
    createParameterSigner(parameters, {
      produce,
      creator,
      env,
      connections,
      readFile: readInput,
      passphrase: async () => bytesOf(typed) ?? (await passphrase.bytes()),
      // without it nobody could sign in, however quiet the run is to be
      tell: (message) => void process.stderr.write(`${message}\n`),
    }),
  );
  return { ...signer, makes: produce };
}

/** Throws UsageError where no token is wanted, or where it is one and no file. */
function withToken(parameters: SigningParameters, token: string, file: string): SigningParameters {
  if (parameters.kind !== 'fulcio') {
    throw new UsageError(`${file} signs with a key, which needs no identity token`, {
      code: 'CONFLICTING_FLAGS',
      hint: 'Leave --identity-token away, or name a parameter file with "fulcio" in it.',
    });
  }
  if (/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token) && token.length > 100) {
    throw new UsageError('--identity-token was given a token and not a file', {
      code: 'TOKEN_ON_COMMAND_LINE',
      hint: 'Every process of this machine can read command lines: write the token to a file, or set SIGSTORE_ID_TOKEN.',
    });
  }
  return { ...parameters, oidc: { mode: 'token-file', file: token } };
}

/** Services are reached as registries are: through the proxies of the environment, and with the authorities of the machine. */
async function serviceConnections(env: NodeJS.ProcessEnv): Promise<ServiceConnections> {
  const [{ createConnections }, { authoritiesOf }] = await Promise.all([
    import('../distribution/connections.ts'),
    import('./registry-wiring.ts'),
  ]);
  return createConnections({ env, authorities: authoritiesOf(env), retry: { maxRetries: 0 } });
}

/** A key, opened with what is known; where that is nothing and the key is locked, with what the person types. */
async function orAsking<T>(
  { askSecret, before }: PlaceInLine,
  what: string,
  open: (typed?: string) => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    const isLocked = thrown instanceof AuthError && thrown.code === 'PASSPHRASE_MISSING';
    if (askSecret === undefined || !isLocked) throw thrown;
    await before;
    return await open(await askSecret(`Passphrase of ${what}: `));
  }
}

function bytesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : Buffer.from(text);
}

/** Whether some source of passphrases is named, so that nobody is asked for one. */
export function namesPassphrase(flags: SignFlagValues, env: NodeJS.ProcessEnv): boolean {
  return (flags['sign-passphrase-file'] ?? env['SHEAF_SIGN_PASSPHRASE'] ?? env['COSIGN_PASSWORD']) !== undefined;
}

function passphraseOf(file: string | undefined, env: NodeJS.ProcessEnv): Passphrase {
  return {
    async text() {
      if (file === undefined) return env['SHEAF_SIGN_PASSPHRASE'];
      const text = (await readInput(file, 'the passphrase file')).toString('utf8');
      return text.split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
    },
    async bytes() {
      if (file === undefined) {
        return bytesOf(env['SHEAF_SIGN_PASSPHRASE'] ?? env['COSIGN_PASSWORD']);
      }
      const { firstLine } = await import('../signing/sigstore/parameter-signer.ts');
      return firstLine(await readInput(file, 'the passphrase file'));
    },
  };
}

/** Bytes of a file that the user named. Throws NotFoundError INPUT_NOT_FOUND, StorageError. */
export async function readInput(path: string, what: string): Promise<Buffer> {
  try {
    return await readWholeFile(path, mostKeyBytes);
  } catch (thrown) {
    const options = { code: 'INPUT_NOT_FOUND', hint: 'Check the path.', cause: thrown };
    if (systemCode(thrown) === 'ENOENT') throw new NotFoundError(`${what} ${path} is not there`, options);
    throw readError(thrown, `${what} ${path}`);
  }
}

/** registries.d, read when it is first asked for. */
export function lazyRegistriesD(directory: string | undefined, env: NodeJS.ProcessEnv): () => Promise<RegistriesD> {
  let loaded: Promise<RegistriesD> | undefined;
  const load = async (): Promise<RegistriesD> => {
    const { loadRegistriesD } = await import('../registry-config/registries-d.ts');
    return loadRegistriesD({ env, homeDir: homeOf(env), directory });
  };
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** What `enforcePolicy` needs; nothing is read before a source is used. `policy`: the value of `--policy`. */
export async function policyGuard(
  flags: { policy?: string | undefined; 'registries-d'?: string | undefined },
  { env, session }: Pick<SigningContext, 'env' | 'session'>,
): Promise<PolicyGuard> {
  const [{ loadPolicy }, { createSigstoreVerifier }] = await Promise.all([
    import('../signing/policy/load-policy.ts'),
    import('../signing/sigstore/verifier.ts'),
  ]);
  let policy: ReturnType<typeof loadPolicy> | undefined;
  return {
    policy: () => {
      policy ??= loadPolicy({ env, homeDir: homeOf(env), file: flags.policy });
      return policy;
    },
    registriesD: lazyRegistriesD(flags['registries-d'], env),
    verifier: createSigstoreVerifier(session.clock),
  };
}

function optional<K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: T });
}
