/** The texts of `containers-storage:` names, as containers/image reads and writes them. */
import { isAbsolute } from 'node:path';
import { UsageError } from '../../foundation/errors.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { formatReference, parseReference, type Reference, withDefaultTag } from '../../oci/reference.ts';

/** Which storage of the machine: what stands between the brackets. */
export interface StorageSpec {
  /** `vfs`, `overlay`; found out where it is absent. */
  readonly driver?: string;
  /** Absolute. */
  readonly graphRoot: string;
  /** Absolute; only other programs need it. */
  readonly runRoot?: string;
  readonly options: readonly string[];
}

/** Which image, in which storage; without `storage` the one that the machine is configured for. */
export interface StoragePlace {
  readonly storage?: StorageSpec;
  /** Has a tag, or a digest, or both. */
  readonly reference?: Reference;
  /** 64 hexadecimal digits, or the first of them. */
  readonly id?: string;
  /** The manifest with this digest, of whichever image. */
  readonly digest?: Digest;
  /** The text could also be the first digits of an ID, which are looked at first. */
  readonly maybeId?: string;
}

const idPattern = /^[0-9a-f]{64}$/;
/** Shorter texts are never taken for the beginning of an ID. */
const idPrefixPattern = /^[0-9a-f]{3,64}$/;

/** Throws UsageError INVALID_IMAGE_NAME. */
export function parseStoragePlace(text: string): StoragePlace {
  if (!text.startsWith('[')) return parseImage(text, text);
  const end = text.indexOf(']');
  if (end < 0) throw invalid(text, 'the bracket is not closed');
  return { storage: parseSpec(text.slice(1, end), text), ...parseImage(text.slice(end + 1), text) };
}

export function formatStoragePlace({ storage, reference, id, digest }: StoragePlace): string {
  const image = `${reference === undefined ? '' : formatReference(reference)}${id === undefined ? '' : `@${id}`}`;
  return `containers-storage:${storage === undefined ? '' : formatSpec(storage)}${digest === undefined ? image : `@${digest}`}`;
}

function formatSpec({ driver, graphRoot, runRoot, options }: StorageSpec): string {
  const before = driver === undefined ? '' : `${driver}@`;
  const after = options.length === 0 ? '' : `:${options.join(',')}`;
  return `[${before}${graphRoot}${runRoot === undefined ? '' : `+${runRoot}`}${after}]`;
}

/** `driver@graphroot+runroot:option,option`, of which only the graph root must be there. */
function parseSpec(spec: string, whole: string): StorageSpec {
  const at = spec.indexOf('@');
  const driver = at < 0 ? undefined : spec.slice(0, at);
  if (driver !== undefined && !/^[a-z0-9]+$/.test(driver)) throw invalid(whole, `"${driver}" is no name of a driver`);
  const places = spec.slice(at + 1);
  const colon = places.indexOf(':');
  const options = colon < 0 ? [] : places.slice(colon + 1).split(',');
  const [graphRoot = '', ...more] = (colon < 0 ? places : places.slice(0, colon)).split('+');
  const runRoot = more.length === 0 ? undefined : more.join('+');
  for (const folder of [graphRoot, ...(runRoot === undefined ? [] : [runRoot])]) {
    if (!isAbsolute(folder)) throw invalid(whole, `"${folder}" is no absolute path`);
  }
  return {
    graphRoot,
    options,
    ...(driver === undefined ? {} : { driver }),
    ...(runRoot === undefined ? {} : { runRoot }),
  };
}

/** `NAME[:TAG]`, `NAME@DIGEST`, `@ID`, `NAME@ID`, `@DIGEST`, or the beginning of an ID. */
function parseImage(text: string, whole: string): Omit<StoragePlace, 'storage'> {
  const at = text.lastIndexOf('@');
  if (at < 0) {
    if (text === '') throw invalid(whole, 'there is nothing behind it');
    const reference = withDefaultTag(parseReference(text));
    return { reference, ...(idPrefixPattern.test(text) ? { maybeId: text } : {}) };
  }
  const [before, after] = [text.slice(0, at), text.slice(at + 1)];
  if (isDigest(after)) return before === '' ? { digest: after } : { reference: parseReference(text) };
  if (!idPattern.test(after) && !idPrefixPattern.test(after)) {
    throw invalid(whole, `"${after}" is neither a digest nor the ID of an image`);
  }
  return before === '' ? { id: after } : { reference: withDefaultTag(parseReference(before)), id: after };
}

function invalid(text: string, why: string): UsageError {
  return new UsageError(`"containers-storage:${text}" names no image: ${why}`, {
    code: 'INVALID_IMAGE_NAME',
    hint: 'Write containers-storage:NAME, containers-storage:@ID or containers-storage:[DRIVER@GRAPHROOT+RUNROOT]NAME.',
  });
}
