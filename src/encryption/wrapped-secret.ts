/**
 * The annotations of an encrypted layer: its secret, wrapped once for each kind of key, and what anybody may know of the
 * cipher.
 *
 * Source: ocicrypt. `org.opencontainers.image.enc.keys.<kind>` holds base64 texts with commas between them, each of which
 * opens the layer by itself; `org.opencontainers.image.enc.pubopts` holds the base64 of a JSON object.
 */
import { AuthError, IntegrityError, UnsupportedError } from '../foundation/errors.ts';
import type { Annotations, Descriptor } from '../oci/descriptor.ts';
import { isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import type { JsonObject } from '../oci/json-value.ts';
import { decodeBase64 } from '../signing/sigstore/pem.ts';
import { base64, isSecret, type LayerSecret } from './layer-cipher.ts';

/** All annotations of encryption begin so, and are wrong once the layer is decrypted. */
export const encryptionPrefix = 'org.opencontainers.image.enc.';
const keysPrefix = `${encryptionPrefix}keys.`;
const publicOptions = `${encryptionPrefix}pubopts`;
const cipherName = 'AES_256_CTR_HMAC_SHA256';

export type WrapKind = 'jwe' | 'pkcs7' | 'pgp';

/** Wraps secrets for all recipients of one kind. */
export interface KeyWrapper {
  readonly kind: WrapKind;
  /** How many recipients there are. */
  readonly count: number;
  wrap(secret: Uint8Array): Promise<Uint8Array> | Uint8Array;
}

/** Opens what was wrapped for some key of one kind. */
export interface KeyUnwrapper {
  readonly kind: WrapKind;
  /** `undefined` where it was wrapped for others, or is nothing that can be read. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined;
}

/** What a layer was encrypted with. */
export interface OpenedSecret {
  readonly secret: LayerSecret;
  /** Of the encrypted bytes. */
  readonly hmac: Uint8Array;
  /** {@link secret} as it was wrapped, so that it can be wrapped for more recipients. */
  readonly bytes: Uint8Array;
}

/**
 * The annotations of a layer whose secret is `secret`, beside those that it has. With `hmac` it was encrypted just now,
 * without it further recipients are added to those of `layer`.
 */
export async function wrapSecret(
  secret: Uint8Array,
  wrappers: readonly KeyWrapper[],
  { annotations = {} }: Pick<Descriptor, 'annotations'>,
  hmac?: Uint8Array,
): Promise<Annotations> {
  const wrapped: Record<string, string> = {};
  for (const wrapper of wrappers) {
    const name = `${keysPrefix}${wrapper.kind}`;
    const known = hmac === undefined ? annotations[name] : undefined;
    const added = base64(await wrapper.wrap(secret));
    wrapped[name] = known ? `${known},${added}` : added;
  }
  if (hmac !== undefined) {
    const options = { cipher: cipherName, hmac: base64(hmac), cipheroptions: {} };
    wrapped[publicOptions] = base64(Buffer.from(JSON.stringify(options)));
  }
  return wrapped;
}

/** Annotations without those that speak of encryption. */
export function withoutEncryption(annotations: Annotations): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith(encryptionPrefix)));
}

/**
 * The secret of `layer`, by whichever key fits.
 *
 * @throws AuthError NO_KEY_FITS; UnsupportedError KEY_KIND_NOT_SUPPORTED, CIPHER_NOT_SUPPORTED; IntegrityError
 * BAD_ENCRYPTED_LAYER where the annotations are missing or malformed
 */
