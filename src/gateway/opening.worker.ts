/** An upgrade request on Workers: the answer to it carries one end of a pair, and the call keeps the other. */
import type { HeaderList, Opening, SocketEnd } from '../deps.ts';
import type { WorkerReply } from './reply.worker.ts';
import { type RuntimeSocket, workerSocketEnd } from './socket-end.worker.ts';

declare const WebSocketPair: new () => { readonly 0: unknown; readonly 1: RuntimeSocket };

const GOING_AWAY = 1001;

/** True for what can become a WebSocket; anything else that asks for an upgrade is a plain request to the guard. */
export function isUpgradable({ method, headers }: Request): boolean {
  return method === 'GET' && headers.get('upgrade')?.toLowerCase() === 'websocket';
}

export function workerOpening({ headers: asked }: Request, reply: WorkerReply): Opening {
  return {
    accept(headers: HeaderList): SocketEnd | null {
      if (reply.closed) return null;
      const { 0: theirs, 1: ours } = new WebSocketPair();
      // Never the first that is offered: that can be the token.
      const offered = (asked.get('sec-websocket-protocol') ?? '').split(',').map((one) => one.trim());
      const chosen = offered.includes('realtime') ? ['sec-websocket-protocol', 'realtime'] : [];
      reply.upgrade(theirs, [...headers, ...chosen]);
      // The runtime breaks no connection off: what it was given still goes out, and behind it the client is told to go.
      return workerSocketEnd(ours, () => ours.close(GOING_AWAY));
    },
  };
}
