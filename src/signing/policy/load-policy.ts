/** Finds policy.json. There is no built-in policy: where there is no file, nobody has decided anything. */
import { NotFoundError, systemCode } from '../../foundation/errors.ts';
import { readError } from '../../foundation/file-errors.ts';
import { readWholeFile } from '../../foundation/whole-file.ts';
import { parsePolicy } from './parse-policy.ts';
import type { Policy } from './policy.ts';
import { namedPolicy, type PolicyPlaces, policyFiles } from './policy-files.ts';

/**
 * The policy of the file that was asked for, else of the one that `CONTAINERS_POLICY_JSON` names, else of the first that is
 * there: the user's own (`~/.config/containers/policy.json`), `/etc/containers`, `/usr/share/containers`. `undefined` where there
 * is none.
 *
 * @throws NotFoundError POLICY_NOT_FOUND for a file that was named; UsageError POLICY_INVALID; StorageError POLICY_UNREADABLE
 */
export async function loadPolicy(places: PolicyPlaces): Promise<Policy | undefined> {
  const named = namedPolicy(places);
  for (const path of policyFiles(places)) {
    const bytes = await read(path);
    if (bytes !== undefined) return parsePolicy(bytes, path);
  }
  if (named === undefined) return undefined;
  throw new NotFoundError(`the policy ${named} is not there`, {
    code: 'POLICY_NOT_FOUND',
    hint: 'Check the path given with --policy or in CONTAINERS_POLICY_JSON.',
  });
}

async function read(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readWholeFile(path);
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '')) return undefined;
    throw readError(thrown, `the policy ${path}`, 'POLICY_UNREADABLE');
  }
}
