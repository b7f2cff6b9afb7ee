import { readFileSync } from 'node:fs';
import type { PJSON } from '@oclif/core/interfaces';

/** Where sheaf is installed, and which tree of modules to run. */
export interface Place {
  /** The folder of package.json. */
  root: URL;
  tree: 'dist' | 'src';
}

/** package.json, with oclif's commands in the tree that runs. */
export function packageJson(place: Place): PJSON {
  const pjson = JSON.parse(readFileSync(new URL('package.json', place.root), 'utf8')) as PJSON;
  return { ...pjson, oclif: { ...pjson.oclif, commands: `./${place.tree}/commands` } };
}
