import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { watchSignals } from '../../src/cli/signals.ts';
import { CancelledError } from '../../src/foundation/errors.ts';

function watched() {
  const source = new EventEmitter();
  const exits: number[] = [];
  const stops: string[] = [];
  const givenUp: unknown[] = [];
  const watch = watchSignals({
    source,
    exit: (code) => exits.push(code),
    onStop: (signal) => stops.push(signal),
    giveUp: (code, error) => givenUp.push(code, error),
  });
  return { source, exits, stops, givenUp, watch };
}

describe('watchSignals', () => {
  it('aborts at the first signal and tells which', () => {
    const { source, exits, stops, watch } = watched();
    assert.equal(watch.signal.aborted, false);
    assert.equal(watch.received, undefined);
    source.emit('SIGTERM');
    assert.equal(watch.signal.aborted, true);
    assert.ok(watch.signal.reason instanceof CancelledError);
    assert.equal(watch.received, 'SIGTERM');
    assert.deepEqual(stops, ['SIGTERM']);
    assert.deepEqual(exits, []);
  });

  it('ends the process at the second SIGINT, with 130', () => {
    const { source, exits, stops, watch } = watched();
    source.emit('SIGINT');
    assert.deepEqual(exits, []);
    source.emit('SIGINT');
    assert.deepEqual(exits, [130]);
    assert.deepEqual(stops, ['SIGINT']);
    assert.equal(watch.received, 'SIGINT');
  });

  it('does not take a SIGTERM for impatience', () => {
    const { source, exits } = watched();
    source.emit('SIGINT');
    source.emit('SIGTERM');
    assert.deepEqual(exits, []);
  });

  it('gives up on a run that has not stopped in time, and on no other', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const late = watched();
    late.source.emit('SIGTERM');
    t.mock.timers.tick(2999);
    assert.deepEqual(late.givenUp, []);
    t.mock.timers.tick(1);
    assert.deepEqual(late.givenUp, [143, late.watch.signal.reason]);
    const intime = watched();
    intime.source.emit('SIGINT');
    intime.watch[Symbol.dispose]();
    t.mock.timers.tick(10_000);
    assert.deepEqual(intime.givenUp, []);
  });

  it('leaves no listener behind', () => {
    const { source, watch } = watched();
    watch[Symbol.dispose]();
    assert.deepEqual([source.listenerCount('SIGINT'), source.listenerCount('SIGTERM')], [0, 0]);
  });
});
