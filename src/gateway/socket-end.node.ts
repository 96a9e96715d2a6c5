/** One end of a WebSocket in the hands of `ws`, and the bounds that both ends keep. */
import type { WebSocket } from 'ws';
import type { SocketEnd, SocketListener } from '../deps.ts';
import { CLOSE_MS, MAX_MESSAGE_BYTES } from './socket-bounds.ts';

/** Compression would make a few bytes of a sender into many of ours. */
export const SOCKET_BOUNDS = {
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
  closeTimeout: CLOSE_MS,
};

export function nodeSocketEnd(ws: WebSocket): SocketEnd {
  return {
    get buffered() {
      return ws.bufferedAmount;
    },
    listen(listener: SocketListener) {
      ws.on('message', (data, isBinary) => listener.frame(data as Buffer, isBinary));
      ws.on('ping', () => listener.pong());
      ws.on('pong', () => listener.pong());
      ws.on('error', (fault) => listener.broke(fault.message));
      ws.on('close', (code, reason) => listener.closed(code, String(reason)));
    },
    send: (data, binary, sent) => ws.send(data, { binary }, sent),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    ping: () => ws.ping(),
    close(code, reason) {
      // The answer to the close frame has to be read.
      ws.resume();
      ws.close(code, reason);
    },
    terminate: () => ws.terminate(),
  };
}
