/** Files on lists. */

import { addArtifact } from '../../src/operations/add-artifact.ts';
import type { AddedInstances } from '../../src/operations/add-instances.ts';
import type { Env } from '../../src/operations/environment.ts';

/** Puts `file` on `list` as an artifact, with nothing said about it. */
export function addFile(env: Env, list: string, file: string): Promise<AddedInstances> {
  return addArtifact(env, { list, files: [file], excludeTitles: false, artifactAnnotations: {}, changes: {} });
}
