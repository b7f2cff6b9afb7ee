/** A registry over a folder of the small disk in the first argument, which is filled; prints what was answered, as JSON. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startRegistry } from '../../src/registry-server/index.ts';
import { http } from '../support/http.ts';
import { content } from '../support/seed.ts';

const [disk = ''] = process.argv.slice(2);
const directory = join(disk, 'registry');
const registry = await startRegistry({ storage: { directory } });
const uploads = `${registry.url}/v2/team/app/blobs/uploads/`;
const small = content('application/octet-stream', 'small');
const large = content('application/octet-stream', 'large '.repeat(500_000));

async function begin(): Promise<string> {
  const begun = await http(uploads, { method: 'POST' });
  return begun.headers.location === undefined ? '' : registry.url + begun.headers.location;
}

const session = await begin();
const patch = await http(session, { method: 'PATCH', body: large.bytes });
const status = await http(session);
const put = await http(`${await begin()}?digest=${large.digest}`, { method: 'PUT', body: large.bytes });
const post = await http(`${uploads}?digest=${large.digest}`, { method: 'POST', body: large.bytes });
const left = await readdir(join(directory, 'uploads'));
const after = await http(`${await begin()}?digest=${small.digest}`, { method: 'PUT', body: small.bytes });
const filling = join(disk, 'filling');
await writeFile(filling, Buffer.alloc(2 << 20)).catch(() => {});
const full = await http(uploads, { method: 'POST' });
const leftWhenFull = await readdir(join(directory, 'uploads'));
const read = await http(`${registry.url}/v2/team/app/blobs/${small.digest}`);
await registry.close();
await writeFile(filling, Buffer.alloc(2 << 20)).catch(() => {});
const again = await startRegistry({ storage: { directory } }).then(
  () => 'started',
  ({ message, hint }: { message: string; hint?: string }) => `${message} / ${hint}`,
);
await rm(filling);
const started = await startRegistry({ storage: { directory } });
await started.close();
const statuses = [patch, status, put, post, after, full, read].map((answer) => answer.status);
process.stdout.write(JSON.stringify({ statuses, text: patch.text, left, leftWhenFull, again }));
