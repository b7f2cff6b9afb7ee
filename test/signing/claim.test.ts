import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClaimFamily, encodeClaim, parseClaim } from '../../src/signing/claim.ts';

const digest = `sha256:${'a1'.repeat(32)}` as const;
const claim = { digest, identity: '127.0.0.1:5987/ns/app:v1' };
const bytes = (text: string): Uint8Array => Buffer.from(text);

function payload(changes: { critical?: string; optional?: string; more?: string; type?: string } = {}): Uint8Array {
  const type = changes.type ?? '"atomic container signature"';
  const critical =
    changes.critical ??
    `{"identity":{"docker-reference":"a/b:c"},"image":{"docker-manifest-digest":"${digest}"},"type":${type}}`;
  return bytes(`{"critical":${critical},"optional":${changes.optional ?? '{}'}${changes.more ?? ''}}`);
}

const rejects = (family: ClaimFamily, text: Uint8Array, why: RegExp): void =>
  assert.throws(() => parseClaim(family, text), { name: 'IntegrityError', code: 'BAD_CLAIM', message: why });

describe('encodeClaim', () => {
  it('writes the bytes that containers/image writes', () => {
    const written = encodeClaim('simple', claim, { creator: 'atomic 5.39.1', timestamp: 1795228888.7 });
    assert.equal(
      Buffer.from(written).toString(),
      `{"critical":{"identity":{"docker-reference":"127.0.0.1:5987/ns/app:v1"},"image":{"docker-manifest-digest":"${digest}"},"type":"atomic container signature"},"optional":{"creator":"atomic 5.39.1","timestamp":1795228888}}`,
    );
  });

  it('writes what it can read, in either family', () => {
    for (const family of ['simple', 'sigstore'] as const) {
      const { optional: _, ...parsed } = parseClaim(family, encodeClaim(family, claim, { creator: 'x', timestamp: 7 }));
      assert.deepEqual(parsed, { ...claim, creator: 'x', timestamp: 7 });
    }
  });
});

describe('parseClaim', () => {
  it('takes what cosign writes in the sigstore family alone', () => {
    const text = payload({ optional: 'null', type: '"cosign container image signature"' });
    assert.equal(parseClaim('sigstore', text).identity, 'a/b:c');
    rejects('simple', payload({ optional: 'null' }), /optional is no object/);
  });

  it('does not take one family for the other', () => {
    rejects('sigstore', payload(), /critical\.type/);
    rejects('simple', payload({ type: '"cosign container image signature"' }), /critical\.type/);
  });

  it('ignores what it does not know in optional, and there alone', () => {
    assert.deepEqual(parseClaim('simple', payload({ optional: '{"a":{"b":1}}' })).optional, { a: { b: 1 } });
    rejects('simple', payload({ more: ',"extra":1' }), /unknown member "extra"/);
    const image = `"image":{"docker-manifest-digest":"${digest}"`;
    const identity = '"identity":{"docker-reference":"a/b:c"}';
    const type = '"type":"atomic container signature"';
    rejects('simple', payload({ critical: `{${identity},${image}},${type},"x":1}` }), /unknown member "x"/);
    rejects('simple', payload({ critical: `{${identity},${image},"x":1},${type}}` }), /unknown member "x"/);
    rejects('simple', payload({ critical: `{${identity},${image}}}` }), /no member "type"/);
    rejects('simple', payload({ critical: `{${identity},"image":[],${type}}` }), /critical\.image is no object/);
    rejects('simple', bytes(`{"critical":{${identity},${image}},${type}}}`), /no member "optional"/);
  });

  it('rejects keys that stand twice, wherever', () => {
    rejects('simple', payload({ optional: '{"creator":"a","creator":"b"}' }), /twice/);
    const twice = `{"identity":{"docker-reference":"a/b:c","docker-reference":"a/b:d"},"image":{"docker-manifest-digest":"${digest}"},"type":"atomic container signature"}`;
    rejects('simple', payload({ critical: twice }), /twice/);
    rejects('simple', payload({ critical: '{"__proto__":{}}' }), /unknown member "__proto__"/);
  });

  it('rejects what follows the document, and what is no text', () => {
    rejects('simple', Buffer.concat([payload(), bytes('{}')]), /after the end/);
    rejects('simple', bytes('nonsense'), /./);
    rejects('simple', bytes('[]'), /no object/);
    rejects('simple', Uint8Array.of(0xff, 0xfe), /UTF-8/);
  });

  it('takes whole timestamps only', () => {
    assert.equal(parseClaim('simple', payload({ optional: '{"timestamp":1795228888}' })).timestamp, 1795228888);
    assert.equal(parseClaim('simple', payload({ optional: '{"timestamp":2.0}' })).timestamp, 2);
    for (const wrong of ['1.5', '"1"', 'null', '1e40', '9223372036854775808']) {
      rejects('simple', payload({ optional: `{"timestamp":${wrong}}` }), /timestamp is not an integer/);
    }
    rejects('simple', payload({ optional: '{"creator":1}' }), /creator is no text/);
  });

  it('wants a digest of a known algorithm', () => {
    const critical = `{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":"sha256:zz"},"type":"atomic container signature"}`;
    rejects('simple', payload({ critical }), /is no digest/);
  });
});
