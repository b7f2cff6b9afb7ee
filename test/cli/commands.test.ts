/** What holds for every command there is. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../../src/cli/full-run.ts';

const config = await loadConfig({ root: new URL('../../', import.meta.url), tree: 'src' });
const commands = config.commands.filter((command) => !command.hidden);

/** Commands that write nothing, the one that serves others who write, and one that writes with `--repair` alone. */
const onlyRead = [
  'completion',
  'image inspect',
  'manifest diff',
  'manifest exists',
  'manifest inspect',
  'manifest ls',
  'registry serve',
  'store ls',
  'store path',
  'store verify',
  'verify',
];

describe('every command', () => {
  for (const command of commands) {
    const name = command.id.replaceAll(':', ' ');

    it(`${name}: says in one short sentence what it does, and how it is used`, () => {
      assert.match(command.summary ?? '', /^[A-Z][^\n]{3,90}\.$/);
      assert.ok((command.examples ?? []).length > 0, 'there is no example');
      for (const example of command.examples ?? []) {
        const line = typeof example === 'string' ? example : example.command;
        assert.ok(line.includes('<%= config.bin %> <%= command.id %>'), line);
      }
    });

    it(`${name}: describes every flag and argument that it shows`, () => {
      for (const [flag, shape] of Object.entries(command.flags)) {
        if (shape.hidden) continue;
        assert.match(shape.summary ?? '', /^[A-Z].*\.$/s, `--${flag}`);
        // "=<value>" says nothing
        if (shape.type === 'option') assert.ok(shape.helpValue, `--${flag} has no name for its value`);
      }
      for (const [arg, shape] of Object.entries(command.args))
        assert.match(shape.description ?? '', /^[A-Z].*\.$/s, arg);
    });

    it(`${name}: takes one value for each mention of a flag`, async () => {
      // oclif's cached form of a command leaves this out
      const { flags, baseFlags } = await command.load();
      for (const [flag, shape] of Object.entries({ ...baseFlags, ...flags })) {
        if (shape.type !== 'option' || !shape.multiple) continue;
        assert.ok(shape.multipleNonGreedy, `--${flag} would swallow the arguments after it`);
      }
    });

    it(`${name}: has the common flags`, () => {
      for (const flag of ['json', 'quiet', 'log-level']) assert.ok(command.flags[flag], `--${flag}`);
      assert.deepEqual(
        Object.values(command.flags).filter(({ char }) => char === 'h'),
        [],
      );
    });

    it(`${name}: has --dry-run if it writes`, () => {
      assert.equal(command.flags['dry-run'] === undefined, onlyRead.includes(name));
    });

    it(`${name}: belongs to a topic that is described`, () => {
      const topic = name.includes(' ') ? name.split(' ')[0] : undefined;
      if (topic !== undefined) assert.ok(config.topics.find((one) => one.name === topic)?.description);
    });
  }
});
