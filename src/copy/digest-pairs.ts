/**
 * What layers became when they were compressed, in a file that goes from one machine to another: a machine without a store of
 * its own skips what the file names, where the destination has the result by its digest. Who can write the file is trusted
 * with what layers become, as with the store; whoever unpacks an image checks its layers against its config all the same.
 *
 * ```json
 * { "schemaVersion": 1, "pairs": [{ "layer": "sha256:…", "recipe": "zstd/3/1.5.7/2", "digest": "sha256:…", "size": 5,
 *   "format": "zstd", "annotations": {}, "plainSize": 9 }], "digest": "sha256:…" }
 * ```
 *
 * `recipe` names all that the bytes depend on, sizes are bytes, and `digest` is that of `pairs` as it is written.
 */
import { readFile, stat } from 'node:fs/promises';
import { expectFilePath, writeNamedFile } from '../foundation/atomic-file.ts';
import { asError, IntegrityError, StorageError, systemCode } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { type Digest, digestOf, parseDigest } from '../oci/digest.ts';
import { encodeGoJson, isJsonObject, type JsonValue, parseJson } from '../oci/json.ts';
import type { Recompression } from '../store/store.ts';

/** Some 300 bytes a pair: more pairs than any release has layers. */
const maxBytes = 32 << 20;

export class DigestPairs {
  readonly #pairs = new Map<string, { layer: Digest; recipe: string; result: Recompression }>();
  /** Whether there is something to write that was not read. */
  isChanged = false;

  /** What `layer` became by `recipe`. */
  get(layer: Digest, recipe: string): Recompression | undefined {
    return this.#pairs.get(`${layer} ${recipe}`)?.result;
  }

  add(layer: Digest, recipe: string, result: Recompression): void {
    if (this.get(layer, recipe)?.digest === result.digest) return;
    this.#pairs.set(`${layer} ${recipe}`, { layer, recipe, result });
    this.isChanged = true;
  }

  /** In an order of its own, so that the same pairs make the same file. */
  encode(): Uint8Array {
    const order = [...this.#pairs.keys()].sort();
    const pairs = order.flatMap((key) => {
      const pair = this.#pairs.get(key);
      if (pair === undefined) return [];
      const { layer, recipe, result } = pair;
      const { digest, size, format, annotations, plainSize } = result;
      return [{ layer, recipe, digest, size, format, annotations: { ...annotations }, plainSize }];
    });
    return Buffer.from(encodeGoJson({ schemaVersion: 1, pairs, digest: digestOfPairs(pairs) }));
  }

  /** Adds the pairs of a file. Throws IntegrityError BAD_DIGEST_PAIRS; `what` names it. */
  decode(bytes: Uint8Array, what: string): void {
    const bad = (why: string, cause?: unknown): IntegrityError =>
      new IntegrityError(`${what} is no file of digest pairs: ${why}`, {
        code: 'BAD_DIGEST_PAIRS',
        hint: 'Remove it: the next run writes it anew, and compresses what it does not find there.',
        ...(cause === undefined ? {} : { cause }),
      });
    let value: JsonValue;
    try {
      value = parseJson(bytes, what);
    } catch (thrown) {
      throw bad(asError(thrown).message, thrown);
    }
    if (!isJsonObject(value)) throw bad('it is not an object');
    if (value['schemaVersion'] !== 1) throw bad('its schemaVersion is not 1');
    const { pairs } = value;
    if (!Array.isArray(pairs)) throw bad('it has no pairs');
    if (value['digest'] !== digestOfPairs(pairs)) throw bad('its pairs are not those that its digest is of');
    for (const [at, pair] of pairs.entries()) {
      const read = pairOf(pair);
      if (typeof read === 'string') throw bad(`pairs[${at}]${read}`);
      this.#pairs.set(`${read.layer} ${read.recipe}`, read);
    }
  }
}

const digestOfPairs = (pairs: readonly JsonValue[]): Digest => digestOf(Buffer.from(encodeGoJson(pairs)));

/** The pair, or what is wrong with it. */
function pairOf(value: JsonValue): { layer: Digest; recipe: string; result: Recompression } | string {
  if (!isJsonObject(value)) return ' is not an object';
  const { recipe, format, annotations = {} } = value;
  const layer = digestIn(value['layer']);
  const digest = digestIn(value['digest']);
  if (layer === undefined) return '.layer is not a digest';
  if (digest === undefined) return '.digest is not a digest';
  const size = value['size'];
  const plainSize = value['plainSize'];
  if (!isSize(size)) return '.size is not a number of bytes';
  if (!isSize(plainSize)) return '.plainSize is not a number of bytes';
  if (typeof recipe !== 'string' || recipe === '') return '.recipe is not a text';
  if (typeof format !== 'string' || format === '') return '.format is not a text';
  if (!isJsonObject(annotations)) return '.annotations is not an object';
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(annotations)) {
    if (typeof text !== 'string') return `.annotations has no text for ${name}`;
    texts[name] = text;
  }
  return { layer, recipe, result: { digest, size, format, annotations: texts, plainSize } };
}

function digestIn(value: JsonValue | undefined): Digest | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return parseDigest(value);
  } catch {
    return undefined;
  }
}

function isSize(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/**
 * The pairs in the file `path`; none where it is not there yet, but could be made.
 *
 * @throws IntegrityError BAD_DIGEST_PAIRS; StorageError; UsageError EMPTY_PATH
 */
export async function readDigestPairs(path: string): Promise<DigestPairs> {
  const pairs = new DigestPairs();
  const bytes = await bytesOf(path);
  // one that is there may be for reading alone: it is written where there is something new to say
  if (bytes === undefined) await expectFilePath(path);
  else pairs.decode(bytes, path);
  return pairs;
}

/** Adds `pairs` to those in the file, which another run may have written meanwhile. Throws as reading does. */
export async function writeDigestPairs(path: string, pairs: DigestPairs): Promise<void> {
  if (!pairs.isChanged) return;
  const bytes = await bytesOf(path);
  if (bytes !== undefined) pairs.decode(bytes, path);
  await writeNamedFile(path, pairs.encode());
}

async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes)
      throw new StorageError(`${path} has ${size} bytes, more than the ${maxBytes} of a file of pairs`);
    return await readFile(path);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return undefined;
    if (thrown instanceof StorageError) throw thrown;
    throw readError(thrown, path);
  }
}
