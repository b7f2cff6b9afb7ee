import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { TarPacker } from '../../src/archive/tar-packer.ts';

const content = Buffer.alloc(1 << 20, 'x');

/** An archive whose output has taken the first file and takes no more. */
async function stalled(signal?: AbortSignal): Promise<{ packer: TarPacker; output: Writable }> {
  const output = new Writable({ write() {} });
  const packer = new TarPacker(output, signal);
  await packer.file('first', content, 0o644);
  return { packer, output };
}

/** What nobody has caught until it is asked for. */
function uncaughtOf(t: TestContext): () => Promise<readonly Error[]> {
  const errors: Error[] = [];
  const listener = (error: Error) => void errors.push(error);
  process.on('uncaughtExceptionMonitor', listener);
  t.after(() => process.off('uncaughtExceptionMonitor', listener));
  return async () => {
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    return errors;
  };
}

describe('an archive that is given up in the middle of an entry', () => {
  const entries: Record<string, (packer: TarPacker) => Promise<void>> = {
    'a file': (packer) => packer.file('a', content, 0o644),
    'a stream': (packer) => packer.stream('a', content.byteLength, Readable.from([content]), 0o644),
  };
  for (const [what, write] of Object.entries(entries)) {
    it(`by its signal: ${what}`, async (t) => {
      const uncaught = uncaughtOf(t);
      const stop = new AbortController();
      const { packer } = await stalled(stop.signal);
      const writing = assert.rejects(write(packer), { name: 'AbortError' });
      await setImmediate();
      stop.abort();
      await writing;
      await assert.rejects(packer.folder('b', 0o755), { name: 'AbortError' });
      await packer.abort();
      assert.deepEqual(await uncaught(), []);
    });

    it(`by an output that breaks: ${what}`, async (t) => {
      const uncaught = uncaughtOf(t);
      const { packer, output } = await stalled();
      const writing = assert.rejects(write(packer), { message: 'no room' });
      await setImmediate();
      output.destroy(new Error('no room'));
      await writing;
      await assert.rejects(packer.finish(), { message: 'no room' });
      await packer.abort();
      assert.deepEqual(await uncaught(), []);
    });
  }
});
