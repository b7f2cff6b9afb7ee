/** What runs have learned, as rows: how much of it there is, and which of it goes. See knowledge.ts for what it is. */
import type { Tables } from './database.ts';
import { placeMs, uploadMs } from './knowledge.ts';

/** How many things are known. */
export interface KnowledgeCounts {
  /** Layers of which is known what they become when they are compressed anew. */
  readonly recompressions: number;
  /** Images and indexes of which is known what they become. */
  readonly conversions: number;
  /** Blobs and repositories that have them. */
  readonly places: number;
  /** Uploads that can be resumed: the journal of pushes. */
  readonly uploads: number;
  /** Repositories that were new when a run began to write into them. */
  readonly repositories: number;
}

/** By table: when a row was of use last, and milliseconds after which it is of no use any more; some are so for ever. */
const ages = {
  recompressions: undefined,
  conversions: undefined,
  blob_places: { column: 'seen_at', ms: placeMs },
  uploads: { column: 'updated_at', ms: uploadMs },
  written_repositories: { column: 'written_at', ms: placeMs },
} as const;

export function countKnowledge(tables: Tables): KnowledgeCounts {
  return {
    recompressions: rowsIn(tables, 'recompressions'),
    conversions: rowsIn(tables, 'conversions'),
    places: rowsIn(tables, 'blob_places'),
    uploads: rowsIn(tables, 'uploads'),
    repositories: rowsIn(tables, 'written_repositories'),
  };
}

/** Rows that {@link forgetKnowledge} would remove. */
export function countForgettable(tables: Tables, now: number, all: boolean): number {
  return conditions(now, all).reduce((sum, [table, condition]) => sum + rowsIn(tables, table, condition), 0);
}

/** Inside a transaction of the caller: removes what is too old to be of use, or `all`; tells how many rows that were. */
export function forgetKnowledge(tables: Tables, now: number, all: boolean): number {
  const count = countForgettable(tables, now, all);
  for (const [table, condition] of conditions(now, all)) tables.run(`DELETE FROM ${table} WHERE ${condition}`);
  return count;
}

function conditions(now: number, all: boolean): ReadonlyArray<readonly [table: string, condition: string]> {
  return Object.entries(ages).flatMap(([table, age]): Array<readonly [string, string]> => {
    if (all) return [[table, 'TRUE']];
    return age === undefined ? [] : [[table, `${age.column} <= ${now - age.ms}`]];
  });
}

function rowsIn(tables: Tables, table: string, condition = 'TRUE'): number {
  return Number(tables.get(`SELECT count(*) AS count FROM ${table} WHERE ${condition}`)?.['count']);
}
