/** The digest of an upload, computed while its bytes come in. */
import { algorithmOf, createDigester, type Digest } from '../../oci/digest.ts';
import type { ByteStream, DigestAlgorithm } from './storage.ts';

export interface RunningDigest {
  /** Takes bytes that are about to be added at the end. */
  update(chunk: Uint8Array): void;
  /**
   * The digest of the whole content of `size` bytes. `read` is called only where the bytes taken so far are not just
   * these, since some of them were given up again, or where another algorithm is wanted.
   */
  finish(wanted: Digest, size: number, read: () => ByteStream): Promise<Digest>;
}

export function createRunningDigest(algorithm: DigestAlgorithm): RunningDigest {
  const digester = createDigester(algorithm);
  let taken = 0;
  return {
    update(chunk) {
      digester.update(chunk);
      taken += chunk.byteLength;
    },
    async finish(wanted, size, read) {
      if (taken === size && algorithm === algorithmOf(wanted)) return digester.digest();
      const again = createDigester(algorithmOf(wanted));
      for await (const chunk of read()) again.update(chunk);
      return again.digest();
    },
  };
}
