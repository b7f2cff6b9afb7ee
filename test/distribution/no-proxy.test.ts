import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNoProxy } from '../../src/distribution/no-proxy.ts';

function direct(text: string, host: string, port = 443): boolean {
  return parseNoProxy(text)(host, port);
}

describe('NO_PROXY', () => {
  it('names hosts: with all below them, or these alone', () => {
    for (const host of ['reg.test', 'a.reg.test', 'REG.test', 'reg.test.']) assert.ok(direct('reg.test', host), host);
    for (const host of ['areg.test', 'test', 'reg.test.org']) assert.ok(!direct('reg.test', host), host);
    for (const text of ['.reg.test', '*.reg.test']) {
      assert.ok(direct(text, 'a.b.reg.test'), text);
      assert.ok(!direct(text, 'reg.test'), text);
    }
    assert.ok(direct('bücher.test', 'xn--bcher-kva.test'));
  });

  it('names everything', () => {
    assert.ok(direct('a.test, *', 'reg.test'));
    assert.ok(!direct('', 'reg.test'));
  });

  it('has commas or blanks between its entries', () => {
    for (const text of ['a.test,reg.test', 'a.test reg.test', ' a.test ,\treg.test ,,'])
      assert.ok(direct(text, 'reg.test'), text);
  });

  it('names ports', () => {
    for (const text of ['reg.test:5000', '.test:5000', '10.0.0.1:5000,reg.test:5000']) {
      assert.ok(direct(text, 'reg.test', 5000), text);
      assert.ok(!direct(text, 'reg.test', 443), text);
    }
    assert.ok(direct('10.0.0.1:5000', '10.0.0.1', 5000));
    assert.ok(!direct('10.0.0.1:5000', '10.0.0.1', 443));
    assert.ok(direct('[2001:db8::1]:5000', '2001:db8::1', 5000));
    assert.ok(!direct('[2001:db8::1]:5000', '2001:db8::1', 443));
  });

  it('names addresses however they are written', () => {
    assert.ok(direct('10.0.0.1', '10.0.0.1'));
    assert.ok(direct('10.0.0.1', '::ffff:a00:1'));
    for (const text of ['2001:db8::1', '[2001:db8::1]', '2001:0DB8:0:0:0:0:0:1'])
      assert.ok(direct(text, '2001:db8::1'), text);
  });

  it('names ranges of addresses, each of its own kind', () => {
    for (const [text, inside, outside] of [
      ['10.0.0.0/8', '10.255.1.2', '11.0.0.1'],
      ['10.1.2.3/8', '10.255.1.2', '11.0.0.1'],
      ['192.0.2.0/24', '192.0.2.255', '192.0.3.0'],
      ['192.0.2.7/32', '192.0.2.7', '192.0.2.8'],
      ['0.0.0.0/0', '198.51.100.1', '2001:db8::1'],
      ['2001:db8::/32', '2001:db8:ffff::1', '2001:db9::1'],
      ['::/0', '2001:db8::1', '198.51.100.1'],
    ] as const) {
      assert.ok(direct(`a.test,${text}`, inside), text);
      assert.ok(!direct(`a.test,${text}`, outside), text);
    }
    for (const text of ['10.0.0.0/33', '10.0.0.0/x', '2001:db8::/129', '/8', ':80', '[', '.'])
      assert.ok(!direct(text, '10.0.0.1'), text);
    assert.ok(!direct('10.0.0.0/8', 'reg.test'), 'names are not looked up for it');
  });
});
