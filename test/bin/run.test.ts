import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run, sheaf } from '../cli/support/program.ts';

const bin = fileURLToPath(new URL('../../bin/', import.meta.url));
const { version } = JSON.parse(readFileSync(join(bin, '../package.json'), 'utf8')) as { version: string };

/** Makes the Node.js that runs look like another one. */
function pretending(nodeVersion: string): string[] {
  const code = `const versions = { ...process.versions, node: '${nodeVersion}' };
Object.defineProperty(process, 'versions', { value: versions });
Object.defineProperty(process, 'version', { value: 'v${nodeVersion}' });`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

/** A copy of bin/ at the top of an empty folder; returns the path of its run.js. */
function installed(t: TestContext): { root: string; script: string } {
  const root = mkdtempSync(join(tmpdir(), 'sheaf-bin-'));
  t.after(() => rmSync(root, { recursive: true }));
  cpSync(bin, join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'sheaf', version: '7.8.9', type: 'module' }));
  return { root, script: join(root, 'bin/run.js') };
}

/** A program that stands in for a newer Node.js: tells what it was given, then does what the test says. */
function standIn(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\necho "$SHEAF_REEXEC: $(basename "$1") $2 $3"\n${script}\n`);
  chmodSync(path, 0o755);
}

describe('sheaf --version', () => {
  it('tells the version of package.json, the platform and the Node.js', async () => {
    const expected = `sheaf version ${version} (${process.platform}-${process.arch}, node ${process.version})\n`;
    for (const flag of ['--version', '-v']) {
      assert.deepEqual(await run(sheaf, [flag]), { code: 0, signal: null, stdout: expected, stderr: '' });
    }
  });

  it('needs nothing but bin/ and package.json', async (t) => {
    const { stdout, code } = await run(installed(t).script, ['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^sheaf version 7\.8\.9 /);
  });
});

describe('an installation that lacks the build', () => {
  it('says so in one line', async (t) => {
    const { root, script } = installed(t);
    const { code, stdout, stderr } = await run(script, ['manifest', 'ls']);
    assert.deepEqual([code, stdout], [9, '']);
    assert.equal(stderr, `Error: ${root} has no dist/, which is the program itself. Install sheaf again.\n`);
  });
});

/** A user whom no machine knows. */
const stranger = 54_321;
const cannotBecome =
  process.getuid?.() === 0 && spawnSync('test', ['-r', sheaf], { uid: stranger }).status === 0
    ? false
    : 'only root can become another user, and that one must be able to read the sources';

describe('a user without a home', { skip: cannotBecome }, () => {
  it('runs commands, and gets no store in the working directory', (t) => {
    const cwd = mkdtempSync(join(tmpdir(), 'sheaf-bin-'));
    t.after(() => rmSync(cwd, { recursive: true }));
    chownSync(cwd, stranger, stranger);
    const sheafAs = (env: NodeJS.ProcessEnv, ...args: string[]) =>
      spawnSync(process.execPath, [sheaf, ...args], { cwd, uid: stranger, gid: stranger, env, encoding: 'utf8' });
    const listed = sheafAs({}, 'manifest', 'ls');
    assert.equal(listed.status, 0, listed.stderr);
    const created = sheafAs({ HOME: '' }, 'manifest', 'create', 'l');
    assert.equal(created.status, 9, created.stderr);
    assert.match(created.stderr, /the local store in \/\.local\/share\/sheaf failed/);
    assert.deepEqual(readdirSync(cwd), []);
  });
});

describe('a Node.js that is too old', () => {
  it('is told apart from one that will do', async (t) => {
    const { script } = installed(t);
    const outcomes = await Promise.all(
      ['18.20.8', '20.20.2', '22.21.0', '24.14.9', '25.9.0', '24.15.0', '24.21.0', '26.0.0', '27.1.0'].map(
        async (old) => [old, (await run(script, ['--version'], { nodeFlags: pretending(old) })).code] as const,
      ),
    );
    assert.deepEqual(Object.fromEntries(outcomes), {
      '18.20.8': 1,
      '20.20.2': 1,
      '22.21.0': 1,
      '24.14.9': 1,
      '25.9.0': 1,
      '24.15.0': 0,
      '24.21.0': 0,
      '26.0.0': 0,
      '27.1.0': 0,
    });
  });

  it('says what is needed and where to get it, in one line', async (t) => {
    const { stderr, stdout, code } = await run(installed(t).script, ['manifest', 'ls'], {
      nodeFlags: pretending('20.20.2'),
    });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.equal(
      stderr,
      `sheaf: needs Node.js ^24.15 or >=26 (this is v20.20.2 at ${process.execPath}): ` +
        'install it from https://nodejs.org or with your package manager, or name one in SHEAF_NODE\n',
    );
  });

  it('says that what SHEAF_NODE names is not there', async (t) => {
    const options = { nodeFlags: pretending('20.20.2'), env: { SHEAF_NODE: '/nonexistent/node' } };
    const { stderr, code } = await run(installed(t).script, ['manifest', 'ls'], options);
    assert.equal(code, 1);
    assert.match(stderr, /or name one in SHEAF_NODE \(there is no \/nonexistent\/node, which it names\)\n$/);
  });

  it('hands over to the Node.js of the checkout, and ends as that ends', async (t) => {
    const { root, script } = installed(t);
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    standIn(join(root, 'node_modules/.bin/node'), 'exit 7');
    const ended = await run(script, ['manifest', 'ls'], { nodeFlags: pretending('20.20.2') });
    assert.deepEqual(ended, { code: 7, signal: null, stdout: '1: run.js manifest ls\n', stderr: '' });
  });

  it('hands over to SHEAF_NODE before that, and gives stdin along', async (t) => {
    const { root, script } = installed(t);
    const node = join(root, 'my-node');
    standIn(node, 'cat');
    const options = { nodeFlags: pretending('20.20.2'), env: { SHEAF_NODE: node }, input: 'from stdin' };
    assert.equal((await run(script, ['x', 'y'], options)).stdout, '1: run.js x y\nfrom stdin');
  });

  it('dies of the signal that the newer one died of, and passes signals on', async (t) => {
    const { root, script } = installed(t);
    const node = join(root, 'my-node');
    const options = { nodeFlags: pretending('20.20.2'), env: { SHEAF_NODE: node } };
    standIn(node, 'kill -KILL $$');
    assert.equal((await run(script, [], options)).signal, 'SIGKILL');
    for (const [signal, code] of [
      ['SIGTERM', 43],
      ['SIGINT', 30],
    ] as const) {
      standIn(node, `trap 'exit ${code}' ${signal.slice(3)}\necho ready >&2\nwhile :; do sleep 0.05; done`);
      const ended = await run(script, [], { ...options, onStderr: (_, child) => child.kill(signal) });
      assert.equal(ended.code, code, signal);
    }
  });

  it('does not hand over in a circle', async (t) => {
    const { root, script } = installed(t);
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
    const options = { nodeFlags: pretending('20.20.2'), env: { SHEAF_REEXEC: '1' } };
    const { code, stderr } = await run(script, [], options);
    assert.equal(code, 1);
    assert.match(stderr, /needs Node\.js/);
  });
});
