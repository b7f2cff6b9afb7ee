import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { testFolder } from '../support/folders.ts';
import { run } from '../support/peers.ts';
import { type Ended, runProbe, type StartOptions } from './support/program.ts';

interface Echoed {
  args: Record<string, unknown>;
  flags: Record<string, unknown>;
  positionals: string[];
}

async function echo(...argv: string[]): Promise<Echoed> {
  const { stdout, stderr } = await runProbe('lean', ['probe', 'echo', ...argv]);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Echoed;
}

const probe = (argv: readonly string[], options?: StartOptions): Promise<Ended> =>
  runProbe('lean', ['probe', ...argv], options);

describe('arguments', () => {
  it('come in the order given, whatever values flags have', async () => {
    // oclif's own list puts an argument that equals an earlier flag's value in that flag's place
    const { args, positionals } = await echo('--os', 'linux', '--annotation', 'b', 'list', 'linux', 'b');
    assert.deepEqual(positionals, ['list', 'linux', 'b']);
    assert.deepEqual(args, { list: 'list', image: ['linux', 'b'] });
  });

  it('are not taken by a flag that may be repeated', async () => {
    const { args, flags } = await echo('--annotation', 'a=1,2', 'list', 'image', '--annotation=c');
    assert.deepEqual(args, { list: 'list', image: ['image'] });
    assert.deepEqual(flags['annotation'], ['a=1,2', 'c']);
  });

  it('are not read from stdin', async () => {
    const { code, stderr } = await probe(['echo'], { input: 'from-stdin\n' });
    assert.equal(code, 2);
    assert.match(
      stderr,
      /requires at least 1 arg\(s\), only received 0\nhint: Usage: sheaf probe echo \[FLAGS\] LIST \[IMAGE\.\.\.\]/,
    );
  });

  it('may look like flags after --', async () => {
    assert.deepEqual((await echo('--', '--all=false', '--json')).positionals, ['--all=false', '--json']);
  });
});

describe('flags', () => {
  it('tell apart what was not given', async () => {
    const { flags } = await echo('list');
    assert.deepEqual(flags, { 'log-level': 'warn', progress: 'auto', retry: 3 });
  });

  it('take what the peers take', async () => {
    const { flags } = await echo(
      'list',
      '--tls-verify=false',
      '--all=true',
      '--purge',
      '--retry',
      '4',
      '--retry-delay',
      '4s',
      '--log-level',
      'Warning',
    );
    assert.equal(flags['tls-verify'], false);
    assert.equal(flags['all'], true);
    assert.equal(flags['rm'], true);
    assert.equal(flags['retry'], 4);
    assert.equal(flags['retry-delay'], 4000);
    assert.equal(flags['log-level'], 'warn');
  });
});

describe('a failed run', () => {
  it('says what failed and what to do on stderr, and has the status of its kind', async () => {
    assert.deepEqual(await probe(['fail', 'not-found']), {
      code: 3,
      signal: null,
      stdout: '',
      stderr: 'Error: no list "app"\nhint: See `sheaf manifest ls`.\n',
    });
    assert.deepEqual(await probe(['fail', 'conflict']), {
      code: 5,
      signal: null,
      stdout: '',
      stderr: 'Error: the name is taken\n  because: row 7 has it\n',
    });
  });

  it('is one JSON document on stdout with --json', async () => {
    const { code, stdout, stderr } = await probe(['fail', 'not-found', '--json']);
    assert.equal(code, 3);
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), {
      error: {
        kind: 'not-found',
        code: 'LIST_NOT_FOUND',
        message: 'no list "app"',
        hint: 'See `sheaf manifest ls`.',
        exitCode: 3,
        causes: [],
      },
    });
  });

  it('is a defect with status 1 when something else was thrown, and asks for a report', async () => {
    const { code, stderr } = await probe(['fail', 'defect']);
    assert.equal(code, 1);
    assert.match(stderr, /^Error: x is not a function\nhint: .*please report it.*\n$/);
  });

  it('shows where only at --log-level debug or with DEBUG', async () => {
    for (const run of [probe(['fail', 'x', '--log-level=debug']), probe(['fail', 'x'], { env: { DEBUG: '1' } })]) {
      assert.match((await run).stderr, /TypeError: x is not a function\n {4}at .*fail\.ts/);
    }
  });

  it('includes what nobody waited for', async () => {
    const { code, stderr } = await probe(['fail', 'later']);
    assert.equal(code, 1);
    assert.match(stderr, /^Error: x is not a function\n/);
  });
});

describe('a run', () => {
  it('may have its answer in its status', async () => {
    assert.deepEqual(await probe(['fail', 'status']), { code: 1, signal: null, stdout: '', stderr: '' });
    assert.equal((await probe(['fail', 'status', '--json'])).stdout, '{\n  "exists": false\n}\n');
  });

  it('ends when it is done, whatever is left open', async () => {
    assert.deepEqual(await probe(['fail', 'handle']), { code: 0, signal: null, stdout: 'done\n', stderr: '' });
  });
});

