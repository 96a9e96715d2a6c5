/** Step 6: the judged bytes go upstream under our own key, unless the permit has been taken back meanwhile. */
import type { Permit } from '../admission/admission.ts';
import type { Digest, HeaderList, Outbound, Reply } from '../deps.ts';
import { masked } from '../printable.ts';
import type { Identity } from '../token/verify.ts';
import type { Call } from './describe.ts';
import { upstreamFor } from './drill.ts';
import type { Frame } from './guard.ts';
import type { Gate } from './handler.ts';
import { mark, type Send } from './mark.ts';
import { AnswerStream } from './stream.ts';

export interface Permitted {
  readonly frame: Frame;
  readonly who: Identity;
  readonly call: Call;
  readonly permit: Permit;
  readonly arrivedAt: number;
}

/** Synchronous from the look at the permit to the dispatch: nothing can come between. */
export function forward(permitted: Permitted, reply: Reply, gate: Gate): void {
  const { frame, permit, call } = permitted;
  const out = outbound(permitted, gate.newDigest);
  const upstream = upstreamFor(permitted.who, gate);
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
    again: (query, sink) => upstream.send({ ...out, target: frame.path + query }, sink),
  });
  if (stream.over) return;
  const { id: request, mark: code } = permit;
  const order = code === null ? null : { request, code, holder: permitted.who.tester };
  const send: Send = (what, sink) => upstream.send(what, sink);
  stream.follow(order ? mark(order, { out, stream, send }, gate.marker) : send(out, stream));
}

function outbound({ frame, who, call, permit }: Permitted, newDigest: () => Digest): Outbound {
  const passOn = withOwnKey(withoutCredentials(frame.passOn), who.tester, newDigest);
  return {
    method: frame.method,
    target: frame.path + frame.query,
    headers: [
      ...(isRead(call) || permit.withholds ? withoutCodings(passOn) : passOn),
      'x-request-id',
      permit.id,
    ],
    body: call.body,
  };
}

/** Law 4, also for who puts a token where it does not belong. */
function withoutCredentials(headers: HeaderList): HeaderList {
  if (headers.every((text) => masked(text) === text)) return headers;
  return headers.filter((_, i) => masked(headers[i | 1] ?? '') === headers[i | 1]);
}

/** Upstream answers a repeated key with the first answer, and knows one account only: the key is made the tester's own. */
function withOwnKey(headers: HeaderList, tester: string, newDigest: () => Digest): HeaderList {
  if (!headers.includes('idempotency-key')) return headers;
  return headers.map((text, i) => {
    if (i % 2 === 0 || headers[i - 1] !== 'idempotency-key') return text;
    const digest = newDigest();
    digest.update(new TextEncoder().encode(`${tester}\n${text}`));
    return digest.hex();
  });
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
