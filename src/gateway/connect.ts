/** Step 6 for a WebSocket: upstream is dialled under our own key, unless the permit has been taken back meanwhile. */
import type { Opening, Reply } from '../deps.ts';
import { upstreamFor } from './drill.ts';
import type { Permitted } from './forward.ts';
import type { Gate } from './handler.ts';
import { SocketCall } from './socket-call.ts';

/** Synchronous from the look at the permit to the dispatch: nothing can come between. */
export function connect(permitted: Permitted, opening: Opening, reply: Reply, gate: Gate): void {
  const { frame, permit } = permitted;
  const call = new SocketCall({ ...permitted, opening, reply, gate });
  if (call.over) return;
  const beta = frame.passOn.flatMap((name, i) =>
    i % 2 === 0 && name === 'openai-beta' ? [name, frame.passOn[i + 1] ?? ''] : [],
  );
  const out = {
    method: 'GET',
    target: frame.path + frame.query,
    headers: [...beta, 'x-request-id', permit.id],
    body: null,
  };
  call.follow(upstreamFor(permitted.who, gate).dial(out, frame.subprotocol, call));
}
