/** What every operation is given: made once, at the composition root. */
import type { Platform } from '../oci/platform.ts';
import type { TransportEnv } from '../transports/transport.ts';
import type { UsedSource } from './enforce-policy.ts';

export interface Env extends TransportEnv {
  /** The platform of this machine: what is chosen from an index when nobody says otherwise. */
  readonly host: Platform;
  /** Throws IntegrityError POLICY_REJECTED for a source that the machine's policy does not allow; without it all are allowed. */
  checkSource?(source: UsedSource): Promise<void>;
}
