/** The result of `verify` as a table (a row for each signature, and for each manifest that has none), and as JSON. */
import type { ManifestVerdict, SignatureVerdict, VerifyImageResult } from '../../operations/verify-image.ts';
import type { VerifiedImage } from '../documents/signatures.ts';
import { renderTable } from './table.ts';
import { visible } from './texts.ts';

export function renderVerification(result: VerifyImageResult): string[] {
  const rows = result.manifests.flatMap((manifest) => rowsOf(manifest));
  const table = renderTable(['MANIFEST', 'DIGEST', 'VERDICT', 'FORMAT', 'SIGNER', 'IDENTITY', 'LOG', 'TIME'], rows);
  const reasons = result.manifests.flatMap(({ digest, signatures, problems }) => [
    ...signatures.flatMap(({ verdict, reason, format }) =>
      verdict === 'good' ? [] : [`${short(digest)}: ${format} signature: ${reason ?? verdict}`],
    ),
    ...problems.map((problem) => `${short(digest)}: ${problem}`),
  ]);
  return [
    ...table,
    ...reasons,
    `${result.image} is ${result.verified ? 'verified' : 'NOT verified'}: ${result.digest}`,
  ].map(visible);
}

function rowsOf(manifest: ManifestVerdict): string[][] {
  const { role, platform, digest, required, verdict } = manifest;
  const name = [platform ?? role, short(digest), `${verdict}${required ? '' : ' (not required)'}`];
  const good = manifest.signatures.filter((one) => one.verdict === 'good');
  if (good.length === 0) return [[...name, '-', '-', '-', '-', '-']];
  return good.map((signature) => [...name, ...cells(signature)]);
}

function cells({ format, signer = '-', identity = '-', log = '-', time }: SignatureVerdict): string[] {
  return [format, signer, identity, log, time?.toISOString() ?? '-'];
}

function short(digest: string): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}

/** The result as data. */
export function verificationDocument(result: VerifyImageResult): VerifiedImage {
  const manifests = result.manifests.map((manifest) => ({
    ...manifest,
    signatures: manifest.signatures.map(({ time, ...signature }) => ({ ...signature, time: time?.toISOString() })),
  }));
  return { ...result, manifests };
}
