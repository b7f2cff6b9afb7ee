import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createOutput } from '../../src/cli/output.ts';
import { sheaf } from './support/program.ts';

const probe = fileURLToPath(new URL('support/probe/bin.ts', import.meta.url));

describe('createOutput', () => {
  it('prints the text form of a result, or the JSON form in its place', async () => {
    const forms = [false, true].map(async (json) => {
      const stream = new PassThrough();
      const output = createOutput(stream, json);
      output.print('line');
      output.raw(Buffer.from([0x00, 0xff]));
      output.json({ a: 1 });
      stream.end();
      return Buffer.concat(await stream.toArray()).toString('latin1');
    });
    assert.deepEqual(await Promise.all(forms), ['line\n\x00\xff{\n  "a": 1\n}\n', '\x00\xff{\n  "a": 1\n}\n']);
  });
});

describe('stdout that fails', () => {
  it('fails the run when it cannot hold the result', {
    skip: process.platform !== 'linux' && 'needs /dev/full',
  }, async () => {
    for (const flag of ['-q', '--json']) {
      const full = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, [probe, 'lean', 'probe', 'tell', flag], {
        stdio: ['ignore', full, 'pipe'],
      });
      closeSync(full);
      const code = new Promise((resolve) => child.on('close', resolve));
      assert.match(await text(child.stderr ?? new PassThrough()), /^Error: cannot write to stdout: ENOSPC/m, flag);
      assert.equal(await code, 9);
    }
  });

  it('fails --version too, without a stack trace', {
    skip: process.platform !== 'linux' && 'needs /dev/full',
  }, async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [sheaf, '--version'], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    const code = new Promise((resolve) => child.on('close', resolve));
    assert.match(await text(child.stderr ?? new PassThrough()), /^Error: cannot write to stdout: ENOSPC[^\n]*\n$/);
    assert.equal(await code, 9);
  });

  it('does not matter where nothing is written', {
    skip: process.platform !== 'linux' && 'needs /dev/full',
  }, async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [probe, 'lean', 'probe', 'tell', '-q'], { stdio: ['ignore', 'pipe', full] });
    closeSync(full);
    child.stdout?.resume();
    assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0);
  });

  it('does not matter when it is a reader that went away', async () => {
    const child = spawn(process.execPath, [probe, 'lean', 'probe', 'wait', '--finish'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = new Promise((resolve) => child.on('close', resolve));
    child.stdout.destroy();
    child.stderr.setEncoding('utf8');
    let said = '';
    child.stderr.on('data', (more: string) => {
      said += more;
      if (said === 'waiting\n') child.kill('SIGINT');
    });
    assert.equal(await code, 0);
    assert.equal(said, 'waiting\n');
  });
});

describe('stderr that fails', () => {
  it('does not hide how the run has failed', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async () => {
    for (const flags of [[], ['--progress', 'json']]) {
      const full = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, [probe, 'lean', 'probe', 'fail', 'not-found', ...flags], {
        stdio: ['ignore', 'ignore', full],
      });
      closeSync(full);
      assert.equal(await new Promise((resolve) => child.on('close', resolve)), 3, flags.join(' '));
    }
  });
});
