// In a checkout the sources may be newer than the build. dist/ runs only while every file that it was built from is the
// one that it was built from; a stat of each tells, without reading any, and takes a few milliseconds in all.
const fs = require('node:fs');
const { fileURLToPath } = require('node:url');

/** @param {URL} root */
const stampFile = (root) => new URL('dist/sources.stamp', root);

/**
 * Whether dist/ was built from what stands in src/ now.
 * @param {URL} root the folder of package.json
 */
function isFresh(root) {
  try {
    return fs.readFileSync(stampFile(root), 'utf8') === sourceStamp(root);
  } catch {
    return false;
  }
}

/**
 * A line for each source file: path, time of last change, size.
 * @param {URL} root the folder of package.json
 */
function sourceStamp(root) {
  const top = fileURLToPath(root);
  let lines = '';
  const walk = (/** @type {string} */ folder) => {
    for (const entry of fs.readdirSync(top + folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else add(path);
    }
  };
  const add = (/** @type {string} */ path) => {
    const { mtimeMs, size } = fs.statSync(top + path);
    lines += `${path} ${mtimeMs} ${size}\n`;
  };
  for (const file of ['package.json', 'package-lock.json', '.ci/build.js']) add(file);
  walk('src');
  return lines;
}

/**
 * Marks dist/ as built from the sources with this stamp.
 * @param {URL} root the folder of package.json
 * @param {string} stamp
 */
function writeStamp(root, stamp) {
  fs.writeFileSync(stampFile(root), stamp);
}

module.exports = { isFresh, sourceStamp, writeStamp };
