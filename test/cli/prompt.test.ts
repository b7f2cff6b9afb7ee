import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askChoice, askLine, askSecret, secretAsker, type Terminal } from '../../src/cli/prompt.ts';
import { CancelledError, UsageError } from '../../src/foundation/errors.ts';

/** A terminal of two pipes. */
function terminal(isTTY = true) {
  const stdin = Object.assign(new PassThrough(), {
    isTTY,
    raw: [] as boolean[],
    setRawMode(mode: boolean) {
      stdin.raw.push(mode);
      return stdin;
    },
  });
  const stderr = new PassThrough();
  const controller = new AbortController();
  // streams of a terminal have more than a prompt needs
  const made: Terminal = {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: controller.signal,
  };
  return { made, stdin, controller, shown: () => String(stderr.read() ?? '') };
}

const secrets: Array<[string, string, string]> = [
  ['what is typed', 'pä ss\r', 'pä ss'],
  ['corrections', 'pax\u007f\u007fass€\b\n', 'pass'],
  ['a line begun anew', 'wrong\u0015right\r', 'right'],
  ['nothing', '\r', ''],
];

for (const [name, keys, expected] of secrets) {
  test(`a secret: ${name}; nothing of it is shown`, async () => {
    const { made, stdin, shown } = terminal();
    const asked = askSecret(made, 'Password: ', 'no password');
    for (const key of keys) stdin.write(key);
    assert.equal(await asked, expected);
    assert.equal(shown(), 'Password: \n');
    assert.deepEqual(stdin.raw, [true, false]);
  });
}

test('a secret: Ctrl-C, Ctrl-D and a run that is stopped end it, and the terminal is as before', async () => {
  for (const stop of ['\u0003', '\u0004', undefined]) {
    const { made, stdin, controller } = terminal();
    const asked = askSecret(made, 'Password: ', 'no password');
    if (stop === undefined) controller.abort();
    else stdin.write(stop);
    await assert.rejects(asked, CancelledError);
    assert.deepEqual(stdin.raw, [true, false]);
  }
});

test('secrets: several who ask at once get their answers one after the other', async () => {
  const { made, stdin, shown } = terminal();
  const ask = secretAsker(made, 'no passphrase');
  const answers = Promise.all([ask('First: '), ask('Second: ')]);
  await new Promise(setImmediate);
  assert.equal(shown(), 'First: ');
  stdin.write('one\r');
  await new Promise(setImmediate);
  assert.equal(shown(), '\nSecond: ');
  stdin.write('two\r');
  assert.deepEqual(await answers, ['one', 'two']);
});

test('a line', async () => {
  const { made, stdin, shown } = terminal();
  const asked = askLine(made, 'Username: ', 'no user name');
  stdin.write(' me \n');
  assert.equal(await asked, 'me');
  assert.match(shown(), /^Username: /);
});

test('a line: the end of the input ends it', async () => {
  const { made, stdin } = terminal();
  const asked = askLine(made, 'Username: ', 'no user name');
  stdin.end();
  await assert.rejects(asked, CancelledError);
});

test('without a terminal nobody is asked', async () => {
  const { made } = terminal(false);
  const expected = {
    code: 'NO_TERMINAL',
    message: 'no password is given, and there is no terminal on which to ask for it',
  };
  await assert.rejects(async () => askSecret(made, '?', 'no password is given'), expected);
  await assert.rejects(askLine(made, '?', 'no password is given'), UsageError);
});

test('a choice: by number or by text, asked again until it is one', async () => {
  for (const [typed, expected] of [
    ['2', 'b.test/app'],
    ['a.test/app', 'a.test/app'],
  ] as const) {
    const { made, stdin, shown } = terminal();
    const asked = askChoice(made, 'Which?', ['a.test/app', 'b.test/app']);
    stdin.write('3\n');
    await new Promise(setImmediate);
    stdin.write(`${typed}\n`);
    assert.equal(await asked, expected);
    assert.match(shown(), /^Which\?\n {2}1 {2}a\.test\/app\n {2}2 {2}b\.test\/app\nNumber \(1 to 2\): /);
  }
  await assert.rejects(askChoice(terminal(false).made, 'Which?', ['a', 'b']), { code: 'NO_TERMINAL' });
});
