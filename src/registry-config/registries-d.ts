/**
 * Where signatures are kept, as the machine's registries.d says.
 *
 * Source: containers-registries.d(5); what containers/image does where that page says less.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asError, NotFoundError, systemCode, UsageError } from '../foundation/errors.ts';
import { readError } from '../foundation/file-errors.ts';
import { readWholeFile } from '../foundation/whole-file.ts';
import type { Reference } from '../oci/reference.ts';
import { type ConfigPlaces, userConfigDir } from './load-registries-conf.ts';
import { referenceScopes } from './reference-scopes.ts';

export interface RegistriesDPlaces extends ConfigPlaces {
  /** From `--registries-d`: this folder and no other. */
  directory?: string | undefined;
  /** In place of `/usr/share`, for tests. */
  shareDir?: string;
  /** Of the user; that of the process unless told. */
  userId?: number;
}

/** What registries.d says of one image. */
export interface SignaturePlaces {
  /** Base URL (`file:`, `http:`, `https:`) from which simple signatures are read. */
  readonly read: string;
  /** Base URL to which they are written. */
  readonly write: string;
  /** The files that say so; `undefined` where nobody says and it is what is built in. */
  readonly saidBy: { readonly read: string | undefined; readonly write: string | undefined };
  /** Whether sigstore attachments are used; `undefined` where nobody says. */
  readonly attachments: boolean | undefined;
}

export interface RegistriesD {
  places(reference: Reference): SignaturePlaces;
}

interface Section {
  file: string;
  lookaside?: string;
  staging?: string;
  attachments?: boolean;
}

/**
 * Reads the `*.yaml` files of the folder that was asked for, else of the machine: `/usr/share/containers/registries.d`,
 * `/etc/containers/registries.d`, their `rootful.d` or `rootless.d` siblings, the user's own. A file hides one of the same
 * name in a folder before. What the user's folder says of a scope goes before what the others say of it (older containers/image
 * reads the user's folder alone where there is one, newer ones read all).
 *
 * @throws NotFoundError REGISTRIES_D_NOT_FOUND; UsageError REGISTRIES_D_INVALID, also for a scope that two files of one rank
 * speak of; StorageError REGISTRIES_D_UNREADABLE
 */
export async function loadRegistriesD(places: RegistriesDPlaces): Promise<RegistriesD> {
  const userId = places.userId ?? process.getuid?.() ?? 0;
  if (places.directory !== undefined) {
    const files = await readFolder(places.directory);
    if (files !== undefined) return lookup(await merge([...files.values()]), userId, places);
    throw new NotFoundError(`the folder ${places.directory} is not there`, {
      code: 'REGISTRIES_D_NOT_FOUND',
      hint: 'Give a folder with *.yaml files in the form of containers-registries.d(5).',
    });
  }
  const system = new Map<string, ConfigFile>();
  for (const folder of systemFolders(places, userId)) {
    for (const [name, file] of (await readFolder(folder)) ?? []) system.set(name, file);
  }
  const user = (await readFolder(join(userConfigDir(places), 'registries.d'))) ?? new Map<string, ConfigFile>();
  for (const name of user.keys()) system.delete(name);
  const [own, common] = [await merge([...user.values()]), await merge([...system.values()])];
  return lookup(new Map([...common, ...own]), userId, places);
}

function systemFolders({ systemDir = '/etc', shareDir = '/usr/share' }: RegistriesDPlaces, userId: number): string[] {
  return [shareDir, systemDir].flatMap((base) => {
    const folder = join(base, 'containers', 'registries');
    if (userId === 0) return [`${folder}.d`, `${folder}.rootful.d`];
    return [`${folder}.d`, `${folder}.rootless.d`, join(`${folder}.rootless.d`, `${userId}`)];
  });
}

interface ConfigFile {
  path: string;
  text: string;
}

async function readFolder(folder: string): Promise<Map<string, ConfigFile> | undefined> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        return { path, text: (await readWholeFile(path)).toString() };
      }),
    );
    return new Map(files.map((file, at) => [names[at] ?? '', file]));
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '')) return undefined;
    throw readError(thrown, folder, 'REGISTRIES_D_UNREADABLE');
  }
}

