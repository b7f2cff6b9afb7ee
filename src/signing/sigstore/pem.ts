/**
 * PEM texts that hold nothing secret: public keys, certificates, encrypted key files. Secret ones stay bytes, for a text
 * cannot be wiped.
 *
 * Source: RFC 7468; Go's encoding/pem, by which the peers say what a block is.
 */
import { UsageError } from '../../foundation/errors.ts';

export interface PemBlock {
  /** What stands behind BEGIN: `PUBLIC KEY`. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Characters of a PEM text; chains of certificates are far smaller. */
const maxLength = 1 << 20;
const [beginMark, endMark, dashes] = ['-----BEGIN ', '-----END ', '-----'];
const lineEnd = /^[ \t]*(?:\r?\n|$)/;
const headersForm = /^(?:[^\n:]*:[^\n]*\n)*/;
const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * All blocks; what stands between them may be anything that is not another block.
 * @throws UsageError BAD_PEM where there is none, one that cannot be read or that has headers, or too much; `what` names the text
 */
export function parsePem(pem: Uint8Array, what: string, allow: { headers?: boolean } = {}): PemBlock[] {
  const text = textOf(pem, what);
  const blocks: PemBlock[] = [];
  for (let found = nextBlock(text, 0); found !== undefined; found = nextBlock(text, found.end)) {
    if (found.headers && allow.headers !== true) throw badPem(what, 'a block has headers');
    blocks.push(decodeBlock(found, what));
  }
  if (blocks.length === 0) throw badPem(what, 'invalid pem block');
  if (text.split(beginMark).length - 1 !== blocks.length) throw badPem(what, 'one of its blocks is broken');
  return blocks;
}

/** The only block of a text, with nothing before or behind it but white space. */
export function parseOnlyPem(pem: Uint8Array, what: string): PemBlock {
  const text = textOf(pem, what);
  const found = nextBlock(text, 0);
  if (found === undefined) throw badPem(what, 'invalid pem block');
  if (found.headers) throw badPem(what, 'a block has headers');
  if (text.slice(0, found.begin).trim() !== '' || text.slice(found.end).trim() !== '') {
    throw badPem(what, 'there is more than one block in it');
  }
  return decodeBlock(found, what);
}

/** The block that the peers take where they want one: whatever stands before and behind it is passed over. Throws UsageError BAD_PEM. */
export function parseFirstPem(pem: Uint8Array, what: string): PemBlock {
  const found = nextBlock(textOf(pem, what), 0);
  if (found === undefined) throw badPem(what, 'invalid pem block');
  return decodeBlock(found, what);
}

interface FoundBlock {
  readonly type: string;
  /** Of the form of base64, without white space. */
  readonly base64: string;
  readonly headers: boolean;
  readonly begin: number;
  /** Where the next one is looked for. */
  readonly end: number;
}

/** The first from `from` on that Go would decode: one that is not whole is passed over, as is one that is indented. */
function nextBlock(text: string, from: number): FoundBlock | undefined {
  for (let start = from; ; ) {
    const stop = text.indexOf(`\n${endMark}`, start);
    if (stop < 0) return undefined;
    const behind = stop + 1 + endMark.length;
    // the last BEGIN before the END: those before have no end of their own
    const begin = text.slice(start, stop).lastIndexOf(beginMark);
    const atLineStart = begin === 0 || (begin > 0 && text[start + begin - 1] === '\n');
    const block = atLineStart ? readBlock(text, start + begin, stop) : undefined;
    if (block !== undefined) return block;
    start = behind;
  }
}

/** What stands between BEGIN at `begin` and the line end before END at `stop`; `undefined` where that is no block. */
function readBlock(text: string, begin: number, stop: number): FoundBlock | undefined {
  const inside = text.slice(begin + beginMark.length, stop + 1);
  const [, type, rest] = /^([^\n]*?)-----[ \t]*\r?\n(.*)$/s.exec(inside) ?? [];
  if (type === undefined || rest === undefined) return undefined;
  const closing = `${endMark}${type}${dashes}`;
  if (!text.startsWith(closing, stop + 1)) return undefined;
  const end = stop + 1 + closing.length;
  const [eol] = lineEnd.exec(text.slice(end, text.indexOf('\n', end) + 1 || undefined)) ?? [];
  const headers = headersForm.exec(rest)?.[0] ?? '';
  const base64 = rest.slice(headers.length).replaceAll(/[\r\n \t]/g, '');
  // without an empty line behind headers, END itself would be read as one of them
  const isWhole = headers === '' || headers.length < rest.length;
  if (eol === undefined || !isWhole || !base64Form.test(base64)) return undefined;
  return { type, base64, headers: headers !== '', begin, end: end + eol.length };
}

/** Bits behind the last byte that are not zero are refused, though Go takes them: two texts are not to be one key. */
function decodeBlock({ type, base64 }: FoundBlock, what: string): PemBlock {
  const bytes = decodeBase64(base64);
  if (bytes === undefined || bytes.byteLength === 0) throw badPem(what, 'a block is not base64');
  return { type, bytes };
}

function textOf(pem: Uint8Array, what: string): string {
  if (pem.byteLength > maxLength) throw badPem(what, `it has more than ${maxLength} bytes`);
  return Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength).toString('latin1');
}

/** Standard base64 with its padding; `undefined` for anything else, white space included. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  // other readers would refuse bits that are not zero behind the last byte, or not
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Lines of 64 characters and a line end behind the last one, as OpenSSL and Go write them. */
export function encodePem(type: string, bytes: Uint8Array): string {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return `-----BEGIN ${type}-----\n${body.replaceAll(/.{1,64}/g, '$&\n')}-----END ${type}-----\n`;
}

function badPem(what: string, why: string): UsageError {
  return new UsageError(`cannot read ${what}: ${why}`, {
    code: 'BAD_PEM',
    hint: 'Give a file that begins with "-----BEGIN".',
  });
}
