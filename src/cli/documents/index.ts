/** Which documents there are, and which command prints which. */
import type * as z from 'zod';
import { completion } from './completions.ts';
import { diffedImages } from './diffs.ts';
import { failure } from './failure.ts';
import { contentDocument, describedImageOrIndex, prunedLayout, tree } from './images.ts';
import {
  addedToList,
  annotatedList,
  createdList,
  listExists,
  localLists,
  removedInstances,
  removedLists,
  taggedList,
} from './lists.ts';
import { progressLine } from './progress.ts';
import { login, logout, servedRegistry } from './registries.ts';
import { generatedKey, signedImage, verifiedImage } from './signatures.ts';
import { exportedLists, storeContents, storeGarbage, storePath, verifiedStore } from './store.ts';
import { plan, transfer } from './transfers.ts';

/** Every document by the name of its file in docs/schemas, without the end. */
export const documents = {
  failure,
  progress: progressLine,
  transfer,
  plan,
  image: describedImageOrIndex,
  content: contentDocument,
  tree,
  prune: prunedLayout,
  completion,
  'key-generate': generatedKey,
  login,
  logout,
  'manifest-add': addedToList,
  'manifest-annotate': annotatedList,
  'manifest-create': createdList,
  'manifest-diff': diffedImages,
  'manifest-exists': listExists,
  'manifest-ls': localLists,
  'manifest-remove': removedInstances,
  'manifest-rm': removedLists,
  'manifest-tag': taggedList,
  'registry-serve': servedRegistry,
  sign: signedImage,
  'store-export': exportedLists,
  'store-gc': storeGarbage,
  'store-ls': storeContents,
  'store-path': storePath,
  'store-verify': verifiedStore,
  verify: verifiedImage,
} as const satisfies Record<string, z.ZodType>;

export type DocumentName = keyof typeof documents;

export interface Printed {
  readonly document: DocumentName;
  /** Flags of which one has been given; without them, where none of the others fits. */
  readonly flags?: readonly string[];
}

/** What each command prints with --json where it succeeds, by its ID; the first that fits. */
export const printedBy: Readonly<Record<string, readonly Printed[]>> = {
  completion: [{ document: 'completion' }],
  'image:copy': [{ document: 'plan', flags: ['--dry-run'] }, { document: 'transfer' }],
  'image:inspect': [{ document: 'content', flags: ['--raw', '--config'] }, { document: 'image' }],
  'image:prune': [{ document: 'prune' }],
  'key:generate': [{ document: 'key-generate' }],
  login: [{ document: 'login' }],
  logout: [{ document: 'logout' }],
  'manifest:add': [{ document: 'manifest-add' }],
  'manifest:annotate': [{ document: 'manifest-annotate' }],
  'manifest:create': [{ document: 'manifest-create' }],
  'manifest:diff': [{ document: 'manifest-diff' }],
  'manifest:exists': [{ document: 'manifest-exists' }],
  'manifest:inspect': [{ document: 'tree', flags: ['--tree'] }, { document: 'content' }],
  'manifest:ls': [{ document: 'manifest-ls' }],
  'manifest:push': [{ document: 'plan', flags: ['--dry-run'] }, { document: 'transfer' }],
  'manifest:remove': [{ document: 'manifest-remove' }],
  'manifest:rm': [{ document: 'manifest-rm' }],
  'manifest:tag': [{ document: 'manifest-tag' }],
  'registry:serve': [{ document: 'registry-serve' }],
  sign: [{ document: 'sign' }],
  'store:export': [{ document: 'store-export' }],
  'store:gc': [{ document: 'store-gc' }],
  'store:ls': [{ document: 'store-ls' }],
  'store:path': [{ document: 'store-path' }],
  'store:verify': [{ document: 'store-verify' }],
  verify: [{ document: 'verify' }],
};
