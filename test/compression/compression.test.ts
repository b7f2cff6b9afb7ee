import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compressionFormats,
  compressionLevel,
  defaultCompressionLevel,
  parseCompressionFormat,
  parseCompressionLevel,
} from '../../src/compression/compression.ts';
import { UsageError } from '../../src/foundation/errors.ts';

test('the four formats are known by their names, and no others', () => {
  for (const format of ['gzip', 'zstd', 'zstd:chunked', 'none'] as const) {
    assert.equal(parseCompressionFormat(format), format);
    assert.ok(compressionFormats.includes(format));
  }
  for (const text of ['', 'Gzip', 'bzip2', 'Xz', 'zstd:chunk', ' gzip', '__proto__']) {
    assert.throws(
      () => parseCompressionFormat(text),
      (error) =>
        error instanceof UsageError &&
        error.code === 'UNKNOWN_COMPRESSION' &&
        error.message === `cannot find compressor for "${text}"`,
    );
  }
});

test('levels go from 1 to 9 for gzip and from 1 to 22 for zstd', () => {
  assert.equal(parseCompressionLevel('1', 'gzip'), 1);
  assert.equal(parseCompressionLevel('9', 'gzip'), 9);
  assert.equal(parseCompressionLevel('22', 'zstd'), 22);
  assert.equal(parseCompressionLevel('22', 'zstd:chunked'), 22);
  for (const [text, format] of [
    ['0', 'gzip'],
    ['10', 'gzip'],
    ['50', 'gzip'],
    ['-1', 'zstd'],
    ['23', 'zstd'],
    ['3.5', 'zstd'],
    ['', 'zstd'],
    ['three', 'zstd:chunked'],
    ['99999999999999999999', 'gzip'],
  ] as const) {
    assert.throws(
      () => parseCompressionLevel(text, format),
      (error) =>
        error instanceof UsageError &&
        error.code === 'INVALID_COMPRESSION_LEVEL' &&
        error.message.startsWith(`invalid compression level: ${text}`),
      `${format} ${text}`,
    );
  }
});

test('a level that nobody gave is the standard one of the format', () => {
  for (const format of compressionFormats) {
    assert.equal(compressionLevel(undefined, format), defaultCompressionLevel(format));
  }
  assert.equal(defaultCompressionLevel('zstd'), 3);
  assert.throws(() => compressionLevel(23, 'zstd'), /invalid compression level: 23: zstd has the levels 1 to 22/);
});

test('plain layers have no level', () => {
  assert.throws(() => parseCompressionLevel('1', 'none'), /invalid compression level: 1/);
});
