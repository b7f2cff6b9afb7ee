/** Annotations of the layers of `.sig` attachments. Source: cosign specs/SIGNATURE_SPEC.md; containers/image internal/signature. */
export const signatureAnnotations = {
  signature: 'dev.cosignproject.cosign/signature',
  certificate: 'dev.sigstore.cosign/certificate',
  chain: 'dev.sigstore.cosign/chain',
  log: 'dev.sigstore.cosign/bundle',
  timestamp: 'dev.sigstore.cosign/rfc3161timestamp',
} as const;
