/**
 * The tables, as the list of steps that made them: entry N takes a database from version N to N + 1. A step that was
 * released is never edited; what comes next is appended.
 *
 * A digest in `list_content`, `lease_content` or `kept_content` keeps a blob alive. Rows that leave these tables, however they do,
 * are noted in `loose_content` by triggers: those are the blobs that may have lost their last holder.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE lists (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    index_json TEXT NOT NULL,
    locations_json TEXT NOT NULL,
    files_json TEXT NOT NULL,
    base_type TEXT,
    base_digest TEXT,
    base_bytes BLOB
  ) STRICT;

  CREATE TABLE list_names (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    list_id TEXT NOT NULL REFERENCES lists (id) ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX list_names_by_list ON list_names (list_id);

  CREATE TABLE list_content (
    position INTEGER PRIMARY KEY,
    list_id TEXT NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    UNIQUE (list_id, digest)
  ) STRICT;
  CREATE INDEX list_content_by_digest ON list_content (digest);

  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    process INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lease_content (
    lease_id TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (lease_id, digest)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX lease_content_by_digest ON lease_content (digest);

  CREATE TABLE loose_content (digest TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TRIGGER list_lets_go AFTER DELETE ON list_content BEGIN
    INSERT OR IGNORE INTO loose_content VALUES (old.digest);
  END;
  CREATE TRIGGER lease_lets_go AFTER DELETE ON lease_content BEGIN
    INSERT OR IGNORE INTO loose_content VALUES (old.digest);
  END;
  `,
  // What runs have learned: none of it is needed, all of it saves work. See knowledge.ts.
  `
  CREATE TABLE recompressions (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    format TEXT NOT NULL,
    annotations_json TEXT NOT NULL,
    plain_size INTEGER NOT NULL,
    PRIMARY KEY (source, recipe)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE conversions (
    source TEXT NOT NULL,
    recipe TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (source, recipe)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE blob_places (
    digest TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (digest, registry, repository)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_places_by_age ON blob_places (seen_at);

  CREATE TABLE uploads (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    session TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, digest)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE kept_content (
    digest TEXT PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER keeper_lets_go AFTER DELETE ON kept_content BEGIN
    INSERT OR IGNORE INTO loose_content VALUES (old.digest);
  END;
  `,
  // Repositories that were new when runs began to write into them, from the moment before they did.
  `
  CREATE TABLE written_repositories (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (registry, repository)
  ) STRICT, WITHOUT ROWID;
  `,
];
