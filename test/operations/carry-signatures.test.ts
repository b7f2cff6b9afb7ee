/** Signatures go along with a copy where both sides keep them; where they cannot, the plan says so. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { CopyTaking } from '../../src/operations/copy-image.ts';
import { copyImage } from '../../src/operations/copy-image.ts';
import type { RegistriesD } from '../../src/registry-config/registries-d.ts';
import { locate } from '../../src/transports/image-names.ts';
import { testEnv } from '../support/env.ts';
import { withRegistry } from '../support/registry.ts';
import { copy, writeKinds } from '../transports/support.ts';

const all: CopyTaking = { select: 'all', unselected: 'keep' };
/** The beginning of an OpenPGP message, which is all that is looked at here. */
const gpg = (text: string) => Buffer.concat([Buffer.from([0x90, 0x0d]), Buffer.from(text)]);
const sigstore = (text: string) =>
  Buffer.from(
    `\0sigstore-json\n${JSON.stringify({
      mimeType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      payload: Buffer.from(text).toString('base64'),
      annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
    })}`,
  );

async function prepare(t: TestContext) {
  const env = await testEnv(t);
  const layout = join(env.folder, 'layout');
  const digests = await writeKinds(layout);
  const dir = join(env.folder, 'signed');
  await copy(env, `oci:${layout}:list`, `dir:${dir}`);
  const hex = digests.image.slice('sha256:'.length);
  const files = new Map([
    ['signature-1', gpg('the list')],
    ['signature-2', sigstore('the list')],
    [`${hex}.signature-1`, gpg('the image')],
  ]);
  for (const [name, bytes] of files) await writeFile(join(dir, name), bytes);
  const { host } = await withRegistry(t);
  const lookaside = join(env.folder, 'lookaside');
  const registriesD: RegistriesD = {
    places: () => ({
      read: pathToFileURL(lookaside).href,
      write: pathToFileURL(lookaside).href,
      given: true,
      attachments: true,
    }),
  };
  const carry = { registriesD: async () => registriesD };
  const run = (
    from: string,
    to: string,
    more: { take?: CopyTaking; dryRun?: boolean; format?: 'oci' | 'docker' } = {},
  ) =>
    copyImage(env, {
      source: locate(from),
      destination: locate(to),
      take: all,
      tags: [],
      dryRun: false,
      carry,
      ...more,
    });
  const signaturesIn = async (folder: string) => {
    const found = new Map<string, Buffer>();
    for (const name of (await readdir(folder)).sort()) {
      if (name.includes('signature-')) found.set(name, await readFile(join(folder, name)));
    }
    return found;
  };
  return { env, layout, digests, dir, hex, host, files, lookaside, run, signaturesIn };
}

describe('signatures on the way', () => {
  it('dir: to dir:, and once only', async (t) => {
    const { env, dir, files, run, signaturesIn } = await prepare(t);
    const to = join(env.folder, 'to');
    const { plan } = await run(`dir:${dir}`, `dir:${to}`);
    assert.deepEqual(plan.notes, []);
    assert.deepEqual(await signaturesIn(to), new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1))));
    const before = await readdir(to);
    await run(`dir:${dir}`, `dir:${to}`);
    assert.deepEqual(await readdir(to), before);
    const plain = join(env.folder, 'plain');
    await copy(env, `dir:${dir}`, `dir:${plain}`);
    assert.equal((await signaturesIn(plain)).size, 0);
  });

  it('one image of a list takes its own along, as what the folder is', async (t) => {
    const { env, dir, digests, hex, files, run, signaturesIn } = await prepare(t);
    for (const [at, from, take] of [
      ['one', `dir:${dir}`, { one: { os: 'linux', architecture: 'amd64' } }],
      ['named', `dir:${dir}@${digests.image}`, all],
    ] as const) {
      const to = join(env.folder, at);
      await run(from, `dir:${to}`, { take });
      assert.deepEqual(await signaturesIn(to), new Map([['signature-1', files.get(`${hex}.signature-1`)]]));
    }
  });

  it('dir: to a registry and back: the lookaside has GPG signatures, attachments the others', async (t) => {
    const { env, dir, files, host, lookaside, run, signaturesIn, digests } = await prepare(t);
    await run(`dir:${dir}`, `docker://${host}/app:1`);
    const kept = await readdir(lookaside, { recursive: true });
    assert.equal(kept.filter((name) => /signature-\d+$/.test(name)).length, 2);
    const answer = await fetch(`http://${host}/v2/app/manifests/${digests.list.replace(':', '-')}.sig`);
    assert.equal(answer.status, 200);
    const to = join(env.folder, 'back');
    await run(`docker://${host}/app:1`, `dir:${to}`);
    const back = await signaturesIn(to);
    assert.deepEqual([...back.keys()], [...files.keys()].sort());
    for (const [name, bytes] of files) {
      if (name !== 'signature-2') assert.deepEqual(back.get(name), bytes);
    }
    await run(`docker://${host}/app:1`, `docker://${host}/other:1`);
    assert.equal(
      (await readdir(lookaside, { recursive: true })).filter((name) => /signature-\d+$/.test(name)).length,
      4,
    );
  });

  it('what cannot go along is told, and a dry run tells the same and writes nothing', async (t) => {
    const { env, dir, hex, run, digests } = await prepare(t);
    const [layout, archive] = [`oci:${env.folder}/o:1`, `oci-archive:${env.folder}/o.tar`];
    for (const to of [layout, archive, `docker-archive:${env.folder}/d.tar:app:1`]) {
      const { plan } = await run(`dir:${dir}`, to, { dryRun: true });
      const [transport] = to.split(':');
      assert.ok(
        plan.notes.includes(`3 signatures cannot go along: ${transport}: keeps no signatures`),
        String(plan.notes),
      );
    }
    const changed = join(env.folder, 'changed');
    const dry = await run(`dir:${dir}`, `dir:${changed}`, { format: 'docker', dryRun: true });
    assert.deepEqual(await readdir(env.folder).then((names) => names.includes('changed')), false);
    const { plan } = await run(`dir:${dir}`, `dir:${changed}`, { format: 'docker' });
    assert.deepEqual(plan.notes, dry.plan.notes);
    assert.ok(plan.notes.includes(`2 signatures of ${digests.list} cannot go along: it is changed or left out`));
    assert.ok(plan.notes.includes(`a signature of ${digests.image} cannot go along: it is changed or left out`));
    assert.equal(
      (await readdir(changed)).some((name) => name.includes('signature-')),
      false,
    );
    await writeFile(join(dir, `${hex}.signature-2`), 'neither');
    const odd = await run(`dir:${dir}`, `dir:${env.folder}/odd`);
    assert.match(odd.plan.notes.join(), /a signature stays behind: .*is no signature that can be read/);
  });
});
