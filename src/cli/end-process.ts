/** How the process ends. */

/** What a process that ends because of a signal reports: 128 and the number of the signal. */
export const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof signalExitCodes;

/** Work of threads that Node.js waits for before it ends: files being opened and read, names being looked up. */
const threadWork = /^(?:FSReq|GetAddrInfo|GetNameInfo)/;

/**
 * Ends the process with `code`, that of the run unless told. `isCutShort` tells of a run that has not come to its end: what it
 * waits for may be such work, and from 26.8 on Node.js does not tell of files that are read whole.
 */
export function endProcess(code: number | string | null | undefined = process.exitCode, isCutShort = false): never {
  const signal = (Object.keys(signalExitCodes) as StopSignal[]).find((name) => signalExitCodes[name] === code);
  // a thread that opens a pipe to which nobody writes never comes back; to who started us it is the same status
  if (signal !== undefined && (isCutShort || process.getActiveResourcesInfo().some((name) => threadWork.test(name)))) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
  process.exit(code);
}
