/**
 * The composition root: here, and only here, the parts of sheaf are put together for a run. Everything heavy is imported
 * on first use, so that a command that needs no registry does not load an HTTP client.
 */
import { isatty } from 'node:tty';
import type { RegistryPool } from '../distribution/registry-pool.ts';
import { createSession, type Session } from '../foundation/session.ts';
import type { PolicyGuard, UsedSource } from '../operations/enforce-policy.ts';
import type { Env } from '../operations/environment.ts';
import type { RegistriesConfig } from '../registry-config/registries-config.ts';
import type { RegistryRoutes } from '../registry-config/registry-routes.ts';
import type { Store } from '../store/store.ts';
import type { PlaceSettings } from '../transports/transport.ts';
import type { StopSignal } from './end-process.ts';
import { takeStandardOutput } from './output.ts';
import { createProgressView, type ProgressView } from './render/progress.ts';
import type { RegistrySideSettings, RunSettings } from './settings.ts';
import { watchSignals } from './signals.ts';

/** What a command has to work with. Disposing of it closes connections and the store. */
export interface Environment extends AsyncDisposable {
  readonly session: Session;
  /** The local store, opened on first use. Throws StorageError. */
  store(): Promise<Store>;
  /** Clients of registries. Throws UsageError or NotFoundError for credentials that were asked for and cannot be read. */
  registries(): Promise<RegistryPool>;
  /** What operations work with; for a transfer, its source. */
  operations(): Promise<Env>;
  /** The same for the destination of a transfer, which may have credentials and certificates of its own. */
  destination(): Promise<Env>;
  /** Asks the person for a secret; not there where nobody can be asked. Throws CancelledError. */
  readonly askSecret?: (question: string) => Promise<string>;
  /** The signal that stopped the run, if one did. */
  readonly stoppedBy: StopSignal | undefined;
}

export interface EnvironmentOptions {
  settings: RunSettings;
  /** Environment variables. */
  env: NodeJS.ProcessEnv;
  stderr: NodeJS.WriteStream;
  /** Sent with every request: name and version. */
  userAgent: string;
}

export function createEnvironment(options: EnvironmentOptions): Environment {
  const { settings, env, stderr } = options;
  const view: ProgressView = createProgressView({
    mode: settings.progress,
    quiet: settings.quiet,
    logLevel: settings.logLevel,
    stream: stderr,
  });
  const signals = watchSignals({
    onStop: (signal) => view.note(signal === 'SIGINT' ? 'Stopping (once more to stop at once) ...' : 'Stopping ...'),
  });
  const session = createSession({
    signal: signals.signal,
    onEvent: (event) => view.handle(event),
    ...(settings.parallel === undefined ? {} : { parallel: settings.parallel }),
  });

  let store: Store | undefined;
  const storeOpener = async (): Promise<() => Store> => {
    const { Store, storeDirectory } = await import('../store/store.ts');
    return () => {
      store ??= Store.open(storeDirectory(env));
      return store;
    };
  };
  const reached = new Map<RegistrySideSettings, Promise<RegistryPool>>();
  /** One pool for both sides where they are reached in the same way: connections, tokens and mounts are shared then. */
  const poolOf = (side: RegistrySideSettings): Promise<RegistryPool> => {
    const pool = reached.get(side) ?? openPool(options, session, side, machineConfig);
    reached.set(side, pool);
    return pool;
  };
  let config: Promise<() => Promise<RegistriesConfig>> | undefined;
  const machineConfig = (): Promise<RegistriesConfig> => {
    config ??= import('./registry-wiring.ts').then(({ lazyRegistriesConfig }) => lazyRegistriesConfig(env, session));
    return config.then((load) => load());
  };
  let routes: Promise<RegistryRoutes> | undefined;
  const machineRoutes = (): Promise<RegistryRoutes> => {
    routes ??= import('./registry-wiring.ts').then(({ registryRoutes }) =>
      registryRoutes(machineConfig, { env, session, canAsk: canAsk(options), remembers: !settings.dryRun }),
    );
    return routes;
  };
  let guard: Promise<PolicyGuard> | undefined;
  let allowing: Promise<boolean> | undefined;
  /** Most machines have no policy, or one that allows everything: then nothing of signatures is loaded. */
  const allowsAll = (): Promise<boolean> => {
    allowing ??= Promise.all([import('../signing/policy/policy-files.ts'), import('./registry-wiring.ts')]).then(
      ([{ surelyAllowsAll }, { homeOf }]) => surelyAllowsAll({ env, homeDir: homeOf(env), file: settings.policy }),
    );
    return allowing;
  };
  const checkSource = async (operations: Env, source: UsedSource): Promise<void> => {
    if (source.location.transport === 'store' || (await allowsAll())) return;
    const [{ policyGuard }, { enforcePolicy }] = await Promise.all([
      import('./signing-wiring.ts'),
      import('../operations/enforce-policy.ts'),
    ]);
    guard ??= policyGuard({ policy: settings.policy, 'registries-d': settings.registriesD }, { env, session });
    await enforcePolicy(operations, await guard, source);
  };
  const askSecret = async (question: string): Promise<string> => {
    const { askSecret: ask, terminalOf } = await import('./prompt.ts');
    return ask(terminalOf(session.signal), question, 'no passphrase is given');
  };
  const operationsOf = async (side: RegistrySideSettings, places: PlaceSettings): Promise<Env> => {
    const [open, registries, ways, { locate }, { hostPlatform }] = await Promise.all([
      storeOpener(),
      poolOf(side),
      machineRoutes(),
      import('../transports/image-names.ts'),
      import('../oci/platform.ts'),
    ]);
    const operations: Env = {
      session,
      registries,
      routes: ways,
      places,
      store: open,
      locate,
      host: hostPlatform(),
      standardInput: () => process.stdin,
      standardOutput: takeStandardOutput,
      checkSource: (source) => checkSource(operations, source),
    };
    return operations;
  };

  return {
    session,
    store: async () => (await storeOpener())(),
    registries: () => poolOf(settings.registry),
    operations: () => operationsOf(settings.registry, settings.places.source),
    destination: () => operationsOf(settings.destination, settings.places.destination),
    ...(canAsk(options) ? { askSecret } : {}),
    get stoppedBy() {
      return signals.received;
    },
    async [Symbol.asyncDispose]() {
      // a pool that could not be made has already told so to whoever asked for it
      const opened = await Promise.allSettled(reached.values());
      await Promise.all(
        opened.map((pool) => (pool.status === 'fulfilled' ? pool.value[Symbol.asyncDispose]() : undefined)),
      );
      store?.close();
      view.close();
      signals[Symbol.dispose]();
    },
  };
}

/** Whether there is somebody to ask: who sees the question and can type the answer, and did not want it quiet. */
function canAsk({ settings, stderr }: EnvironmentOptions): boolean {
  return isatty(0) && stderr.isTTY && !settings.quiet && !settings.json;
}

async function openPool(
  { settings, env, userAgent }: EnvironmentOptions,
  session: Session,
  side: RegistrySideSettings,
  config: () => Promise<RegistriesConfig>,
): Promise<RegistryPool> {
  const [{ createRegistryPool }, wiring] = await Promise.all([
    import('../distribution/registry-pool.ts'),
    import('./registry-wiring.ts'),
  ]);
  const options = { settings, side, env, session, userAgent };
  return createRegistryPool(session, wiring.poolSettings(options), await wiring.credentialChain(options, config));
}
