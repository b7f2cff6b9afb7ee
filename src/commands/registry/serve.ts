import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import type { ServedRegistry } from '../../cli/documents/registries.ts';
import { NotFoundError, systemCode } from '../../foundation/errors.ts';
import type { RequestRecord } from '../../registry-server/index.ts';

export default class RegistryServe extends BaseCommand<typeof RegistryServe> {
  static override summary = 'Run a small registry until it is stopped.';
  static override description =
    'For first steps, for tests, and for carrying images to where no registry is. It keeps everything in memory, or in a ' +
    'folder from which a later run serves it again; one run a folder at a time. Nobody is asked who they are, so it ' +
    'listens on this machine only unless told otherwise.\n\n' +
    'What is in it stays until a client deletes it by its digest, also blobs that no manifest names any more. To have their ' +
    'room back, copy with `image copy --all --referrers` what is to stay to one with a new folder.\n\n' +
    'Prints its address and goes on until SIGINT or SIGTERM, which is its regular end: the status is 0. `--log-level ' +
    'info` tells of every request.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --directory ./registry --port 5000',
    '<%= config.bin %> <%= command.id %> --port 0 --json',
  ];
  static override flags = {
    directory: Flags.directory({
      char: 'd',
      summary: 'Folder to keep everything in; made when it is not there. Without it: memory.',
      helpValue: 'DIR',
    }),
    host: Flags.string({ summary: 'Address to listen on.', default: '127.0.0.1', helpValue: 'ADDRESS' }),
    port: Flags.integer({
      char: 'p',
      summary: 'Port to listen on; 0 takes any free one.',
      default: 5000,
      min: 0,
      max: 65_535,
      helpValue: 'PORT',
    }),
    'tls-cert': Flags.string({
      summary: 'Speak HTTPS with this certificate (PEM, with its chain).',
      dependsOn: ['tls-key'],
      helpValue: 'FILE',
    }),
    'tls-key': Flags.string({
      summary: 'Key of the certificate (PEM).',
      dependsOn: ['tls-cert'],
      helpValue: 'FILE',
    }),
    'sparse-indexes': Flags.boolean({
      summary: 'Take indexes that name manifests which are not in the repository.',
    }),
  };

  #told = false;

  async run(): Promise<ServedRegistry> {
    const { startRegistry } = await import('../../registry-server/index.ts');
    const { directory, host, port } = this.flags;
    const { session } = this.env;
    const tls = await this.#tls();
    const registry = await startRegistry({
      storage: directory === undefined ? 'memory' : { directory },
      host,
      port,
      limits: { sparseIndexes: this.flags['sparse-indexes'] },
      onRequest: (record) => session.emit({ type: 'log', level: 'info', message: lineOf(record) }),
      onError: (error) => this.warn(`a request failed: ${error.message}`),
      ...(tls === undefined ? {} : { tls }),
    });
    const result = { url: registry.url, host: registry.host, port: registry.port, directory: directory ?? null };
    this.#tell(result);
    if (!isLoopback(host))
      this.warn(`everybody who reaches ${registry.host} can read and change what is in this registry`);
    await aborted(session.signal);
    await registry.close();
    return result;
  }

  /** At once, and not when it is over as with other commands. */
  #tell(result: ServedRegistry): void {
    this.output.print(result.url);
    if (this.jsonEnabled()) this.output.json(result);
    this.#told = true;
  }

  protected override logJson(document: unknown): void {
    if (!this.#told) super.logJson(document);
  }

  async #tls(): Promise<{ cert: string; key: string } | undefined> {
    const { 'tls-cert': cert, 'tls-key': key } = this.flags;
    if (cert === undefined || key === undefined) return undefined;
    return { cert: await readPem(cert), key: await readPem(key) };
  }
}

async function readPem(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') {
      throw new NotFoundError(`there is no file ${path}`, {
        code: 'FILE_NOT_FOUND',
        cause: thrown,
        hint: 'Check the path.',
      });
    }
    const { readError } = await import('../../foundation/file-errors.ts');
    throw readError(thrown, path);
  }
}

function lineOf({ method, target, status, bytesIn, bytesOut, durationMs }: RequestRecord): string {
  return `${method} ${target} ${status ?? 'cut'} in=${bytesIn} out=${bytesOut} ${Math.round(durationMs)}ms`;
}

function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || host.startsWith('127.');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
