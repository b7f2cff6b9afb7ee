/** Runs the `gpg` program. */
import { spawn } from 'node:child_process';
import { cancelledBy, NotFoundError, systemCode } from '../../foundation/errors.ts';

export interface GpgProgram {
  /** `gpg` of the PATH unless told. */
  readonly program?: string;
  /** `GNUPGHOME` and the like. */
  readonly env: NodeJS.ProcessEnv;
}

export interface GpgRun {
  readonly input?: Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** Handed over on descriptor 3. */
  readonly passphrase?: string | undefined;
  /** What to do where there is no gpg. */
  readonly without: string;
}

/** Bytes of what gpg prints; a signature is some hundred, an exported key some thousand. */
const maxOutput = 16 << 20;

export interface GpgResult {
  code: number;
  stdout: Uint8Array;
  stderr: string;
}

/** Runs gpg to its end, whatever that is. Throws NotFoundError GPG_NOT_FOUND, CancelledError. */
export function runGpg(
  { program = 'gpg', env }: GpgProgram,
  args: readonly string[],
  { input, signal, passphrase, without }: GpgRun,
): Promise<GpgResult> {
  return new Promise((resolve, reject) => {
    const stdio = ['pipe', 'pipe', 'pipe', ...(passphrase === undefined ? [] : ['pipe' as const])] as const;
    const child = spawn(program, ['--batch', '--yes', '--no-tty', ...args], {
      env,
      signal,
      stdio: [...stdio] as 'pipe'[],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size <= maxOutput) chunks.push(chunk);
      else child.kill();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < 10_000) stderr += text;
    });
    child.on('error', (thrown) => reject(startFailure(thrown, program, { signal, without })));
    child.on('close', (code) => resolve({ code: code ?? 1, stdout: Buffer.concat(chunks), stderr }));
    // gpg that ends early closes what it does not read
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const secret = child.stdio[3];
    if (secret !== undefined && secret !== null && 'end' in secret) {
      secret.on('error', () => {});
      secret.end(`${passphrase ?? ''}\n`);
    }
  });
}

function startFailure(thrown: Error, program: string, { signal, without }: Pick<GpgRun, 'signal' | 'without'>): Error {
  if (signal.aborted) return cancelledBy(signal);
  if (systemCode(thrown) !== 'ENOENT') return thrown;
  return new NotFoundError(`the program ${program}, which holds the GPG key, is not installed`, {
    code: 'GPG_NOT_FOUND',
    hint: without,
    cause: thrown,
  });
}
