/**
 * Node's own modules for the way to `lists.exists()`, which has a few milliseconds in all. Importing `node:fs` as an
 * ES module evaluates every export of it, `fs.promises` with its streams too, which takes longer than all the rest
 * together.
 */
export const { mkdirSync, readdirSync, rmSync, statSync } = process.getBuiltinModule('node:fs');
export const { homedir } = process.getBuiltinModule('node:os');
export const { isAbsolute, join, resolve } = process.getBuiltinModule('node:path');
