/**
 * Ports that tests in several processes share. The peers speak plain HTTP only to the loopback ports 5000 to 5009, so a
 * test that has a peer talk to a registry takes one of these, and another test waits for it.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const plainHttpPorts = [5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009] as const;
const pollMs = 50;
const timeoutMs = 180_000;

/** The first of `ports` that nobody has; it is given back when the test ends. Waits while all are taken. */
export async function leasePort(t: TestContext, ports: readonly number[] = plainHttpPorts): Promise<number> {
  const folder = join(tmpdir(), 'sheaf-test-ports');
  mkdirSync(folder, { recursive: true });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    for (const port of ports) {
      const lock = join(folder, String(port));
      if (!take(lock)) continue;
      if (await isFree(port)) {
        t.after(() => rmSync(lock, { force: true }));
        return port;
      }
      rmSync(lock, { force: true });
    }
    if (Date.now() > deadline) throw new Error(`none of the ports ${ports.join(', ')} became free`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (isOwned(lock)) return false;
  }
  // left behind by a process that is gone; only one of several who see that can move it away
  try {
    const aside = `${lock}.${process.pid}`;
    renameSync(lock, aside);
    rmSync(aside, { force: true });
  } catch {
    return false;
  }
  return take(lock);
}

function isOwned(lock: string): boolean {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    // empty: its owner is about to write
    if (owner === 0) return true;
    process.kill(owner, 0);
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

/** Whether nothing listens there, whoever it may be. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
