// In a checkout the sources may be newer than the build. dist/ runs only while every file that it was built from is the
// one that it was built from; a stat of each tells, without reading any, and takes a few milliseconds in all.
const fs = require('node:fs');
const { fileURLToPath } = require('node:url');

/**
 * What there is in each folder of the sources, and of each file the time of its last change and its size.
 * @typedef {{ folders: Record<string, string>, files: Record<string, [number, number]> }} Stamp
 */

/** @param {URL} root */
const stampFile = (root) => new URL('dist/sources.stamp', root);

/**
 * Whether dist/ was built from what stands in src/ now.
 * @param {URL} root the folder of package.json
 */
function isFresh(root) {
  const top = fileURLToPath(root);
  try {
    /** @type {Stamp} */
    const { folders, files } = JSON.parse(fs.readFileSync(stampFile(root), 'utf8'));
    for (const folder in folders) if (namesIn(top + folder) !== folders[folder]) return false;
    for (const file in files) {
      const { mtimeMs, size } = fs.statSync(top + file);
      if (mtimeMs !== files[file]?.[0] || size !== files[file][1]) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** @param {string} folder */
function namesIn(folder) {
  return fs.readdirSync(folder).sort().join('/');
}

/**
 * Of the sources as they are now.
 * @param {URL} root the folder of package.json
 * @returns {Stamp}
 */
function sourceStamp(root) {
  const top = fileURLToPath(root);
  /** @type {Stamp} */
  const stamp = { folders: {}, files: {} };
  const add = (/** @type {string} */ path) => {
    const found = fs.statSync(top + path);
    if (!found.isDirectory()) {
      stamp.files[path] = [found.mtimeMs, found.size];
      return;
    }
    stamp.folders[path] = namesIn(top + path);
    for (const name of fs.readdirSync(top + path)) add(`${path}/${name}`);
  };
  for (const path of ['package.json', 'package-lock.json', '.ci/build.js', 'src']) add(path);
  return stamp;
}

/**
 * Marks dist/ as built from the sources with this stamp.
 * @param {URL} root the folder of package.json
 * @param {Stamp} stamp
 */
function writeStamp(root, stamp) {
  fs.writeFileSync(stampFile(root), JSON.stringify(stamp));
}

module.exports = { isFresh, sourceStamp, writeStamp };