describe('progress', () => {
  it('is plain lines where there is no terminal, and never on stdout', async () => {
    assert.deepEqual(await probe(['tell']), {
      code: 0,
      signal: null,
      stdout: 'result\n',
      stderr: [
        'Copying 2 images',
        'Copying blob sha256:aa',
        'Copying blob sha256:bb',
        'Blobs: 1 copied (1.00 kB in 0.0 s), 1 mounted',
        'Failed, retrying in 1s ... (1/3). PUT x: 503',
        'Warning: mind this',
        '',
      ].join('\n'),
    });
  });

  it('is nothing with --quiet or --progress none, but for warnings', async () => {
    assert.equal((await probe(['tell', '-q'])).stderr, '');
    assert.equal((await probe(['tell', '--progress', 'none'])).stderr, 'Warning: mind this\n');
    assert.equal((await probe(['tell', '--progress=none', '--log-level=error'])).stderr, '');
  });

  it('is JSON lines on request', async () => {
    const { stderr } = await probe(['tell', '--progress=json']);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    assert.deepEqual(
      events.map(({ type }) => type),
      ['plan', 'step-start', 'step-progress', 'step-end', 'step-start', 'step-end', 'retry', 'warning'],
    );
  });

  it('is JSON lines and nothing else at a higher log level too, and when the run fails', async () => {
    const linesOf = async (...argv: string[]) => {
      const { code, stderr } = await probe([...argv, '--log-level=debug']);
      return {
        code,
        lines: stderr
          .trim()
          .split('\n')
          .map((line): unknown => JSON.parse(line)),
      };
    };
    const told = await linesOf('tell', '--progress=json');
    assert.equal(told.lines.length, 10);
    const message = 'no list "app"';
    const error = { kind: 'not-found', code: 'LIST_NOT_FOUND', message, hint: 'See `sheaf manifest ls`.', exitCode: 3 };
    for (const json of [
      ['--progress', 'json'],
      ['--progress=tty', '--progress=json'],
    ]) {
      const failed = await linesOf('fail', 'not-found', ...json);
      assert.deepEqual(failed, { code: 3, lines: [{ type: 'error', error: { ...error, causes: [] } }] });
    }
    assert.match((await probe(['fail', 'not-found', '--progress=json', '--progress', 'plain'])).stderr, /^Error: /);
  });

  it('tells more at a higher log level', async () => {
    const info = await probe(['tell', '--progress=none', '--log-level=info']);
    assert.equal(info.stderr, 'info: an information\nWarning: mind this\n');
    const debug = await probe(['tell', '--progress=none', '--log-level=debug']);
    assert.equal(debug.stderr, 'info: an information\ndebug: GET r.example/v2/ -> 200\nWarning: mind this\n');
  });
});

describe('a signal', () => {
  /** Sends signals as soon as the command says what is expected on stderr. */
  const on = (expected: Readonly<Record<string, NodeJS.Signals>>) => {
    const left = new Map(Object.entries(expected));
    return (text: string, child: ChildProcess): void => {
      for (const [words, signal] of left) {
        if (!text.includes(words)) continue;
        left.delete(words);
        child.kill(signal);
      }
    };
  };

  it('stops the run in an orderly way: 130 for SIGINT, 143 for SIGTERM', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const ended = await probe(['wait'], { onStderr: on({ waiting: signal }) });
      assert.deepEqual(ended, {
        code,
        signal: null,
        stdout: '',
        stderr: 'waiting\nError: stopped before it was done\n',
      });
    }
  });

  it('is in the JSON document too', async () => {
    const { stdout } = await probe(['wait', '--json'], { onStderr: on({ waiting: 'SIGTERM' }) });
    const { error } = JSON.parse(stdout) as { error: { kind: string; exitCode: number } };
    assert.deepEqual([error.kind, error.exitCode], ['cancelled', 143]);
  });

  it('ends a run that does not mind it when SIGINT comes a second time', async () => {
    const { code, signal } = await probe(['wait', '--stubborn'], {
      onStderr: on({ waiting: 'SIGINT', 'not yet': 'SIGINT' }),
    });
    assert.deepEqual([code, signal], [null, 'SIGINT']);
  });

  it('ends a run that waits for a file that nobody writes to, which Node.js itself would wait for', {
    skip: process.platform === 'win32' && 'needs mkfifo',
  }, async (t) => {
    const fifo = join(await testFolder(t), 'fifo');
    assert.equal((await run('mkfifo', [fifo])).code, 0);
    const { code, signal } = await probe(['wait', '--stubborn', '--file', fifo], {
      onStderr: on({ waiting: 'SIGINT', 'not yet': 'SIGINT' }),
    });
    assert.deepEqual([code, signal], [null, 'SIGINT']);
  });

  it('does not fail a run that was done all the same', async () => {
    const ended = await probe(['wait', '--finish'], { onStderr: on({ waiting: 'SIGINT' }) });
    assert.deepEqual([ended.code, ended.stdout], [0, 'finished\n']);
  });
});
