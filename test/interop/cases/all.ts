/** Sequences of commands that sheaf and buildah must answer with the same index. */
import { addCases } from './add.ts';
import { addListCases } from './add-list.ts';
import { artifactCases } from './artifact.ts';
import type { Case } from './case.ts';
import { createCases } from './create.ts';
import { annotateCases, removeCases } from './edit.ts';
import type { Names } from './names.ts';
import { pushCases } from './push.ts';

export function casesOf(names: Names): Case[] {
  return [
    ...createCases(names),
    ...addCases(names),
    ...addListCases(names),
    ...annotateCases(names),
    ...removeCases(names),
    ...artifactCases(names),
    ...pushCases(names),
  ];
}
