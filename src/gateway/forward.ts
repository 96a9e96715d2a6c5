/** Step 6: the judged bytes go upstream under our own key, unless the permit has been taken back meanwhile. */
import type { Permit } from '../admission/admission.ts';
import type { HeaderList, Outbound, Reply } from '../deps.ts';
import type { Call } from './describe.ts';
import type { Frame } from './guard.ts';
import type { Gate } from './handler.ts';
import { AnswerStream } from './stream.ts';

export interface Permitted {
  readonly frame: Frame;
  readonly call: Call;
  readonly permit: Permit;
  readonly arrivedAt: number;
}

/** Synchronous from the look at the permit to the dispatch: nothing can come between. */
export function forward(permitted: Permitted, reply: Reply, gate: Gate): void {
  const { frame, permit, call } = permitted;
  const out = outbound(permitted);
  const stream = new AnswerStream({
    call,
    query: frame.query,
    permit,
    reply,
    now: gate.now,
    newDigest: gate.newDigest,
    realm: gate.realm,
    arrivedAt: permitted.arrivedAt,
    headOnly: frame.method === 'HEAD',
    again: (query, sink) => gate.upstream.send({ ...out, target: frame.path + query }, sink),
  });
  if (stream.over) return;
  stream.follow(gate.upstream.send(out, stream));
}

function outbound({ frame, call, permit }: Permitted): Outbound {
  return {
    method: frame.method,
    target: frame.path + frame.query,
    headers: [...(isRead(call) ? withoutCodings(frame.passOn) : frame.passOn), 'x-request-id', permit.id],
    body: call.body,
  };
}

/** An answer that we have to read is asked for as it is. */
function isRead({ reads }: Call): boolean {
  return reads.usage || reads.job || reads.makes !== null || reads.lists !== null;
}

function withoutCodings(headers: HeaderList): string[] {
  return [
    ...headers.filter((_, i) => headers[i - (i % 2)] !== 'accept-encoding'),
    'accept-encoding',
    'identity',
  ];
}
