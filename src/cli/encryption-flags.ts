/** The flags of skopeo that encrypt and decrypt layers, and how they become a request. */
import type { LayerEncryption } from '../encryption/layer-encryption.ts';
import { UsageError } from '../foundation/errors.ts';
import { repeatable } from './flags.ts';

const group = { helpGroup: 'ENCRYPTION' };

export const encryptionFlags = {
  'encryption-key': repeatable({
    summary: 'Encrypt layers for this recipient: jwe:PUBLIC-KEY, pkcs7:CERTIFICATE or pgp:NAME.',
    description:
      'Of each layer a key of its own is made, and wrapped for all recipients. The image becomes an OCI image, and its digests change. With --decryption-key, layers that are encrypted already get further recipients.',
    helpValue: 'KIND:KEY',
    ...group,
  }),
  'encrypt-layer': repeatable({
    summary: 'Encrypt this layer, counted from 0, or from the last one as -1; without it all.',
    helpValue: 'N',
    ...group,
  }),
  'decryption-key': repeatable({
    summary: 'Decrypt layers with this private key, or exported secret GPG key.',
    description:
      'A passphrase is named as KEY:file=FILE or KEY:fd=DESCRIPTOR. KEY:pass=PASSPHRASE and KEY:PASSPHRASE are understood, too, but every process of the machine can read them.',
    helpValue: 'KEY[:PASSPHRASE]',
    ...group,
  }),
};

interface EncryptionValues {
  'encryption-key'?: readonly string[] | undefined;
  'encrypt-layer'?: readonly string[] | undefined;
  'decryption-key'?: readonly string[] | undefined;
}

/**
 * What is to be encrypted or decrypted, with what; `undefined` for nothing.
 *
 * @throws UsageError CONFLICTING_FLAGS, BAD_LAYER; what reading the keys throws
 */
export async function encryptionOf(flags: EncryptionValues, signal: AbortSignal): Promise<LayerEncryption | undefined> {
  // several in one, as with skopeo
  const valuesOf = (name: keyof EncryptionValues): string[] =>
    (flags[name] ?? []).flatMap((text) => text.split(',')).filter((text) => text !== '');
  const [recipients, layers, keys] = [
    valuesOf('encryption-key'),
    valuesOf('encrypt-layer'),
    valuesOf('decryption-key'),
  ];
  if (layers.length > 0 && recipients.length === 0) {
    throw new UsageError('--encrypt-layer can only be used with --encryption-key', {
      code: 'CONFLICTING_FLAGS',
      hint: 'Say for whom the layer is to be encrypted.',
    });
  }
  if (recipients.length === 0 && keys.length === 0) return undefined;
  const numbers = layers.map(layerNumber);
  const [{ readDecryptionKeys, readRecipients }, { readInput, withoutSecrets }] = await Promise.all([
    import('../encryption/key-names.ts'),
    import('./signing-wiring.ts'),
  ]);
  const options = { env: withoutSecrets(process.env), signal, readFile: readInput };
  return {
    recipients: await readRecipients(recipients, options),
    layers: numbers,
    keys: await readDecryptionKeys(keys, options),
  };
}

function layerNumber(text: string): number {
  if (/^-?\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`${JSON.stringify(text)} is not the number of a layer`, {
    code: 'BAD_LAYER',
    hint: 'Layers are counted from 0, or from the last one as -1.',
  });
}
