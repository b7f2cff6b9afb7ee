/**
 * The shapes of the documents, as zod schemas. A message reads: path, what was expected, what was found. Members that are
 * `null` count as absent, as in Go.
 *
 * Source: OCI Image Specification v1.1, image-index.md, manifest.md, descriptor.md, config.md; Docker "Image Manifest
 * Version 2, Schema 2".
 */
import * as z from 'zod';
import { IntegrityError } from '../foundation/errors.ts';
import type { Annotations } from './descriptor.ts';
import { type Digest, digestForm, isDigest } from './digest.ts';
import { ExactNumber, isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';

const text = z.string({ error: 'a text' });
/** Of many faults of one kind these are told; each takes memory. */
const maxFaults = 10;
const texts = z
  .custom<string[]>((value) => Array.isArray(value), { error: 'a list of texts' })
  .check(({ value, issues }) => {
    if (!Array.isArray(value)) return;
    for (const [at, found] of (value as readonly unknown[]).entries()) {
      if (typeof found === 'string') continue;
      issues.push({ code: 'custom', path: [at], message: 'a text', input: value });
      if (issues.length >= maxFaults) return;
    }
  });
const digest = z.custom<Digest>(isDigest, { error: digestForm });
const size = z.custom<number>((value) => Number.isSafeInteger(value) && Number(value) >= 0, {
  error: 'a number of bytes (a whole number, not negative)',
});
const mediaType = z.custom<string>((value) => typeof value === 'string' && value !== '', { error: 'a media type' });
const base64 = z.custom<string>((value) => typeof value === 'string' && isBase64(value), {
  error: 'content in base64',
});
const schemaVersion = z.literal(2, { error: 'the number 2' }).nullish();

const annotations = z
  .custom<Annotations>((value) => isJsonObject(value as JsonValue), { error: 'an object of texts' })
  .check((context) => {
    if (!isJsonObject(context.value)) return;
    for (const key of Object.keys(context.value)) {
      if (typeof context.value[key] === 'string') continue;
      context.issues.push({ code: 'custom', path: [key], message: 'a text', input: context.value });
      if (context.issues.length >= maxFaults) return;
    }
  })
  .nullish();

const ociPlatform = z.object(
  {
    architecture: text.nullish(),
    os: text.nullish(),
    'os.version': text.nullish(),
    'os.features': texts.nullish(),
    variant: text.nullish(),
  },
  { error: 'a platform (an object)' },
);
const dockerPlatform = ociPlatform.extend({ features: texts.nullish() });

const descriptorError = { error: 'a descriptor (an object)' };
const ociDescriptor = z.object(
  {
    mediaType,
    digest,
    size,
    urls: texts.nullish(),
    annotations,
    data: base64.nullish(),
    platform: ociPlatform.nullish(),
    artifactType: text.nullish(),
  },
  descriptorError,
);
const dockerDescriptor = z.object({ mediaType, digest, size, urls: texts.nullish() }, descriptorError);
const dockerEntry = dockerDescriptor.extend({ platform: dockerPlatform.nullish() });

const document = { error: 'an object' };
const descriptors = { error: 'a list of descriptors' };

export const schemas = {
  ociIndex: z.object(
    {
      schemaVersion,
      artifactType: text.nullish(),
      manifests: z.array(ociDescriptor, descriptors).nullable(),
      subject: ociDescriptor.nullish(),
      annotations,
    },
    document,
  ),
  dockerList: z.object({ schemaVersion, manifests: z.array(dockerEntry, descriptors).nullable() }, document),
  ociManifest: z.object(
    {
      schemaVersion,
      artifactType: text.nullish(),
      config: ociDescriptor,
      layers: z.array(ociDescriptor, descriptors).nullable(),
      subject: ociDescriptor.nullish(),
      annotations,
    },
    document,
  ),
  dockerManifest: z.object(
    { schemaVersion, config: dockerDescriptor, layers: z.array(dockerDescriptor, descriptors).nullable() },
    document,
  ),
  config: ociPlatform,
} as const;

export type PlatformShape = z.output<typeof dockerPlatform> | z.output<typeof ociPlatform>;
export type DescriptorShape =
  | z.output<typeof ociDescriptor>
  | z.output<typeof dockerEntry>
  | z.output<typeof dockerDescriptor>;

/** A whole document and the checked view of its known members. */
export interface Checked<T> {
  readonly shape: T;
  readonly object: JsonObject;
}

/** Compiling a schema costs more than a run has documents to check with it. */
const jitless = { jitless: true } as const;

/** Throws IntegrityError `code`; `what` names the document in the message. */
export function checkShape<T>(schema: z.ZodType<T>, value: JsonValue, what: string, code: string): Checked<T> {
  const issues = faultsInLongLists(schema, value);
  const result = issues === undefined ? schema.safeParse(value, jitless) : undefined;
  if (!result?.success || !isJsonObject(value)) {
    const [first, ...others] = issues ?? result?.error?.issues ?? [];
    const path = first?.path ?? [];
    const at = path.length === 0 ? 'the document' : formatPath(path);
    const more =
      others.length === 0 ? '' : ` (and ${others.length} more such ${others.length === 1 ? 'fault' : 'faults'})`;
    throw new IntegrityError(
      `${what} is malformed: ${at}: expected ${first?.message ?? 'an object'}, found ${describe(valueAt(value, path))}${more}`,
      { code },
    );
  }
  return { shape: result.data, object: value };
}

/** Longer lists are looked at in parts. */
const partLength = 1000;

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * The faults of the first part of a long list that has any: all those of a list in which every member is wrong would take
 * gigabytes.
 */
function faultsInLongLists(schema: z.ZodType, value: JsonValue): readonly Fault[] | undefined {
  if (!isJsonObject(value)) return undefined;
  for (const key of ['manifests', 'layers']) {
    const list = value[key];
    if (!Array.isArray(list) || list.length <= partLength) continue;
    for (let start = 0; start < list.length; start += partLength) {
      const result = schema.safeParse({ ...value, [key]: list.slice(start, start + partLength) }, jitless);
      if (result.success) continue;
      return result.error.issues.map(({ path: [first, second, ...rest], message }) => ({
        path: [
          ...(first === undefined ? [] : [first]),
          ...(second === undefined ? [] : [first === key && typeof second === 'number' ? second + start : second]),
          ...rest,
        ],
        message,
      }));
    }
  }
  return undefined;
}

/** `manifests[3].platform["os.version"]`. */
function formatPath(path: readonly PropertyKey[]): string {
  let out = '';
  for (const part of path) {
    if (typeof part === 'number') out += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(String(part))) out += `${out === '' ? '' : '.'}${String(part)}`;
    else out += `[${JSON.stringify(String(part))}]`;
  }
  return out;
}

function valueAt(value: JsonValue, path: readonly PropertyKey[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const part of path) {
    if (Array.isArray(at) && typeof part === 'number') at = (at as readonly JsonValue[])[part];
    else if (isJsonObject(at) && Object.hasOwn(at, part)) at = at[String(part)];
    else return undefined;
  }
  return at;
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return 'a list';
  if (isJsonObject(value)) return 'an object';
  const shown = JSON.stringify(value);
  return shown.length <= 160 ? shown : `${shown.slice(0, 156)}..."`;
}

function isBase64(value: string): boolean {
  return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}
