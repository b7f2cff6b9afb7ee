/** Stands between a client and a real registry and counts what goes by. */
import { createServer, request as send } from 'node:http';
import type { TestContext } from 'node:test';

export interface PassedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly status: number;
  /** Bytes of the request's body. */
  readonly bytes: number;
  /** Bytes of the answer's body so far. */
  readonly answered: number;
}

export interface CountingProxy {
  /** `127.0.0.1:PORT`; the registry sees this name and gives it out in its answers. */
  readonly host: string;
  readonly passed: readonly PassedRequest[];
  forget(): void;
}

/** Passes everything on to `url`; stopped when the test ends. */
export async function countingProxy(t: TestContext, url: string): Promise<CountingProxy> {
  const passed: PassedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: target = '/', headers } = incoming;
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
    });
    const onward = send(new URL(target, url), { method, headers }, (answer) => {
      const status = answer.statusCode ?? 0;
      const seen = { method, target, status, bytes, answered: 0 };
      passed.push(seen);
      answer.on('data', (chunk: Buffer) => {
        seen.answered += chunk.byteLength;
      });
      outgoing.writeHead(status, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    passed,
    forget: () => {
      passed.length = 0;
    },
  };
}
