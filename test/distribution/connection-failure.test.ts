/** What is said of connections that fail, where a real one cannot be had: the answer of localhost depends on the machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionFailure } from '../../src/distribution/connection-failure.ts';
import { ExchangeFailure } from '../../src/distribution/exchange.ts';
import { TryFailure } from '../../src/distribution/try-failure.ts';

function hintFor(host: string): string {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const url = new URL(`https://${host}/v2/app/manifests/1`);
  const failure = connectionFailure(new ExchangeFailure('connect', refused), { what: 'read it', url });
  assert.ok(failure instanceof TryFailure);
  return failure.options.toError(1).hint ?? '';
}

test('where no registry is called localhost, the hint says how images of podman and buildah are named', () => {
  assert.match(hintFor('localhost'), /containers-storage:localhost\/NAME.*`sheaf manifest ls`/);
  for (const host of ['localhost:5000', 'quay.io']) assert.match(hintFor(host), /^Check the name of the registry/);
});
