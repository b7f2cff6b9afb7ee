/** Inputs whose compressed form is known: the same for the same seed everywhere. */
import { randomFrom, sampleBytes } from './support.ts';

export type InputKind = 'sample' | 'zeros' | 'noise' | 'skewed' | 'words' | 'records' | 'few';

export function peerGzipInput(kind: InputKind, size: number, seed: number): Buffer {
  const random = randomFrom(seed);
  const below = (end: number): number => Math.floor(random() * end);
  const bytes = Buffer.alloc(size);
  switch (kind) {
    case 'sample':
      return sampleBytes(size, seed);
    case 'zeros':
      return bytes;
    case 'noise':
      for (let at = 0; at < size; at += 1) bytes[at] = below(256);
      return bytes;
    case 'skewed':
      for (let at = 0; at < size; at += 1) {
        const part = random();
        bytes[at] = 256 * part * part * part * part;
      }
      return bytes;
    case 'few':
      for (let at = 0; at < size; at += 1) bytes[at] = below(3);
      return bytes;
    case 'words': {
      const words = Array.from({ length: 3000 }, () => {
        return Buffer.from(Array.from({ length: 2 + below(9) }, () => 97 + below(26)));
      });
      for (let at = 0; at < size; ) {
        const word = words[Math.floor(3000 * random() * random())] ?? bytes;
        at += word.copy(bytes, at);
        if (at < size) bytes[at] = random() < 0.1 ? 10 : 32;
        at += 1;
      }
      return bytes;
    }
    case 'records': {
      const record = Array.from({ length: 4 + below(60) }, () => below(256));
      for (let at = 0; at < size; at += 1) {
        const place = at % record.length;
        const count = Math.floor(at / record.length);
        bytes[at] = place === 0 ? count : place === 2 ? below(4) : place === 1 ? count >> 8 : (record[place] ?? 0);
      }
      return bytes;
    }
  }
}
