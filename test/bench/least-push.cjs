// The least that a program for Node.js can do to bring a release from an OCI layout to a registry: no plan, no store, no resuming, no
// errors told. What sheaf takes beside it is the price of those, what it takes beside a peer is the price of Node.js.
// Arguments: layout, host, repository, and `hash` if what is sent is to be hashed, as whoever checks it must.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { readFile } = require('node:fs/promises');
const { Agent, request } = require('node:http');
const { join } = require('node:path');

/** @typedef {{ mediaType: string, digest: string }} Descriptor */

const [layout = '', host = '', repository = '', hash] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 24 });

/**
 * @param {'POST' | 'PUT'} method
 * @param {string} url
 * @param {Buffer} [body]
 * @param {string} [type]
 * @returns {Promise<string>} the Location of the answer
 */
function send(method, url, body = Buffer.alloc(0), type = 'application/octet-stream') {
  const { promise, resolve, reject } = Promise.withResolvers();
  const headers = { 'content-length': body.byteLength, 'content-type': type };
  const sent = request(url, { method, agent, headers }, (answer) => {
    answer.resume().once('end', () => {
      if ((answer.statusCode ?? 0) < 300) resolve(answer.headers.location ?? '');
      else reject(new Error(`${method} ${url}: ${answer.statusCode}`));
    });
  });
  sent.once('error', reject).end(body);
  return promise;
}

/** @param {Descriptor} descriptor */
const pathOf = ({ digest }) => join(layout, 'blobs', ...digest.split(':'));
/** @param {string} path */
const urlOf = (path) => new URL(`/v2/${repository}/${path}`, `http://${host}`).href;

/** @param {Descriptor} blob */
async function pushBlob(blob) {
  const upload = new URL(await send('POST', urlOf('blobs/uploads/')), `http://${host}`);
  upload.searchParams.set('digest', blob.digest);
  const bytes = await readFile(pathOf(blob));
  if (hash === 'hash') createHash('sha256').update(bytes).digest();
  await send('PUT', upload.href, bytes);
}

/** @param {Descriptor} descriptor */
async function pushImage(descriptor) {
  const bytes = readFileSync(pathOf(descriptor));
  const { layers, config } = JSON.parse(bytes.toString());
  await Promise.all([...layers, config].map(pushBlob));
  await send('PUT', urlOf(`manifests/${descriptor.digest}`), bytes, descriptor.mediaType);
}

async function pushIndex() {
  const [root] = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests;
  const bytes = readFileSync(pathOf(root));
  await Promise.all(JSON.parse(bytes.toString()).manifests.map(pushImage));
  await send('PUT', urlOf('manifests/1'), bytes, root.mediaType);
  agent.destroy();
}

void pushIndex();
