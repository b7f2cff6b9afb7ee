import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run, sheaf } from '../../cli/support/program.ts';
import { selfSignedCertificate } from '../../support/certificate.ts';
import { testFolder } from '../../support/folders.ts';
import { http } from '../../support/http.ts';
import { checkDocument } from '../../support/json-documents.ts';
import { withRegistry } from '../../support/registry.ts';
import { seedImage } from '../../support/seed.ts';

interface Served {
  child: ChildProcess;
  /** What it printed when it was ready. */
  printed: string;
  /** Stops it, and returns its exit code and everything that it printed. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

async function serve(t: TestContext, ...args: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, [sheaf, 'registry', 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  assert.equal(child.exitCode, null, stderr);
  return {
    child,
    printed: stdout,
    async stop(signal) {
      child.kill(signal);
      const [code] = await ended;
      return { code, stdout, stderr };
    },
  };
}

test('prints its address, serves until it is stopped, and serves the same folder again', async (t) => {
  const directory = join(await testFolder(t), 'registry');
  const first = await serve(t, '--directory', directory);
  const url = first.printed.trim();
  assert.match(first.printed, /^http:\/\/127\.0\.0\.1:\d+\n$/);
  const image = await seedImage({ url }, 'team/app', { tag: 'v1' });
  assert.deepEqual(await first.stop('SIGTERM'), { code: 0, stdout: first.printed, stderr: '' });

  const second = await serve(t, '-d', directory);
  const read = await http(`${second.printed.trim()}/v2/team/app/manifests/v1`);
  assert.deepEqual(read.body, image.bytes);
  assert.equal((await second.stop('SIGINT')).code, 0);
});

test('--json prints one document when it is ready', async (t) => {
  const served = await serve(t, '--json');
  assert.equal(checkDocument(['registry', 'serve', '--json'], served.printed), 'registry-serve');
  const { url, host, port, directory } = JSON.parse(served.printed);
  assert.deepEqual([url, host, directory], [`http://127.0.0.1:${port}`, `127.0.0.1:${port}`, null]);
  assert.equal((await http(`${url}/v2/`)).status, 200);
  const { code, stdout } = await served.stop('SIGTERM');
  assert.equal(code, 0);
  assert.equal(stdout, served.printed);
});

test('--log-level info tells of requests', async (t) => {
  const served = await serve(t, '--log-level', 'info');
  await http(`${served.printed.trim()}/v2/a/manifests/v1`);
  const { stderr } = await served.stop('SIGTERM');
  assert.match(stderr, /GET \/v2\/a\/manifests\/v1 404 in=0 out=\d+ \d+ms/);
});

test('TLS, and a warning where others can reach it', async (t) => {
  const folder = await testFolder(t);
  const { cert, key } = selfSignedCertificate();
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key);
  const tls = ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')];
  const served = await serve(t, '--host', '0.0.0.0', ...tls);
  const url = served.printed.trim().replace('0.0.0.0', '127.0.0.1');
  assert.equal((await http(`${url}/v2/`, { ca: cert })).status, 200);
  const { code, stderr } = await served.stop('SIGTERM');
  assert.equal(code, 0);
  assert.match(stderr, /everybody who reaches/);
});

test('what keeps it from starting is told with what to do', async (t) => {
  const folder = await testFolder(t);
  await writeFile(join(folder, 'thesis.txt'), 'precious');
  const registry = await withRegistry(t);
  for (const [args, code, message] of [
    [['--port', String(registry.port)], 9, /cannot listen on 127\.0\.0\.1 port \d+.*Choose another port/s],
    [['--directory', folder], 9, /holds something else than a registry.*Name a folder/s],
    [['--tls-cert', 'x'], 2, /tls-key/],
    [['--tls-cert', join(folder, 'x'), '--tls-key', join(folder, 'y')], 3, /there is no file/],
    [['--tls-cert', folder, '--tls-key', folder], 9, /cannot read .*\nhint: Name a file, not a folder\./],
    [['--port', '99999'], 2, /99999/],
  ] as const) {
    const ended = await run(sheaf, ['registry', 'serve', ...(args[0] === '--port' ? [] : ['--port', '0']), ...args]);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, '');
  }
});
