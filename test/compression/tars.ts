/** Tar archives for tests, block by block, so that they may hold what no library writes. */

export interface TarEntry {
  name: string;
  typeFlag?: string;
  data?: Uint8Array;
  linkName?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** Of the header; that of the data unless told. */
  size?: number;
  /** In a pax header before it; values may be bytes. */
  pax?: Readonly<Record<string, string | Uint8Array>>;
  device?: readonly [number, number];
  /** Fills the last block of the data, in place of zeros. */
  padding?: number;
}

/** A ustar archive that ends in `endBlocks` blocks of zeros. */
export function tarOf(entries: readonly TarEntry[], endBlocks = 2): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(endBlocks * 512)]);
}

function blocksOf(entry: TarEntry): Buffer[] {
  const data = Buffer.from(entry.data ?? []);
  const pax = entry.pax === undefined ? [] : blocksOf({ name: 'pax', typeFlag: 'x', data: paxRecords(entry.pax) });
  const fill = Buffer.alloc((512 - (data.byteLength % 512)) % 512, entry.padding ?? 0);
  return [...pax, headerBlock(entry, data.byteLength), data, fill];
}

export function headerBlock(entry: TarEntry, dataSize: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  block.write(entry.name, 0, 100, 'utf8');
  octal(entry.mode ?? 0o644, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(entry.size ?? dataSize, 124, 12);
  octal(entry.mtime ?? 1_700_000_000, 136, 12);
  block.write(entry.typeFlag ?? (entry.name.endsWith('/') ? '5' : '0'), 156, 1, 'latin1');
  block.write(entry.linkName ?? '', 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  octal(entry.device?.[0] ?? 0, 329, 8);
  octal(entry.device?.[1] ?? 0, 337, 8);
  return withChecksum(block);
}

export function withChecksum(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
      let length = rest.byteLength + 1;
      while (String(length).length + rest.byteLength !== length) length = String(length).length + rest.byteLength;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}
