import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asSheafError, errorDocument, failureDocument, formatError } from '../../src/cli/error-view.ts';
import {
  BugError,
  CancelledError,
  IntegrityError,
  NotFoundError,
  RegistryError,
  UsageError,
} from '../../src/foundation/errors.ts';

describe('formatError', () => {
  it('says what failed, why, and what to do', () => {
    const error = new NotFoundError('no list "app"', {
      cause: new Error('the table is empty', { cause: new Error('the disk is new') }),
      hint: 'See `sheaf manifest ls`.',
    });
    assert.equal(
      formatError(error),
      'Error: no list "app"\n  because: the table is empty\n    because: the disk is new\nhint: See `sheaf manifest ls`.',
    );
  });

  it('does not say anything twice', () => {
    const cause = new Error('connection refused', { cause: new Error('refused') });
    assert.equal(
      formatError(new RegistryError('GET x: connection refused', { cause })),
      'Error: GET x: connection refused',
    );
  });

  it('stays finite when a cause leads back', () => {
    const error = new Error('inner');
    error.cause = error;
    assert.equal(formatError(new UsageError('outer', { cause: error })), 'Error: outer\n  because: inner');
  });

  it('takes a cause that is no error as text', () => {
    assert.match(formatError(new UsageError('outer', { cause: 'thrown text' })), /because: thrown text/);
  });

  it('keeps secrets out of message, cause and hint', () => {
    const secret = 'https://me:hunter2@registry.example/v2/';
    const text = formatError(new RegistryError(`GET ${secret}`, { cause: new Error(`at ${secret}`), hint: secret }), {
      stack: true,
    });
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /registry\.example/);
  });

  it('shows where it was thrown only when asked', () => {
    const error = new BugError('impossible', { cause: new TypeError('x is undefined') });
    assert.doesNotMatch(formatError(error), / at .*error-view/);
    assert.match(formatError(error, { stack: true }), /BugError: impossible\n {4}at .*error-view/);
    assert.match(formatError(error, { stack: true }), /caused by TypeError: x is undefined/);
  });

  it('asks for a report of a defect', () => {
    assert.match(formatError(asSheafError(new TypeError('x is not a function'))), /hint: .*please report/);
  });
});

describe('asSheafError', () => {
  it('leaves errors of ours alone', () => {
    const error = new UsageError('x');
    assert.equal(asSheafError(error), error);
  });

  it('takes anything else for a defect of ours, and keeps it as the cause', () => {
    const thrown = new TypeError('x is not a function');
    const error = asSheafError(thrown);
    assert.equal(error.kind, 'bug');
    assert.equal(error.exitCode, 1);
    assert.equal(error.cause, thrown);
    assert.equal(asSheafError('text').message, 'text');
  });

  it('does not take a working directory that was removed for a defect', () => {
    // as Node.js throws it
    const missing = (syscall: string): Error => Object.assign(new Error('ENOENT: no'), { code: 'ENOENT', syscall });
    const error = asSheafError(missing('uv_cwd'));
    assert.deepEqual([error.kind, error.code], ['storage', 'NO_WORKING_DIRECTORY']);
    assert.equal(asSheafError(missing('open')).kind, 'bug');
  });

  it('tells what failed first where clearing away failed too', () => {
    const first = new UsageError('the name is wrong');
    assert.equal(asSheafError(new SuppressedError(new Error('the folder is gone'), first)), first);
  });

  it('takes whatever breaks while the run is being stopped for the stop', () => {
    assert.equal(asSheafError(new TypeError('terminated'), true).kind, 'cancelled');
    assert.equal(asSheafError(new RegistryError('cut'), true).exitCode, 130);
    const own = new CancelledError();
    assert.equal(asSheafError(own, true), own);
  });
});

describe('errorDocument', () => {
  it('has what a program needs, in one stable shape', () => {
    const error = new RegistryError('GET x: 500', {
      status: 500,
      errors: [{ code: 'UNKNOWN', message: 'oops', detail: { secret: 1 } }],
      cause: new Error('why'),
      side: 'source',
    });
    assert.deepEqual(errorDocument(error), {
      kind: 'registry',
      code: 'REGISTRY',
      message: 'GET x: 500',
      hint: undefined,
      exitCode: 8,
      causes: ['why'],
      side: 'source',
      status: 500,
      errors: [{ code: 'UNKNOWN', message: 'oops' }],
    });
  });

  it('tells the exit code that the process really has', () => {
    assert.equal(errorDocument(new CancelledError(), 143).exitCode, 143);
    assert.equal(errorDocument(new IntegrityError('x')).exitCode, 6);
  });
});

describe('failureDocument', () => {
  it('has what was done beside the error', () => {
    const error = new NotFoundError('b: image not known');
    assert.deepEqual(Object.keys(failureDocument(error)), ['error']);
    error.done = { deleted: ['a'] };
    assert.deepEqual(failureDocument(error, 3), { deleted: ['a'], error: errorDocument(error, 3) });
  });
});
