/** Connections that are made before there are requests for them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { buildConnector } from 'undici';
import { ReadyConnections } from '../../src/distribution/ready-connections.ts';

interface Place {
  readonly server: Server;
  /** The server's ends, in the order in which they came. */
  readonly accepted: Socket[];
  readonly target: buildConnector.Options;
  readonly origin: string;
}

async function listen(t: TestContext): Promise<Place> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
    server.emit('accepted');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const target = { hostname: '127.0.0.1', host: `127.0.0.1:${port}`, protocol: 'http:', port: String(port) };
  return { server, accepted, target, origin: `http://${target.host}` };
}

async function untilAccepted({ server, accepted }: Place, count: number): Promise<void> {
  while (accepted.length < count) await once(server, 'accepted');
}

const makeReady = (): ReadyConnections => new ReadyConnections(buildConnector({ allowH2: false }));

function connect(t: TestContext, ready: ReadyConnections, { target }: Place): Promise<Socket> {
  return new Promise((resolve, reject) => {
    ready.connect(target, (...[error, socket]) => {
      if (error !== null) return reject(error);
      t.after(() => socket.destroy());
      resolve(socket);
    });
  });
}

describe('connections that are ready', () => {
  it('are like the first one, and are handed out before new ones are made', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    await connect(t, ready, place);
    assert.equal(place.accepted.length, 1);
    ready.prepare(place.origin, 1);
    ready.prepare(place.origin, 2);
    await untilAccepted(place, 3);
    const sockets = [await connect(t, ready, place), await connect(t, ready, place)];
    assert.equal(place.accepted.length, 3);
    sockets[1]?.write('asked');
    assert.equal(String((await once(place.accepted[2] ?? assert.fail(), 'data'))[0]), 'asked');
    await connect(t, ready, place);
    await untilAccepted(place, 4);
  });

  it('are made with the first one where they were wanted before it', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    ready.prepare(place.origin, 3);
    assert.equal(place.accepted.length, 0);
    await Promise.all([connect(t, ready, place), connect(t, ready, place)]);
    await untilAccepted(place, 3);
    await Promise.all([connect(t, ready, place), connect(t, ready, place)]);
    await untilAccepted(place, 4);
    assert.equal(place.accepted.length, 4);
  });

  it('are waited for while they are made', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    await connect(t, ready, place);
    ready.prepare(place.origin, 1);
    await connect(t, ready, place);
    await untilAccepted(place, 2);
    assert.equal(place.accepted.length, 2);
  });

  it('are not handed out once the other side has closed them or has said something', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    await connect(t, ready, place);
    ready.prepare(place.origin, 2);
    await untilAccepted(place, 3);
    const [, closing, talking] = place.accepted;
    const gone = [closing, talking].map((socket) => once(socket?.resume() ?? assert.fail(), 'close'));
    closing?.end();
    talking?.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
    await Promise.all(gone);
    await Promise.all([connect(t, ready, place), connect(t, ready, place)]);
    await untilAccepted(place, 5);
  });

  it('are made anew, with the error of that, where they could not be made', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    await connect(t, ready, place);
    const closed = once(place.server, 'close');
    place.server.close();
    place.accepted[0]?.destroy();
    await closed;
    ready.prepare(place.origin, 1);
    await assert.rejects(connect(t, ready, place), { code: 'ECONNREFUSED' });
  });

  it('are closed when nobody has wanted them, also while they are made', async (t) => {
    const place = await listen(t);
    const ready = makeReady();
    await connect(t, ready, place);
    ready.prepare(place.origin, 1);
    await untilAccepted(place, 2);
    ready.prepare(place.origin, 2);
    ready.close();
    await untilAccepted(place, 3);
    await Promise.all(place.accepted.slice(1).map((socket) => socket.closed || once(socket.resume(), 'close')));
    ready.prepare(place.origin, 5);
    await connect(t, ready, place);
    await untilAccepted(place, 4);
    assert.equal(place.accepted.length, 4);
  });
});
