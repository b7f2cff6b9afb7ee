/** The flags of commands that compare A with B. */
import { sideFlags } from './flags.ts';

const a = sideFlags('A', 'A');
const b = sideFlags('B', 'B');

/** What is not said for one of them holds as said for both. */
export const comparedSidesFlags = {
  'a-authfile': a.authfile,
  'a-creds': a.creds,
  'a-no-creds': a.noCreds,
  'a-registry-token': a.token,
  'a-cert-dir': a.certDir,
  'a-tls-verify': a.tlsVerify,
  'b-authfile': b.authfile,
  'b-creds': b.creds,
  'b-no-creds': b.noCreds,
  'b-registry-token': b.token,
  'b-cert-dir': b.certDir,
  'b-tls-verify': b.tlsVerify,
};
