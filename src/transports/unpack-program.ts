/** bzip2 and xz, which Node.js does not know: unpacked by the programs of these names, where the machine has them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { IntegrityError, systemCode, UnsupportedError } from '../foundation/errors.ts';

/** Of what such a program says. */
const maxMessage = 300;

/**
 * The plain bytes of `packed`.
 *
 * @throws UnsupportedError UNREADABLE_COMPRESSION where there is no such program; IntegrityError DAMAGED_ARCHIVE with what it says
 */
export async function* unpackedBy(
  program: 'bzip2' | 'xz',
  packed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let message = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (message.length < maxMessage) message += chunk.toString();
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  closed.catch(() => {});
  // a program that gives up closes its input: what it says of that is the error to tell
  const feeding = pipeline(Readable.from(packed, { objectMode: false }), child.stdin).then(
    () => undefined,
    (thrown: unknown) => (systemCode(thrown) === 'EPIPE' ? undefined : thrown),
  );
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const [code] = await closed.catch((thrown: unknown) => {
      throw new UnsupportedError(`there is no program ${program} here to unpack it`, {
        code: 'UNREADABLE_COMPRESSION',
        cause: thrown,
        hint: `Install ${program}, or compress it with gzip or zstd where it comes from.`,
      });
    });
    const failure = await feeding;
    if (failure !== undefined) throw failure;
    if (code !== 0) {
      throw new IntegrityError(`${program} says: ${firstLine(message)}`, { code: 'DAMAGED_ARCHIVE' });
    }
  } finally {
    child.kill();
  }
}

/** Without the name of the program, and of its input. */
function firstLine(message: string): string {
  const [line = 'nothing'] = message.split('\n').filter((one) => one.trim() !== '');
  return line.replace(/^\w+: (?:\(stdin\): )?/, '').slice(0, maxMessage);
}
