import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelledError, StorageError } from '../../src/foundation/errors.ts';
import { readError, writeError } from '../../src/foundation/file-errors.ts';

const thrown = (code: string) => Object.assign(new Error(`${code}: no`), { code });

describe('errors of the file system', () => {
  it('say what could not be done, and what to do about it', () => {
    const error = writeError(thrown('ENOSPC'), 'cannot write /a');
    assert.ok(error instanceof StorageError);
    assert.equal(error.message, 'cannot write /a: ENOSPC: no');
    assert.match(error.hint ?? '', /make room/);
    assert.match(writeError(thrown('EFBIG'), 'cannot write /a').hint ?? '', /ulimit -f/);
  });

  it('have other advice for who may not read than for who may not write', () => {
    assert.match(readError(thrown('EACCES'), '/a').hint ?? '', /may not read/);
    assert.match(writeError(thrown('EACCES'), 'cannot write /a').hint ?? '', /may not write/);
    assert.match(readError(thrown('EISDIR'), '/a').hint ?? '', /Name a file/);
  });

  it('are none where a signal has ended the stream', () => {
    const reason = new Error('too late');
    const aborted = (cause: unknown) =>
      Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError' });
    const error = writeError(aborted(reason), 'cannot write /a');
    assert.ok(error instanceof CancelledError);
    assert.equal(error.cause, reason);
    assert.equal(readError(aborted(AbortSignal.abort().reason), '/a').cause, undefined);
  });

  it('keep the code that was asked for, and have no hint where none is known', () => {
    const error = readError(thrown('EIO'), 'the policy /a', 'POLICY_UNREADABLE');
    assert.equal(error.code, 'POLICY_UNREADABLE');
    assert.equal(error.hint, undefined);
    assert.equal(error.message, 'cannot read the policy /a: EIO: no');
  });
});
