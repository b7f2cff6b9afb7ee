/**
 * Names of images in registries.
 *
 * Source: the grammar and the normalisation of `distribution/reference` (Docker's names): `busybox` is
 * `docker.io/library/busybox`.
 */
import { UsageError } from '../foundation/errors.ts';
import { hasUserInfo, redactName } from '../foundation/redaction.ts';
import { type Digest, parseDigest } from './digest.ts';

export interface Reference {
  /** Host with port, as in `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path in the registry, as in `library/busybox`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultRegistry = 'docker.io';
const officialPrefix = 'library/';
/** Characters of a repository path. */
const maxRepositoryLength = 255;

const hexName = /^[0-9a-f]{64}$/;
const hostForm =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])$/;
const componentForm = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

const componentHint = 'Use lower-case letters and digits, with ".", "_", "__" or "-" between them.';

/** The name in full; no tag is added. Throws UsageError INVALID_REFERENCE, which says what is wrong where. */
export function parseReference(text: string): Reference {
  checkWhole(text);
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const [registry, rest] = splitRegistry(text, named);
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const repository = registry === defaultRegistry && !path.includes('/') ? `${officialPrefix}${path}` : path;
  checkRepository(text, named.length - rest.length, path, repository);
  if (tag !== undefined && !tagForm.test(tag)) throw badTag(text, tag);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digestText === undefined ? {} : { digest: digestOfReference(text, digestText) }),
  };
}

/** A name without tag and digest. Throws UsageError INVALID_REFERENCE. */
export function parseRepositoryName(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw invalid(text, `it has a ${reference.tag === undefined ? 'digest' : 'tag'}, but a repository is wanted`, {
      hint: `Write ${familiarReference(repositoryOf(reference))}.`,
    });
  }
  return reference;
}

function checkWhole(text: string): void {
  if (text === '') throw invalid(text, 'it is empty', { hint: 'Give a name, as app:1.0 or quay.io/me/app:1.0.' });
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme !== null) {
    throw invalid(text, `a name has no "${scheme[0]}" in front`, { hint: `Leave "${scheme[0]}" away.` });
  }
  if (hasUserInfo(text)) {
    throw invalid(text, 'credentials do not belong in a name', {
      hint: 'Leave away what stands before the "@", and log in with `sheaf login`, or give --creds.',
    });
  }
  if (/^(?:\/|\.\.?\/|~\/)/.test(text)) {
    throw invalid(text, 'it looks like a path', {
      hint: 'Folders and files are named with what they hold: oci:FOLDER, dir:FOLDER, oci-archive:FILE, docker-archive:FILE.',
    });
  }
  if (hexName.test(text)) {
    throw invalid(text, 'a repository cannot be named with 64 hexadecimal digits', {
      hint: `Is it the digest of an image? Then write repository@sha256:${text.slice(0, 6)}... in full.`,
    });
  }
}

/** What stands before the first "/" is a registry if it could be a host: it has "." or ":" or upper case, or is "localhost". */
function splitRegistry(text: string, named: string): [registry: string, rest: string] {
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  if (!isHost) return [defaultRegistry, named];
  const rest = named.slice(slash + 1);
  if (first === `index.${defaultRegistry}` || first === defaultRegistry) return [defaultRegistry, rest];
  const [, host = first, port] = /^(.*?)(?::([^:\]]*))?$/.exec(first) ?? [];
  if (!hostForm.test(host)) throw invalid(text, `"${first}" is not the name of a registry`);
  if (port !== undefined && !(/^[0-9]{1,5}$/.test(port) && Number(port) <= 65535)) {
    throw invalid(text, `"${port}" is not a port number`);
  }
  return [first, rest];
}

/** `path` stands at `start` of `text`. */
function checkRepository(text: string, start: number, path: string, repository: string): void {
  if (path === '') throw invalid(text, 'it names no repository');
  const lower = path.toLowerCase();
  const bad = path.split('/').find((component) => !componentForm.test(component.toLowerCase()));
  if (bad === '') throw invalid(text, 'a part of the repository name is empty: there is a "/" too many');
  if (bad !== undefined) throw invalid(text, `"${bad}" cannot be a part of a repository name`, { hint: componentHint });
  if (path !== lower) {
    const instead = `${text.slice(0, start)}${lower}${text.slice(start + path.length)}`;
    throw invalid(text, `repository name (${path}) must be lowercase`, {
      hint: isReference(instead) ? `Write ${instead}.` : componentHint,
    });
  }
  if (repository.length > maxRepositoryLength) {
    throw invalid(
      text,
      `repository name must not be more than ${maxRepositoryLength} characters, it has ${repository.length}`,
    );
  }
}

/** Whether `text` is a name that {@link parseReference} takes. */
export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

function badTag(text: string, tag: string): UsageError {
  if (tag === '') return invalid(text, 'there is nothing after the ":"');
  if (tag.length > 128) return invalid(text, `the tag has ${tag.length} characters, and 128 is the most`);
  return invalid(text, `"${tag}" cannot be a tag`, {
    hint: 'Use letters, digits, "_", "." and "-", and do not begin with "." or "-".',
  });
}

function digestOfReference(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    throw invalid(text, cause instanceof UsageError ? cause.message : 'invalid digest', {
      cause,
      hint: 'After "@" comes sha256: with 64 or sha512: with 128 lower-case hexadecimal digits.',
    });
  }
}

function invalid(text: string, why: string, options: { hint?: string; cause?: unknown } = {}): UsageError {
  const name = redactName(text);
  const shown = name.length <= 300 ? name : `${name.slice(0, 297)}...`;
  return new UsageError(`invalid reference format "${shown}": ${why}`, { code: 'INVALID_REFERENCE', ...options });
}

/** With the tag `latest` where there is neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** The full form: `docker.io/library/busybox:1@sha256:...`. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffixOf(reference)}`;
}

/** The shortest form that names the same: `busybox:1`. */
export function familiarReference(reference: Reference): string {
  const { registry, repository } = reference;
  const suffix = suffixOf(reference);
  if (registry !== defaultRegistry) return `${registry}/${repository}${suffix}`;
  const short = /^library\/[^/]+$/.test(repository) ? repository.slice(officialPrefix.length) : repository;
  // a path such as localhost/x would be read as a registry, and 64 hexadecimal digits as nothing at all
  const first = short.split('/', 2);
  const misread = hexName.test(short) || (first.length === 2 && (first[0] === 'localhost' || first[0]?.includes('.')));
  return `${misread ? `${registry}/${repository}` : short}${suffix}`;
}

function suffixOf({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function repositoryOf({ registry, repository }: Reference): Reference {
  return { registry, repository };
}

export function sameRepository(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}
