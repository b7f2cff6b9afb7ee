/** Where a policy is, and whether it is worth reading with care. Light: this is looked at whenever a source is used. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readWholeFile } from '../../foundation/whole-file.ts';
import { type ConfigPlaces, userConfigDir } from '../../registry-config/load-registries-conf.ts';

export interface PolicyPlaces extends ConfigPlaces {
  /** From `--policy`. */
  file?: string | undefined;
  /** In place of `/usr/share`, for tests. */
  shareDir?: string;
}

/** The file that was named, by the user or in `CONTAINERS_POLICY_JSON`. */
export function namedPolicy({ file, env }: PolicyPlaces): string | undefined {
  return file ?? (env['CONTAINERS_POLICY_JSON'] || undefined);
}

/** The files that may hold the policy, the first that is there does. */
export function policyFiles(places: PolicyPlaces): readonly string[] {
  const named = namedPolicy(places);
  if (named !== undefined) return [named];
  const folders = [
    userConfigDir(places),
    join(places.systemDir ?? '/etc', 'containers'),
    join(places.shareDir ?? '/usr/share', 'containers'),
  ];
  return folders.map((folder) => join(folder, 'policy.json'));
}

/**
 * Whether the policy is surely one that allows everything, or there is none. A text in which any other requirement might be
 * hidden, or that is not plain JSON, is left to whoever reads it with care.
 */
export async function surelyAllowsAll(places: PolicyPlaces): Promise<boolean> {
  const named = namedPolicy(places);
  for (const path of policyFiles(places)) {
    let text: string;
    try {
      // a pipe (`--policy <(...)`) can be read once only
      if (named !== undefined && !(await stat(named)).isFile()) return false;
      text = (await readWholeFile(path)).toString();
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (named === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) continue;
      return false;
    }
    return isAllowing(text);
  }
  return true;
}

function isAllowing(text: string): boolean {
  const types = [...text.matchAll(/"type"\s*:\s*("[^"]*")?/g)];
  const allow = '"insecureAcceptAnything"';
  if (text.includes('\\') || types.length === 0 || !types.every(([, type]) => type === allow)) return false;
  if (text.split(allow).length - 1 !== types.length) return false;
  try {
    const policy: unknown = JSON.parse(text);
    if (typeof policy !== 'object' || policy === null || !('default' in policy)) return false;
    const known = Object.keys(policy).every((key) => key === 'default' || key === 'transports');
    // a member that stands twice makes a policy unusable, and only the last of the two is in `policy`
    const once = (text.match(/"\s*:/g) ?? []).length === countMembers(policy);
    return known && once && Array.isArray(policy.default) && everyListAllows(policy) && hasPlainScopes(policy);
  } catch {
    return false;
  }
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, one) => sum + countMembers(one), own);
}

/** Those of any other transport than docker may be such that the policy cannot be used. */
function hasPlainScopes(policy: object): boolean {
  const transports: unknown = 'transports' in policy ? policy.transports : {};
  if (typeof transports !== 'object' || transports === null) return false;
  return Object.entries(transports).every(
    ([name, scopes]: [string, object]) => name === 'docker' || Object.keys(scopes).every((scope) => scope === ''),
  );
}

/** No list of requirements is empty or holds anything else than what allows. */
function everyListAllows(value: unknown): boolean {
  if (Array.isArray(value)) {
    return (
      value.length > 0 &&
      value.every((one: unknown) => {
        const keys = typeof one === 'object' && one !== null ? Object.keys(one) : [];
        return keys.length === 1 && keys[0] === 'type';
      })
    );
  }
  return typeof value === 'object' && value !== null && Object.values(value).every(everyListAllows);
}
