/** Makes an encrypted or a decrypted layer: read, decrypt, compress, encrypt, keep; all of it passes as a stream. */
import { Readable } from 'node:stream';
import { addRecipients, decryptLayer, encryptLayer, type LayerEncryption } from '../encryption/layer-encryption.ts';
import type { Recompression } from '../store/store.ts';
import type { CryptStep } from './plan.ts';

interface Hands {
  /** The layer as it is in the source, verified. */
  open(): Promise<Readable>;
  /** Keeps what is made until it is sent. */
  keep(stream: Readable): Promise<Pick<Recompression, 'digest' | 'size'>>;
  readonly signal: AbortSignal;
}

/** Throws AuthError, UnsupportedError, IntegrityError where the layer cannot be decrypted; what the hands throw. */
export async function cryptLayer(step: CryptStep, encryption: LayerEncryption, hands: Hands): Promise<Recompression> {
  const { kind, layer, recipe } = step;
  const { digest, size } = layer;
  if (kind === 'add-recipients') {
    return { digest, size, format: 'none', annotations: await addRecipients(layer, encryption), plainSize: size };
  }
  const open = kind === 'decrypt' ? decrypted(step, encryption, hands) : hands.open;
  const compressed = recipe === undefined ? undefined : await compressedBy(recipe, open, hands.signal);
  const plain = compressed?.stream ?? (await open());
  const crypted =
    kind === 'encrypt' ? encryptLayer(plain, encryption, recipe === undefined ? digest : undefined) : undefined;
  const made = await hands.keep(crypted === undefined ? plain : streamOf(crypted.bytes, plain));
  const outcome = await compressed?.done;
  return {
    ...made,
    format: outcome?.format ?? 'none',
    annotations: { ...outcome?.annotations, ...(await crypted?.finish()) },
    plainSize: outcome?.plainSize ?? size,
  };
}

function decrypted({ layer }: CryptStep, encryption: LayerEncryption, { open }: Hands): () => Promise<Readable> {
  return async () => {
    let source: Readable | undefined;
    const bytes = await decryptLayer(async () => (source = await open()), layer, encryption);
    return streamOf(bytes, source);
  };
}

async function compressedBy(recipe: NonNullable<CryptStep['recipe']>, open: Hands['open'], signal: AbortSignal) {
  const { recompress } = await import('../compression/recompress.ts');
  const { unpackedBy } = await import('../transports/unpack-program.ts');
  return recompress(open, { ...recipe, hash: false, unpackOther: unpackedBy, signal });
}

/** Bytes that may wait for the reader of the stream. */
const readAhead = 1 << 20;

function streamOf(bytes: AsyncGenerator<Uint8Array>, source: Readable | undefined): Readable {
  const stream = Readable.from(bytes, { objectMode: false, highWaterMark: readAhead });
  // also where it is destroyed before anybody has read from it: the generators have not begun then
  stream.once('close', () => source?.destroy());
  return stream;
}
