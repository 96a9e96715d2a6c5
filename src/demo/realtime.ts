/** The realtime API over WebSocket: the handshake with its key check, and one session for each socket. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ApiError, errorBody, missing } from './errors.ts';
import { createKeyCheck, type KeyCheck } from './key.ts';
import { modelOf } from './models.ts';
import { RealtimeSession } from './realtime-session.ts';

const MOST_FRAME_BYTES = 16 * 1024 * 1024;
const REASONS: Record<number, string> = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found' };

/** @returns what closes the sockets, which the server itself does not know */
export function attachRealtime(server: Server, key: string): () => void {
  const check = createKeyCheck(key);
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_FRAME_BYTES,
    handleProtocols: (offered) => (offered.has('realtime') ? 'realtime' : false),
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      const model = modelAsked(incoming, check);
      sockets.handleUpgrade(incoming, socket, head, (ws) => serve(ws, model));
    } catch (error) {
      refuse(socket, error);
    }
  });
  return () => {
    for (const ws of sockets.clients) ws.terminate();
  };
}

/** @throws ApiError */
function modelAsked({ url = '', headers }: IncomingMessage, check: KeyCheck): string {
  const { pathname, searchParams } = new URL(url, 'http://demo');
  check(headers.authorization);
  if (pathname !== '/v1/realtime') throw new ApiError(404, `Invalid URL (GET ${pathname})`);
  const model = searchParams.get('model');
  if (!model) throw missing('model');
  return modelOf({ model });
}

function serve(ws: WebSocket, model: string): void {
  const session = new RealtimeSession(model, (event) => ws.send(JSON.stringify(event)));
  ws.on('message', (data, isBinary) => {
    if (!isBinary) session.take(String(data));
  });
  ws.on('close', () => session.end());
  // A broken frame has closed the socket already.
  ws.on('error', () => {});
  session.begin();
}

function refuse(socket: Duplex, fault: unknown): void {
  const error = fault instanceof ApiError ? fault : new ApiError(400, 'The request could not be read.');
  const body = JSON.stringify(errorBody(error));
  const head = [
    `HTTP/1.1 ${error.status} ${REASONS[error.status] ?? 'Refused'}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
