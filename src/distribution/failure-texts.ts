/** Words for what the system says when a connection cannot be made. */

/** What follows the name of a host, by the code of the error. */
export const connectTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  EADDRNOTAVAIL: 'cannot be reached',
  ETIMEDOUT: 'does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
};

const ownAuthority =
  'If you trust it, put its authority as a .crt file into a folder given with --cert-dir, or use --tls-verify=false.';

/** What follows "the certificate of ...", and what to do, by the code of the error. */
export const certificateTexts: Readonly<Record<string, readonly [string, string]>> = {
  SELF_SIGNED_CERT_IN_CHAIN: ['is signed by an authority that is not trusted here', ownAuthority],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['is signed by itself', ownAuthority],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['is signed by an authority that is not trusted here', ownAuthority],
  UNABLE_TO_GET_ISSUER_CERT: ['is signed by an authority that is not trusted here', ownAuthority],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['is signed by an authority that is not trusted here', ownAuthority],
  CERT_UNTRUSTED: ['is not trusted here', ownAuthority],
  CERT_HAS_EXPIRED: ['has expired', 'The registry needs a new certificate; check the clock of this machine too.'],
  CERT_NOT_YET_VALID: ['is not valid yet', 'Check the clock of this machine.'],
  CERT_REVOKED: ['has been revoked', 'Ask the people who run the registry.'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'is for another host',
    'Use the name that the certificate has, or ask the people who run the registry.',
  ],
  CERT_SIGNATURE_FAILURE: ['has a bad signature', 'Ask the people who run the registry.'],
  INVALID_CA: ['is signed by something that is no authority', ownAuthority],
  INVALID_PURPOSE: ['is not meant for servers', 'Ask the people who run the registry.'],
  HOSTNAME_MISMATCH: ['is for another host', 'Use the name that the certificate has.'],
};

/** What to do for a registry that wants a client certificate. */
export const giveCertificate = 'put X.cert and X.key into a folder and name it with --cert-dir';
