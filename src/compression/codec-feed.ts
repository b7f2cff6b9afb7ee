/** Drives one of Node's decoders by hand, so that it is known what it has taken when it fails. */
import type { Transform } from 'node:stream';
import { ChunkReader } from '../foundation/chunk-reader.ts';
import { handOverInTurn, handOverLast } from '../foundation/own-bytes.ts';
import { countYoungBytes } from '../foundation/young-garbage.ts';

/** Output that a decoder may be ahead of its reader; without it the decoder rests while its last piece is worked on. */
export const decodedAhead = 1 << 20;
/** Smaller pieces cost a fifth of the speed, larger ones gain nothing. */
export const decodedPiece = 256 << 10;

export interface Feed {
  /** Resolves when the decoder has taken all of `bytes`; false when it takes nothing any more. */
  write(bytes: Uint8Array): Promise<boolean>;
}

/**
 * What `decoder` makes of the bytes that `feed` writes to it. `feed` runs beside the reader; what it throws is thrown to the
 * reader, and an error of the decoder goes through `explain` first.
 */
export async function* decode(
  decoder: Transform,
  feed: (to: Feed) => Promise<void>,
  explain: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  let settle: (() => void) | undefined;
  // a decoder that fails never calls back for the write that it failed on
  decoder.once('close', () => settle?.());
  decoder.on('error', () => {});
  const write = async (bytes: Uint8Array): Promise<boolean> => {
    if (decoder.destroyed) return false;
    await new Promise<void>((resolve) => {
      settle = resolve;
      decoder.write(bytes, () => resolve());
    });
    return !decoder.destroyed;
  };
  let failure: { error: unknown } | undefined;
  const feeding = feed({ write }).then(
    () => void decoder.end(),
    (error: unknown) => {
      failure = { error };
      decoder.destroy();
    },
  );
  try {
    let held: Uint8Array | undefined;
    for await (const bytes of new ChunkReader(decoder).whole()) {
      countYoungBytes(bytes.byteLength);
      if (held !== undefined) yield handOverInTurn(held);
      held = bytes;
    }
    // nothing is written behind the last one
    if (held !== undefined) yield handOverLast(held);
    await feeding;
  } catch (error) {
    throw failure === undefined ? explain(error) : failure.error;
  } finally {
    decoder.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure.error;
}

/** zlib's own code of an error, if it is one of zlib's. */
export function codecError(error: unknown): { code: string; message: string } | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^Z(STD)?_/.test(error.code) ? { code: error.code, message: error.message } : undefined;
}
