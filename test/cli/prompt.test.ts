import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { askChoice, askLine, askSecret, type Terminal } from '../../src/cli/prompt.ts';
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
  const screen = new PassThrough();
  const controller = new AbortController();
  const signals = new EventEmitter();
  const raised: NodeJS.Signals[] = [];
  const made: Terminal = {
    // a stream of a terminal has more than a prompt needs
    stdin: stdin as unknown as NodeJS.ReadStream,
    screen,
    signal: controller.signal,
    signals,
    raise: (name) => void raised.push(name),
  };
  return { made, stdin, controller, signals, raised, shown: () => String(screen.read() ?? '') };
}

const secrets: Array<[string, string, string]> = [
  ['what is typed', 'pä ss\r', 'pä ss'],
  ['corrections', 'pax\u007f\u007fass€\b\n', 'pass'],
  ['a line begun anew', 'wrong\u0015right\r', 'right'],
  ['a word begun anew', 'two wrng \u0017words\r', 'two words'],
  ['blanks at the ends', ' pass \r', ' pass '],
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

test('a secret: arrows and function keys are no part of it', async () => {
  const { made, stdin } = terminal();
  const asked = askSecret(made, 'Password: ', 'no password');
  for (const key of ['p', '\u001b[D', '\u001bOP', '\u001b[3~', '[', 'w', '\r']) stdin.write(key);
  assert.equal(await asked, 'p[w');
});

test('a secret: Ctrl-Z gives the terminal back, and it is asked on when the run goes on', async () => {
  const { made, stdin, signals, raised, shown } = terminal();
  const asked = askSecret(made, 'Password: ', 'no password');
  stdin.write('pa\u001a');
  await new Promise(setImmediate);
  // one that no shell stops is not to show what is typed after it
  assert.deepEqual([raised, stdin.raw, shown()], [['SIGTSTP'], [true, false, true], 'Password: \n']);
  signals.emit('SIGCONT');
  assert.deepEqual([stdin.raw.at(-1), shown()], [true, 'Password: ']);
  stdin.write('ss\r');
  assert.equal(await asked, 'pass');
  assert.equal(stdin.raw.at(-1), false);
  assert.deepEqual(signals.eventNames(), []);
});

test('a secret: a signal that ends the process finds the terminal as it was', async () => {
  for (const name of ['SIGHUP', 'SIGQUIT'] as const) {
    const { made, stdin, signals, raised } = terminal();
    const asked = askSecret(made, 'Password: ', 'no password');
    signals.emit(name, name);
    assert.deepEqual([raised, stdin.raw.at(-1), signals.eventNames()], [[name], false, []]);
    stdin.write('\r');
    await asked;
  }
});

test('a secret: the end of the input ends it', async () => {
  const { made, stdin } = terminal();
  const asked = askSecret(made, 'Password: ', 'no password');
  stdin.end('half');
  await assert.rejects(asked, CancelledError);
  assert.deepEqual(stdin.raw, [true, false]);
});

test('what is pasted in several lines answers several questions', async () => {
  for (const end of ['\r', '\n', '\r\n']) {
    const { made, stdin } = terminal();
    stdin.write(['me', 'one', 'two', ''].join(end));
    assert.equal(await askLine(made, 'Username: ', 'no user name'), 'me');
    assert.equal(await askSecret(made, 'First: ', 'no password'), 'one');
    assert.equal(await askSecret(made, 'Second: ', 'no password'), 'two');
  }
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
