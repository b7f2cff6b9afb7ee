import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addedCompressionOf, choiceOf, compressionOf, copyTakingOf } from '../../src/cli/copy-flags.ts';
import { UsageError } from '../../src/foundation/errors.ts';

const refusal =
  (message: RegExp) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof UsageError);
    assert.match(thrown.message, message);
    return true;
  };

describe('copyTakingOf', () => {
  it('takes the image of this system unless more is asked for', async () => {
    assert.deepEqual(await copyTakingOf({}), { one: {} });
    assert.deepEqual(await copyTakingOf({ 'multi-arch': 'system' }), { one: {} });
    assert.deepEqual(await copyTakingOf({ 'override-arch': 'arm', 'override-variant': 'v6' }), {
      one: { os: undefined, architecture: 'arm', variant: 'v6' },
    });
  });

  it('takes the index: all of it, itself alone, or some platforms', async () => {
    const all = { select: 'all', unselected: 'keep' };
    assert.deepEqual(await copyTakingOf({ all: true }), all);
    assert.deepEqual(await copyTakingOf({ 'multi-arch': 'all' }), all);
    assert.deepEqual(await copyTakingOf({ 'multi-arch': 'index-only' }), { select: 'none', unselected: 'keep' });
    const platforms = [
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'arm', variant: 'v6' },
    ];
    const platform = ['linux/arm64', '', 'linux/arm/v6'];
    assert.deepEqual(await copyTakingOf({ platform }), { select: { platforms }, unselected: 'strip' });
    assert.deepEqual(await copyTakingOf({ platform: ['linux/arm64,linux/arm/v6'] }), {
      select: { platforms },
      unselected: 'strip',
    });
    assert.deepEqual(await copyTakingOf({ platform, unselected: 'keep' }), {
      select: { platforms },
      unselected: 'keep',
    });
  });

  it('refuses contradictions', async () => {
    const cases: Array<[Parameters<typeof copyTakingOf>[0], RegExp]> = [
      [{ all: true, 'multi-arch': 'all' }, /^cannot use --all and --multi-arch flags together$/],
      [{ 'multi-arch': 'some' }, /^unknown multi-arch option "some"\. Choose one of the supported options/],
      [{ all: true, platform: ['linux/arm64'] }, /^--platform says which platforms are copied/],
      [{ 'multi-arch': 'all', platform: ['linux/arm64'] }, /^--platform says which platforms are copied/],
      [{ platform: ['linux/arm64'], 'override-arch': 'arm64' }, /both say what is copied$/],
      [{ unselected: 'keep' }, /^--unselected is of use beside --platform only$/],
      [{ platform: ['a/b/c/d'] }, /^invalid platform/],
    ];
    for (const [flags, message] of cases) await assert.rejects(copyTakingOf(flags), refusal(message));
  });
});

describe('choiceOf', () => {
  it('is nothing without flags, else a platform', async () => {
    assert.equal(await choiceOf({}), undefined);
    assert.deepEqual(await choiceOf({ platform: 'linux/arm/v7' }), { os: 'linux', architecture: 'arm', variant: 'v7' });
    assert.deepEqual(await choiceOf({ 'override-os': 'windows' }), {
      os: 'windows',
      architecture: undefined,
      variant: undefined,
    });
    await assert.rejects(choiceOf({ platform: 'linux/arm', 'override-os': 'linux' }), refusal(/both choose an image$/));
  });
});

describe('compressionOf', () => {
  it('reads formats and levels, and leaves layers alone without any', async () => {
    assert.equal(await compressionOf({}), undefined);
    assert.equal(
      await compressionOf({ 'dest-compress-format': '' }),
      undefined,
      'the variable that should name it is not set',
    );
    assert.deepEqual(await compressionOf({ 'dest-compress': true }), { format: 'gzip' });
    assert.deepEqual(await compressionOf({ 'dest-compress': true, 'dest-compress-level': '9' }), {
      format: 'gzip',
      level: 9,
    });
    assert.deepEqual(
      await compressionOf({ 'dest-compress-format': 'zstd:chunked', 'dest-force-compress-format': true }),
      { format: 'zstd:chunked' },
    );
    assert.deepEqual(await compressionOf({ 'dest-decompress': true }), { format: 'none' });
    assert.equal(await compressionOf({ 'add-compression': ['zstd'], 'dest-compress-level': '3' }), undefined);
  });

  it('refuses what says nothing or too much', async () => {
    const cases: Array<[Parameters<typeof compressionOf>[0], RegExp]> = [
      [{ 'dest-compress': true, 'dest-decompress': true }, /cannot be used together/],
      [{ 'dest-decompress': true, 'dest-compress-format': 'gzip' }, /cannot be used together/],
      [{ 'dest-force-compress-format': true }, /of use beside --dest-compress-format only/],
      [{ 'dest-compress-level': '3' }, /says nothing without a compression format/],
      [{ 'dest-compress-format': 'lzma' }, /cannot find compressor for "lzma"/],
      [{ 'dest-compress-format': 'gzip', 'dest-compress-level': '50' }, /invalid compression level/],
    ];
    for (const [flags, message] of cases) await assert.rejects(compressionOf(flags), refusal(message));
  });

  it('reads added compressions once each, in any writing', async () => {
    assert.equal(await addedCompressionOf({}), undefined);
    await assert.rejects(addedCompressionOf({ 'add-compression': ['none'] }), { code: 'UNKNOWN_COMPRESSION' });
    assert.deepEqual(
      await addedCompressionOf({ 'add-compression': ['zstd,gzip', 'zstd'], 'dest-compress-level': '5' }),
      [
        { format: 'zstd', level: 5 },
        { format: 'gzip', level: 5 },
      ],
    );
  });
});
