/** The media type of a file that becomes a layer of an artifact: by its name, else by its first bytes. */
import { extname } from 'node:path';
import { lookup } from 'mime-types';

/** Signatures of the WHATWG MIME Sniffing Standard, section 6 and 7, that files of releases begin with. */
const signatures: ReadonlyArray<readonly [string, string]> = [
  ['25504446', 'application/pdf'],
  ['252150532d41646f62652d', 'application/postscript'],
  ['89504e470d0a1a0a', 'image/png'],
  ['ffd8ff', 'image/jpeg'],
  ['474946383761', 'image/gif'],
  ['474946383961', 'image/gif'],
  ['424d', 'image/bmp'],
  ['00000100', 'image/x-icon'],
  ['1f8b08', 'application/x-gzip'],
  ['504b0304', 'application/zip'],
  ['526172211a0700', 'application/x-rar-compressed'],
  ['526172211a070100', 'application/x-rar-compressed'],
  ['0061736d', 'application/wasm'],
  ['00010000', 'font/ttf'],
  ['4f54544f', 'font/otf'],
  ['774f4646', 'font/woff'],
  ['774f4632', 'font/woff2'],
];

/** Leading byte order marks make any content text. */
const byteOrderMarks = ['feff', 'fffe', 'efbbbf'];

/** How many bytes at the start decide. */
export const sniffedBytes = 512;

/** `head` holds the first {@link sniffedBytes} bytes (or all there are). Parameters such as charset are never part of it. */
export function mediaTypeOfFile(name: string, head: Uint8Array): string {
  const extension = extname(name);
  const byName = extension === '' ? false : lookup(extension);
  return byName === false ? sniff(head) : byName;
}

function sniff(head: Uint8Array): string {
  const hex = Buffer.from(head.subarray(0, 16)).toString('hex');
  if (byteOrderMarks.some((mark) => hex.startsWith(mark))) return 'text/plain';
  const signature = signatures.find(([start]) => hex.startsWith(start));
  if (signature !== undefined) return signature[1];
  const start = Buffer.from(head).toString('latin1').trimStart().toLowerCase();
  if (/^<(?:!doctype html|html|head|body|script|title)[\s>]/.test(start)) return 'text/html';
  if (start.startsWith('<?xml')) return 'text/xml';
  return head.subarray(0, sniffedBytes).some(isBinaryByte) ? 'application/octet-stream' : 'text/plain';
}

/** Binary data bytes (WHATWG MIME Sniffing Standard, section 3). */
function isBinaryByte(byte: number): boolean {
  return byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
}
