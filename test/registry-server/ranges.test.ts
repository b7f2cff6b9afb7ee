import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkRange, requestedRange } from '../../src/registry-server/ranges.ts';

test('Range of a download', () => {
  const cases: ReadonlyArray<[string | undefined, number, ReturnType<typeof requestedRange>]> = [
    [undefined, 10, 'whole'],
    ['bytes=0-', 10, { start: 0, end: 9 }],
    ['bytes=0-9', 10, { start: 0, end: 9 }],
    ['BYTES=3-3', 10, { start: 3, end: 3 }],
    ['bytes= 3-5 ', 10, { start: 3, end: 5 }],
    ['bytes=9-20', 10, { start: 9, end: 9 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=5-4', 10, 'unsatisfiable'],
    ['bytes=-3', 10, { start: 7, end: 9 }],
    ['bytes=-30', 10, { start: 0, end: 9 }],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'whole'],
    ['bytes=0-1,3-4', 10, 'whole'],
    ['bytes=-', 10, 'whole'],
    ['bytes', 10, 'whole'],
    ['items=0-1', 10, 'whole'],
    [`bytes=${'9'.repeat(400)}-`, 10, 'unsatisfiable'],
  ];
  for (const [header, size, expected] of cases) assert.deepEqual(requestedRange(header, size), expected, header);
});

test('Content-Range of a chunk', () => {
  assert.deepEqual(chunkRange('0-0'), { start: 0, end: 0 });
  assert.deepEqual(chunkRange(' 10-19 '), { start: 10, end: 19 });
  assert.deepEqual(chunkRange('bytes 10-19/*'), { start: 10, end: 19 });
  assert.deepEqual(chunkRange('bytes=10-19'), { start: 10, end: 19 });
  for (const header of ['', '5', '5-', '-5', '5-4', 'a-b', '1-2-3', `0-${'9'.repeat(17)}`, '1.5-2']) {
    assert.equal(chunkRange(header), undefined, header);
  }
});
