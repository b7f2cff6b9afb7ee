import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextPage } from '../../src/distribution/link-header.ts';

const here = new URL('https://registry.test/v2/a/tags/list?n=2');

test('the next page, relative or absolute, is asked of the registry itself', () => {
  assert.equal(nextPage('</v2/a/tags/list?n=2&last=b>; rel="next"', here), '/v2/a/tags/list?n=2&last=b');
  assert.equal(nextPage('<list?last=b>; rel=next', here), '/v2/a/tags/list?last=b');
  assert.equal(nextPage('<https://evil.test/v2/a/tags/list?last=b>; rel="next"', here), '/v2/a/tags/list?last=b');
});

test('among other links and parameters', () => {
  assert.equal(nextPage('</first>; rel="first", </second>; title="a, b"; rel="last next"', here), '/second');
  assert.equal(nextPage(['</first>; rel="first"', '</second>; rel="next"'], here), '/second');
  assert.equal(nextPage('</first>; rel="prev"', here), undefined);
  assert.equal(nextPage('</first>; rel="nextish"', here), undefined);
  assert.equal(nextPage(undefined, here), undefined);
  assert.equal(nextPage('nonsense', here), undefined);
});
