import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../src/oci/digest.ts';
import { blobOf, bytesOf, fakeServer, readAll, tcpServer, testPool } from './pool.ts';

const continues = 'HTTP/1.1 100 Continue\r\n\r\n';

test('"100 Continue" that nobody asked for is passed over, and so are other interim answers', async (t) => {
  const blob = blobOf(bytesOf(100_000));
  const { digest } = blob.descriptor;
  const server = await fakeServer(t, (request, response) => {
    response.writeContinue();
    response.writeContinue();
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    if (request.method === 'POST') response.writeHead(202, { location: '/upload' }).end();
    else if (request.method === 'PUT') response.writeHead(201).end();
    else response.end(bytesOf(100_000));
  });
  const { pool, requests, waits } = testPool(t, { retry: { maxRetries: 0 } });
  const repository = pool.client(server.host).repository('a', 'push');
  await repository.uploadBlob(blob);
  assert.equal(digestOf(await readAll((await repository.openBlob(digest)).body)), digest);
  assert.equal((await repository.headBlob(digest))?.size, undefined);
  assert.equal(requests().length, 4);
  assert.equal(waits.length, 0);
  assert.equal(server.connections(), 1);
});

test('one that comes with the beginning of the answer, or before the request was sent whole', async (t) => {
  const server = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.write(`${continues}${continues}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello`);
    });
  });
  const { pool } = testPool(t, { retry: { maxRetries: 0 } });
  const { body } = await pool
    .client(server.host)
    .repository('a')
    .openBlob(digestOf(Buffer.from('hello')));
  assert.equal(String(await readAll(body)), 'hello');

  const large = bytesOf(20_000_000);
  const early = await tcpServer(t, (socket) => {
    let taken = 0;
    socket.on('data', (chunk) => {
      if (taken === 0) socket.write(continues);
      taken += chunk.byteLength;
      if (chunk.toString('latin1').startsWith('POST')) {
        taken = 0;
        socket.write('HTTP/1.1 202 Accepted\r\nlocation: /upload\r\ncontent-length: 0\r\n\r\n');
      } else if (taken > large.byteLength) socket.write('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
    });
  });
  await pool.client(early.host).repository('a', 'push').uploadBlob(blobOf(large));
});

test('bytes of a blob that look like one are bytes of the blob', async (t) => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const text = `${continues}the rest`;
  const server = await fakeServer(t, async (_request, response) => {
    response.writeHead(200, { 'content-length': text.length }).flushHeaders();
    await opened;
    response.end(text);
  });
  const { pool } = testPool(t);
  const { body } = await pool
    .client(server.host)
    .repository('a')
    .openBlob(digestOf(Buffer.from(text)));
  open();
  assert.equal(String(await readAll(body)), text);
});