/** The default section has the empty scope. */
async function merge(files: readonly ConfigFile[]): Promise<Map<string, Section>> {
  const sections = new Map<string, Section>();
  const origins = new Map<string, string>();
  for (const file of files) {
    for (const [scope, section] of await parse(file)) {
      const before = origins.get(scope);
      if (before !== undefined) {
        const what = scope === '' ? 'the default-docker section' : `the scope "${scope}"`;
        throw invalid(file.path, `${what} stands in ${before} too`, 'Leave it in one of the two files.');
      }
      origins.set(scope, file.path);
      sections.set(scope, section);
    }
  }
  return sections;
}

async function parse({ path, text }: ConfigFile): Promise<Map<string, Section>> {
  const { parseFirstYaml } = await import('./yaml.ts');
  let document: unknown;
  try {
    document = parseFirstYaml(text) ?? {};
  } catch (thrown) {
    throw invalid(path, asError(thrown).message);
  }
  const top = record(document, path, 'the document');
  const sections = new Map<string, Section>();
  if (top['default-docker'] != null) sections.set('', section(top['default-docker'], path, 'default-docker'));
  for (const [scope, value] of Object.entries(top['docker'] == null ? {} : record(top['docker'], path, 'docker'))) {
    if (scope === '') throw invalid(path, 'docker has an empty scope');
    sections.set(scope, section(value, path, `docker: ${scope}`));
  }
  return sections;
}

function section(value: unknown, path: string, what: string): Section {
  const object = value == null ? {} : record(value, path, what);
  const text = (key: string): string | undefined => {
    const found = object[key];
    if (found == null || found === '') return undefined;
    if (typeof found === 'string') return found;
    throw invalid(path, `${what}: ${key} is no text`);
  };
  const attachments = booleanOf(object['use-sigstore-attachments']);
  if (attachments === 'neither') throw invalid(path, `${what}: use-sigstore-attachments is neither true nor false`);
  const lookaside = text('lookaside') ?? text('sigstore');
  const staging = text('lookaside-staging') ?? text('sigstore-staging');
  return {
    file: path,
    ...(lookaside === undefined ? {} : { lookaside }),
    ...(staging === undefined ? {} : { staging }),
    ...(attachments === undefined ? {} : { attachments }),
  };
}

const booleans: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...[true, 'y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...[false, 'n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

/** The words of YAML 1.1 count, too: Go's parser takes them where a boolean is wanted, in quotes or not. */
function booleanOf(value: unknown): boolean | 'neither' | undefined {
  return value == null ? undefined : (booleans.get(value) ?? 'neither');
}

function lookup(sections: ReadonlyMap<string, Section>, userId: number, places: ConfigPlaces): RegistriesD {
  return {
    places(reference) {
      const scopes = [...referenceScopes(reference), ''];
      // a section that leaves the wanted value open passes the question on to the next
      const saying = (value: (section: Section) => unknown): Section | undefined =>
        scopes.flatMap((scope) => sections.get(scope) ?? []).find((section) => value(section) !== undefined);
      const builtIn = (): string =>
        userId === 0
          ? 'file:///var/lib/containers/sigstore'
          : pathToFileURL(join(places.homeDir, '.local', 'share', 'containers', 'sigstore')).href;
      const read = saying((one) => one.lookaside);
      const write = saying((one) => one.staging ?? one.lookaside);
      return {
        read: read?.lookaside ?? builtIn(),
        write: write?.staging ?? write?.lookaside ?? builtIn(),
        saidBy: { read: read?.file, write: write?.file },
        attachments: saying((one) => one.attachments)?.attachments,
      };
    },
  };
}

function record(value: unknown, path: string, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(path, `${what} is no mapping`);
}

function invalid(path: string, why: string, hint?: string): UsageError {
  return new UsageError(`${path} cannot be used: ${why}`, {
    code: 'REGISTRIES_D_INVALID',
    hint: hint ?? 'Write it in the form of containers-registries.d(5).',
  });
}
