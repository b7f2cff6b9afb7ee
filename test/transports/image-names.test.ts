/** Which texts name a transport, and which are names of images. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDestination, parseLocation, transportOf } from '../../src/transports/image-names.ts';

describe('a name without a transport', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  for (const text of [
    'alpine:3',
    `alpine@${digest}`,
    `alpine:3@${digest}`,
    'localhost:5000/a:1',
    `h.example:5000/a/b:1@${digest}`,
    '[::1]:5000/a:1',
    '[::1]/a',
    'dirs:1',
  ]) {
    it(`is left to others: ${text}`, () => {
      assert.equal(parseLocation(text), undefined);
      assert.equal(parseDestination(text).transport, 'docker');
    });
  }
});

describe('a transport that there is not', () => {
  for (const [text, hint] of [
    ['nope://a', /^Supported are docker:/],
    ['ocl:/tmp/x', /oci:\/tmp\/x/],
    ['oc:rel:multi', /oci:rel:multi/],
    ['oci-archve:x.tar', /oci-archive:x\.tar.*docker:\/\/oci-archve:x\.tar/],
    ['dcoker-archive:x.tar', /docker-archive:x\.tar/],
    ['foo:./x', /^Supported are/],
  ] as const) {
    it(`is refused, with what was meant: ${text}`, () => {
      assert.throws(() => parseLocation(text), { code: 'UNKNOWN_TRANSPORT', hint });
    });
  }
});

it('a transport is told from other beginnings', () => {
  const texts = ['oci:x', 'docker://a', 'tarball:1', 'app:1.0', 'oci', 'localhost/oci:x', '', 'ocix:1'];
  assert.deepEqual(texts.map(transportOf), ['oci', 'docker', 'tarball', ...Array(5).fill(undefined)]);
});

describe('a password in front of a name', () => {
  for (const name of ['me:hunter2@quay.io/a', 'me:hun:ter2@quay.io/a', 'docker://me:hunter2@quay.io/a']) {
    it(`is shown nowhere: ${name.length} characters`, () => {
      assert.throws(() => parseDestination(name), { message: /"\*\*\*@quay\.io\/a": credentials do not belong/ });
    });
  }
});
