/** The lean way to run a command leans on oclif's internals: it must do what oclif's own way does, to the letter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runProbe } from './support/program.ts';

const cases: Readonly<Record<string, readonly string[]>> = {
  'arguments and flags': ['probe', 'echo', 'a', 'b', 'c', '--annotation', 'x=1,2', '--annotation=y', '--os', 'linux'],
  '--json': ['probe', 'echo', 'a', '--json', '--all', '--tls-verify=false'],
  'the last of several': ['probe', 'echo', 'a', '--os=x', '--os=y', '--all', '--all=false'],
  'an unknown flag': ['probe', 'echo', 'a', '--osx', 'linux'],
  'an unknown flag with --json': ['probe', 'echo', 'a', '--json', '--osx', 'linux'],
  'a flag without its value': ['probe', 'echo', 'a', '--os'],
  'a bad value': ['probe', 'echo', 'a', '--parallel', 'many'],
  'a value out of range': ['probe', 'echo', 'a', '--parallel', '0'],
  'a bad value of a parser of ours': ['probe', 'echo', 'a', '--progress', 'loud', '--retry-delay', '3x'],
  'flags that contradict each other': ['probe', 'echo', 'a', '--insecure', '--tls-verify'],
  'too few arguments': ['probe', 'echo'],
  'too many arguments': ['probe', 'fail', 'a', 'b'],
  'an error of ours': ['probe', 'fail', 'not-found'],
  'an error of ours with --json': ['probe', 'fail', 'not-found', '--json'],
  'a defect': ['probe', 'fail', 'defect'],
  'a status of its own': ['probe', 'fail', 'status'],
  'a status of its own with --json': ['probe', 'fail', 'status', '--json'],
  events: ['probe', 'tell', '--progress=plain', '--log-level', 'info'],
};

describe('the lean way to run a command', () => {
  for (const [name, argv] of Object.entries(cases)) {
    it(`does what the full way does: ${name}`, async () => {
      const [lean, full] = await Promise.all([runProbe('lean', argv), runProbe('full', argv)]);
      assert.deepEqual(lean, full);
      assert.notEqual(`${lean.stdout}${lean.stderr}${lean.code}`, '0', 'the case does nothing');
    });
  }
});
