import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { Answer } from '../../src/distribution/exchange.ts';
import { readErrorBody, readSmallBody } from '../../src/distribution/small-body.ts';
import { TryFailure } from '../../src/distribution/try-failure.ts';

/** An answer whose body was cut before anybody looked at it. */
async function cutAnswer(): Promise<Answer> {
  const body = new Readable({ read() {} }).on('error', () => {});
  await new Promise<void>((resolve) => body.once('close', resolve).destroy(new Error('cut')));
  return { status: 404, headers: {}, url: new URL('http://127.0.0.1/v2/'), body };
}

test('what could not be read of an error is nothing, also where it was cut before anybody read', async () => {
  assert.equal((await readErrorBody(await cutAnswer(), 1000)).byteLength, 0);
});

test('a small body that was cut before anybody read is a failure', async () => {
  const options = { what: 'read it', maxBytes: 10, timeoutMs: 1000, tooLarge: () => assert.fail() };
  await assert.rejects(readSmallBody(await cutAnswer(), options), TryFailure);
});
