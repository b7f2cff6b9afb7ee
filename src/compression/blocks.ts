/** Cuts a stream into blocks of one size, so that what is made of them does not depend on how the stream came. */
import { giveBack } from '../foundation/own-bytes.ts';
import { type Block, blockBytes, type Turn } from './budget.ts';

export interface FilledBlock {
  /** {@link blockBytes} bytes; fewer, perhaps none, in the last one. */
  readonly bytes: Buffer;
  readonly last: boolean;
  /** To be called once, when nobody reads `bytes` any more. */
  release(): void;
}

/**
 * The whole of `plain`, copied into blocks of `turn` and given back; at least one block. A full last block is told to be
 * the last, too.
 */
export async function* blocksOf(plain: AsyncIterable<Uint8Array>, turn: Turn): AsyncGenerator<FilledBlock> {
  let block: Block | undefined;
  let filled = 0;
  try {
    for await (const chunk of plain) {
      for (let at = 0; at < chunk.byteLength; ) {
        if (filled === blockBytes && block !== undefined) {
          const full = block;
          block = undefined;
          yield { bytes: full.bytes, last: false, release: full.release };
          filled = 0;
        }
        block ??= await turn.takeBlock();
        const part = chunk.subarray(at, at + blockBytes - filled);
        block.bytes.set(part, filled);
        filled += part.byteLength;
        at += part.byteLength;
      }
      giveBack(chunk);
    }
    const rest = block ?? (await turn.takeBlock());
    block = undefined;
    yield { bytes: rest.bytes.subarray(0, filled), last: true, release: rest.release };
  } finally {
    block?.release();
  }
}
