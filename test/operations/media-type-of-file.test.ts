import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mediaTypeOfFile } from '../../src/operations/media-type-of-file.ts';

describe('mediaTypeOfFile', () => {
  const cases: ReadonlyArray<readonly [string, Uint8Array, string]> = [
    ['notes.txt', Buffer.from([0, 1, 2]), 'text/plain'],
    ['sbom.json', Buffer.from('{}'), 'application/json'],
    ['page.HTML', Buffer.from(''), 'text/html'],
    ['picture', Buffer.from('89504e470d0a1a0a00', 'hex'), 'image/png'],
    ['archive', Buffer.from('1f8b0800', 'hex'), 'application/x-gzip'],
    ['module', Buffer.from('0061736d01', 'hex'), 'application/wasm'],
    ['text', Buffer.from('plain words\n'), 'text/plain'],
    ['empty', Buffer.alloc(0), 'text/plain'],
    ['binary', Buffer.from([1, 2, 3, 0x20]), 'application/octet-stream'],
    ['marked', Buffer.from('efbbbf01', 'hex'), 'text/plain'],
    ['markup', Buffer.from('  <!DOCTYPE html><html>'), 'text/html'],
    ['name.with.unknownextension', Buffer.from('words'), 'text/plain'],
    ['.hidden', Buffer.from('words'), 'text/plain'],
  ];
  for (const [name, head, type] of cases) it(`${name}: ${type}`, () => assert.equal(mediaTypeOfFile(name, head), type));
});
