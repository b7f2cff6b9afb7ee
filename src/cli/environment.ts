/**
 * The composition root: here, and only here, the parts of sheaf are put together for a run. Everything heavy is imported
 * on first use, so that a command that needs no registry does not load an HTTP client.
 */
import type { RegistryPool } from '../distribution/registry-pool.ts';
import { createSession, type Session } from '../foundation/session.ts';
import type { Env } from '../operations/environment.ts';
import type { RegistryRoutes } from '../registry-config/registry-routes.ts';
import type { Store } from '../store/store.ts';
import { createProgressView, type ProgressView } from './render/progress.ts';
import type { RunSettings } from './settings.ts';
import { type StopSignal, watchSignals } from './signals.ts';

/** What a command has to work with. Disposing of it closes connections and the store. */
export interface Environment extends AsyncDisposable {
  readonly session: Session;
  /** The local store, opened on first use. Throws StorageError. */
  store(): Promise<Store>;
  /** Clients of registries. Throws UsageError or NotFoundError for credentials that were asked for and cannot be read. */
  registries(): Promise<RegistryPool>;
  /** What operations work with. */
  operations(): Promise<Env>;
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
  let reached: ReturnType<typeof openRegistries> | undefined;
  const reach = (): ReturnType<typeof openRegistries> => {
    reached ??= openRegistries(options, session);
    return reached;
  };

  return {
    session,
    store: async () => (await storeOpener())(),
    registries: async () => (await reach()).pool,
    async operations() {
      const [open, { pool, routes }, { locate }, { hostPlatform }] = await Promise.all([
        storeOpener(),
        reach(),
        import('../transports/image-names.ts'),
        import('../oci/platform.ts'),
      ]);
      return { session, registries: pool, routes, store: open, locate, host: hostPlatform() };
    },
    get stoppedBy() {
      return signals.received;
    },
    async [Symbol.asyncDispose]() {
      // a pool that could not be made has already told so to whoever asked for it
      const opened = await reached?.catch(() => undefined);
      await opened?.pool[Symbol.asyncDispose]();
      store?.close();
      view.close();
      signals[Symbol.dispose]();
    },
  };
}

async function openRegistries(
  { settings, env, userAgent }: EnvironmentOptions,
  session: Session,
): Promise<{ pool: RegistryPool; routes: RegistryRoutes }> {
  const [{ createRegistryPool }, wiring] = await Promise.all([
    import('../distribution/registry-pool.ts'),
    import('./registry-wiring.ts'),
  ]);
  const options = { settings, side: settings.registry, env, session, userAgent };
  const config = wiring.lazyRegistriesConfig(env, session);
  const [credentials, routes] = await Promise.all([
    wiring.credentialChain(options, config),
    wiring.registryRoutes(config),
  ]);
  return { pool: createRegistryPool(session, wiring.poolSettings(options), credentials), routes };
}
