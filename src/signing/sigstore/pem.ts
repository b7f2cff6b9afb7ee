/**
 * PEM texts that hold nothing secret: public keys, certificates, encrypted key files. Secret ones stay bytes, for a text
 * cannot be wiped.
 *
 * Source: RFC 7468.
 */
import { UsageError } from '../../foundation/errors.ts';

export interface PemBlock {
  /** What stands behind BEGIN: `PUBLIC KEY`. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Characters of a PEM text; chains of certificates are far smaller. */
const maxLength = 1 << 20;
const blockForm = /-----BEGIN ([A-Z0-9 ]{1,60})-----\r?\n([A-Za-z0-9+/=\r\n \t]*)-----END \1-----(?:\r?\n|$)/g;

/**
 * All blocks; what stands between them may be anything that is not another block.
 * @throws UsageError BAD_PEM where there is none, one that cannot be read, or too much; `what` names the text
 */
export function parsePem(pem: Uint8Array, what: string): PemBlock[] {
  if (pem.byteLength > maxLength) throw badPem(what, `it has more than ${maxLength} bytes`);
  const text = Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength).toString('latin1');
  const blocks = [...text.matchAll(blockForm)].map(([, type = '', body = '']) => ({
    type,
    bytes: decodeBody(body, what),
  }));
  if (blocks.length === 0 || text.replaceAll(blockForm, '').includes('-----BEGIN ')) {
    throw badPem(what, blocks.length === 0 ? 'invalid pem block' : 'one of its blocks has no end');
  }
  return blocks;
}

/** The only block of a text, with nothing before or behind it but white space. */
export function parseOnlyPem(pem: Uint8Array, what: string): PemBlock {
  const [block, ...others] = parsePem(pem, what);
  const text = Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength).toString('latin1');
  if (block === undefined || others.length > 0 || text.replaceAll(blockForm, '').trim() !== '') {
    throw badPem(what, 'there is more than one block in it');
  }
  return block;
}

function decodeBody(body: string, what: string): Uint8Array {
  const text = body.replaceAll(/[\r\n \t]/g, '');
  const bytes = decodeBase64(text);
  if (bytes === undefined || bytes.byteLength === 0) throw badPem(what, 'a block is not base64');
  return bytes;
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
