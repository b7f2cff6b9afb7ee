/**
 * "100 Continue" that nobody asked for. A client must bear with it (RFC 9110, section 15.2); undici ends the connection instead.
 * So it is taken out of what a connection brings before undici reads it. Other interim answers pass.
 */
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

const begin = Buffer.from('HTTP/1.1 100 ');
const end = '\r\n\r\n';

export function withoutContinue(connect: buildConnector.connector): buildConnector.connector {
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      skipContinue(socket);
      callback(null, socket);
    });
}

function skipContinue(socket: Socket): void {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  let written = -1;
  socket.read = (size?: number): Buffer | null => {
    let chunk = read(size);
    // an answer begins only after something was sent: in the middle of a body these would be its bytes
    if (chunk === null || socket.bytesWritten === written) return chunk;
    while (chunk?.subarray(0, begin.byteLength).equals(begin) === true) {
      const at: number = chunk.indexOf(end);
      if (at < 0) break;
      chunk = at + end.length < chunk.byteLength ? chunk.subarray(at + end.length) : read(size);
    }
    if (chunk !== null) written = socket.bytesWritten;
    return chunk;
  };
}