export async function openSecret(layer: Descriptor, unwrappers: readonly KeyUnwrapper[]): Promise<OpenedSecret> {
  const { annotations = {}, digest } = layer;
  const kinds = Object.keys(annotations).flatMap((name) =>
    name.startsWith(keysPrefix) && annotations[name] !== '' ? [name.slice(keysPrefix.length)] : [],
  );
  if (kinds.length === 0) throw bad(digest, 'no annotation carries its key');
  const cipher = publicOptionsOf(layer);
  for (const kind of kinds) {
    const fitting = unwrappers.filter((unwrapper) => unwrapper.kind === kind);
    if (fitting.length === 0) continue;
    for (const text of (annotations[`${keysPrefix}${kind}`] ?? '').split(',')) {
      const wrapped = decodeBase64(text);
      if (wrapped === undefined) throw bad(digest, `its annotation ${keysPrefix}${kind} is not base64`);
      for (const unwrapper of fitting) {
        const bytes = await unwrapper.unwrap(wrapped);
        if (bytes !== undefined) return secretOf(bytes, cipher, digest);
      }
    }
  }
  const supported: readonly string[] = ['jwe', 'pkcs7', 'pgp'];
  if (!kinds.some((kind) => supported.includes(kind))) {
    throw new UnsupportedError(`the key of the layer ${digest} is wrapped by ${kinds.join(' and ')} only`, {
      code: 'KEY_KIND_NOT_SUPPORTED',
      side: 'source',
      hint: 'Keys wrapped by jwe, pkcs7 and pgp can be opened; ask for the image to be encrypted for one of these, too.',
    });
  }
  throw new AuthError(
    `none of the decryption keys opens the layer ${digest}, whose key is wrapped by ${kinds.join(' and ')}`,
    {
      code: 'NO_KEY_FITS',
      side: 'source',
      hint: 'Give the private key of somebody for whom the image was encrypted with --decryption-key.',
    },
  );
}

interface PublicOptions {
  readonly hmac: Uint8Array;
  readonly nonce: Uint8Array | undefined;
}

function publicOptionsOf({ annotations = {}, digest }: Descriptor): PublicOptions {
  const text = annotations[publicOptions];
  if (text === undefined || text === '') throw bad(digest, `it has no annotation ${publicOptions}`);
  const bytes = decodeBase64(text);
  const options = bytes === undefined ? undefined : jsonObject(bytes);
  if (options === undefined) throw bad(digest, `its annotation ${publicOptions} is not the base64 of a JSON object`);
  const { cipher } = options;
  if (cipher !== cipherName) {
    throw new UnsupportedError(`the layer ${digest} is encrypted with ${JSON.stringify(cipher)}`, {
      code: 'CIPHER_NOT_SUPPORTED',
      side: 'source',
      hint: `Only ${cipherName} is known.`,
    });
  }
  const more = jsonMember(options, 'cipheroptions');
  // where it is depends on how old the program is that wrote it
  const hmac = bytesIn(options['hmac']) ?? bytesIn(more?.['hmac']);
  if (hmac === undefined) throw bad(digest, `its annotation ${publicOptions} has no HMAC`);
  return { hmac, nonce: bytesIn(more?.['nonce']) };
}

function secretOf(bytes: Uint8Array, { hmac, nonce: shown }: PublicOptions, digest: string): OpenedSecret {
  // nothing of these bytes may get into a message
  const options = jsonObject(bytes);
  const key = bytesIn(options?.['symkey']);
  const nonce = shown ?? bytesIn(options && jsonMember(options, 'cipheroptions')?.['nonce']);
  if (key === undefined || nonce === undefined || !isSecret(key, nonce)) {
    throw bad(digest, 'what its key opens to is not the key of a layer');
  }
  return { secret: { key, nonce }, hmac, bytes };
}

function jsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value = parseJson(bytes, 'options');
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function jsonMember(object: JsonObject, name: string): JsonObject | undefined {
  const value = object[name];
  return isJsonObject(value) ? value : undefined;
}

function bytesIn(value: JsonValue | undefined): Uint8Array | undefined {
  return typeof value === 'string' && value !== '' ? decodeBase64(value) : undefined;
}

function bad(digest: string, why: string): IntegrityError {
  return new IntegrityError(`the encrypted layer ${digest} cannot be opened: ${why}`, {
    code: 'BAD_ENCRYPTED_LAYER',
    side: 'source',
    hint: 'Whoever made the image must mend it: encrypt it again.',
  });
}
