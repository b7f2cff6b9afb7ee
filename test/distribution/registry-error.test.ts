import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseErrorBody, printable, refusal } from '../../src/distribution/registry-error.ts';
import { AuthError, NotFoundError, RegistryError, UnsupportedError } from '../../src/foundation/errors.ts';

const json = 'application/json';
const body = (text: string, type: string = json) => parseErrorBody(type, Buffer.from(text));
const context = { what: 'read the manifest r.test/a:1', host: 'r.test' };

test('the list of errors of a registry', () => {
  const parsed = body('{"errors":[{"code":"DENIED","message":"no","detail":"quota"},{"code":"TOOMANYREQUESTS"}]}');
  assert.deepEqual(parsed.entries, [
    { code: 'DENIED', message: 'no', detail: 'quota' },
    { code: 'TOOMANYREQUESTS', message: '' },
  ]);
  assert.equal(parsed.text, 'DENIED: no (quota); TOOMANYREQUESTS');
});

test('other forms: a bare object, text, nothing, a web page', () => {
  assert.equal(body('{"error":"invalid_grant","error_description":"expired"}').text, 'invalid_grant: expired');
  assert.equal(body('404 page not found\n', 'text/plain').text, '404 page not found');
  assert.equal(body('').text, '');
  const html = body('<!DOCTYPE html><html><head><title>Bad\n Gateway</title>', 'text/plain');
  assert.deepEqual([html.html, html.text], [true, 'Bad Gateway']);
  assert.equal(body('<div>', 'text/html; charset=utf-8').html, true);
  assert.equal(body('{"errors":[]}', 'text/html').html, false);
});

test('nothing of it can spoil a terminal or show a secret', () => {
  assert.equal(printable('a\u001b[31m\r\nb\u202Ec', 100), 'a [31m b c');
  assert.equal(printable('Authorization: Bearer abcdefgh.ijk', 100), 'Authorization: Bearer ***');
  assert.equal(printable('x'.repeat(500), 10), `${'x'.repeat(10)}...`);
  assert.ok(body(`{"errors":[{"code":"A","message":"${'y'.repeat(5000)}"}]}`).text.length < 400);
});

test('each refusal becomes the error whose exit code fits', () => {
  const of = (status: number, text = '', type = json) => refusal(body(text, type), { ...context, status });
  assert.ok(of(401) instanceof AuthError);
  assert.ok(of(403) instanceof AuthError);
  assert.equal(of(403).code, 'DENIED');
  assert.ok(of(404) instanceof NotFoundError);
  assert.equal(of(404, '{"errors":[{"code":"NAME_UNKNOWN","message":"x"}]}').code, 'NAME_UNKNOWN');
  assert.ok(of(400, '{"errors":[{"code":"UNKNOWN","message":"artifact not found"}]}') instanceof NotFoundError);
  assert.ok(of(404, '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"x"}]}') instanceof RegistryError);
  assert.ok(of(405) instanceof UnsupportedError);
  assert.equal(of(429).code, 'TOOMANYREQUESTS');
  assert.equal(of(413).code, 'TOO_LARGE');
  const failed = of(503, 'overloaded', 'text/plain');
  assert.ok(failed instanceof RegistryError && failed.status === 503);
  assert.equal(
    failed.message,
    'cannot read the manifest r.test/a:1: r.test answered 503 Service Unavailable (overloaded)',
  );
  assert.ok(failed.hint);
  const page = of(404, '<html><title>It works!</title>', 'text/html');
  assert.equal(page.code, 'NOT_A_REGISTRY');
  assert.match(page.message, /with a web page titled "It works!"/);
  assert.match(page.hint ?? '', /Is this a registry\?/);
  assert.doesNotMatch(page.hint ?? '', /certificate/);
  const nginx = of(400, '<html><title>400 No required SSL certificate was sent</title>', 'text/html');
  assert.match(nginx.hint ?? '', /if it wants a client certificate, .*--cert-dir\.$/);
  // a proxy before a real registry
  assert.notEqual(of(502, '<html>', 'text/html').code, 'NOT_A_REGISTRY');
});

test('too large and no room left are no matters of logging in, nor of what a registry is', () => {
  const proxy = refusal(body('<html><title>413 Request Entity Too Large</title>', 'text/html'), {
    ...context,
    status: 413,
  });
  assert.ok(proxy instanceof RegistryError);
  assert.equal(proxy.code, 'TOO_LARGE');
  assert.match(proxy.hint ?? '', /limits the size/);
  for (const message of [
    'quota exceeded: 1GB',
    // Harbor
    'adding 29.0 MiB of storage resource, which when updated to current usage of 152.4 MiB will exceed the configured upper limit of 10.0 MiB.',
  ]) {
    const full = body(JSON.stringify({ errors: [{ code: 'DENIED', message }] }));
    const quota = refusal(full, { ...context, status: 403 });
    assert.ok(quota instanceof RegistryError);
    assert.match(quota.hint ?? '', /no room left/);
  }
  const full = refusal(body('{"errors":[{"code":"UNKNOWN","message":"write /a: no space left on device"}]}'), {
    ...context,
    status: 500,
  });
  const webdav = refusal(body(''), { ...context, status: 507 });
  for (const error of [full, webdav]) assert.match(error.hint ?? '', /no room left/);
  assert.match(webdav.message, /507 Insufficient Storage$/);
});

test('a refusal by another host, to which the registry had sent us, is no matter of logging in', () => {
  const error = refusal(body(''), { ...context, host: 'cdn.test', status: 403, foreign: true });
  assert.ok(error instanceof RegistryError);
});

test('plain HTTP that a registry with TLS refuses: the hint speaks of certificates', () => {
  const answered = body('Client sent an HTTP request to an HTTPS server.\n', 'text/plain');
  const { hint } = refusal(answered, { ...context, status: 400 });
  assert.match(hint ?? '', /speaks TLS.*--cert-dir/);
});

test('a blob that has gone before its manifest came: the next run sends it', () => {
  const answered = body('{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}');
  for (const status of [400, 404]) {
    const error = refusal(answered, { ...context, what: 'write the manifest r.test/a:1', status });
    assert.ok(error instanceof RegistryError);
    assert.match(error.hint ?? '', /run the command again.*left out of the copy/);
  }
});
