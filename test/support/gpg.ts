/** A GnuPG of a test's own: keys are made, used and thrown away. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { testFolder } from './folders.ts';
import { findPeer, run } from './peers.ts';

export interface Gpg {
  /** `GNUPGHOME`; below /tmp, where the peers see it and the paths of sockets stay short. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs gpg; throws when it fails. */
  ok(args: readonly string[], input?: Uint8Array | string): Promise<Buffer>;
  /** Makes a key (ed25519, may sign, never expires unless told) and gives its fingerprint. */
  makeKey(user: string, options?: { algorithm?: string; expires?: string; passphrase?: string }): Promise<string>;
  exportPublic(user: string, options?: { armor?: boolean }): Promise<Buffer>;
  exportSecret(user: string, options?: { armor?: boolean; passphrase?: string; subkeys?: boolean }): Promise<Buffer>;
}

export async function withGpg(t: TestContext): Promise<Gpg> {
  const home = join(await testFolder(t, '/tmp'), 'gnupg');
  await mkdir(home, { mode: 0o700 });
  const env = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' };
  // a calibration of the passphrase's cost takes seconds on a busy machine
  await writeFile(join(home, 'gpg-agent.conf'), 's2k-count 65536\n');
  t.after(() => run(findPeer('gpgconf') ?? 'gpgconf', ['--kill', 'all'], { env }));
  let files = 0;
  const gpg: Gpg = {
    home,
    env,
    async ok(args, input) {
      files += 1;
      const out = join(home, `out-${files}`);
      const base = ['--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback', '--output', out];
      const options = { env, ...(input === undefined ? {} : { input }) };
      const { code, stdout, stderr } = await run(findPeer('gpg') ?? 'gpg', [...base, ...args], options);
      if (code !== 0) throw new Error(`gpg ${args.join(' ')} ended with ${code}:\n${stderr}`);
      return readFile(out).catch(() => Buffer.from(stdout));
    },
    async makeKey(user, { algorithm = 'ed25519', expires = 'never', passphrase = '' } = {}) {
      await gpg.ok(['--passphrase', passphrase, '--quick-gen-key', user, algorithm, 'sign', expires]);
      const rows = (await gpg.ok(['--with-colons', '--list-keys', user])).toString().split('\n');
      const fingerprint = rows.findLast((row) => row.startsWith('fpr:'))?.split(':')[9];
      if (fingerprint === undefined) throw new Error(`gpg made no key for ${user}`);
      return fingerprint;
    },
    exportPublic: (user, { armor = false } = {}) => gpg.ok([...(armor ? ['--armor'] : []), '--export', user]),
    exportSecret: (user, { armor = false, passphrase = '', subkeys = false } = {}) =>
      gpg.ok([
        ...(armor ? ['--armor'] : []),
        '--passphrase',
        passphrase,
        subkeys ? '--export-secret-subkeys' : '--export-secret-keys',
        user,
      ]),
  };
  return gpg;
}
