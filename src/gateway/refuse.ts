/** Answers a refused call: one row, then the public text. */

import { canonical } from '../address.ts';
import type { Arrival } from '../admission/admission.ts';
import type { Inbound, Reply } from '../deps.ts';
import { masked, printable } from '../printable.ts';
import { Refusal, refusalBody, refusalHeaders } from '../refusal.ts';
import type { Identity } from '../token/verify.ts';
import type { Frame } from './guard.ts';
import type { Gate } from './handler.ts';
import type { Route } from './routes.ts';

/** What is known of a call so far; a refusal's row says as much as that. */
export class Sight {
  readonly operation: string | null;
  #arrival: Arrival;
  #who: Identity | null = null;

  constructor({ method, target, peer }: Inbound, route: Pick<Route, 'operation'> | null, gate: Gate) {
    this.operation = route?.operation ?? null;
    this.#arrival = {
      id: gate.newId(),
      at: gate.now(),
      method: printable(method).slice(0, 16),
      // Without the query: before the guard has spoken it may hold anything, credentials too.
      path: printable(target.split('?', 1)[0] ?? ''),
      address: canonical(peer),
      agent: null,
      clientRequestId: null,
    };
  }

  get arrival(): Arrival {
    return this.#arrival;
  }

  get who(): Identity | null {
    return this.#who;
  }

  framed(frame: Frame): Frame {
    const { path, address, agent, clientRequestId } = frame;
    this.#arrival = { ...this.#arrival, path: masked(path), address, agent, clientRequestId };
    return frame;
  }

  known(who: Identity): Identity {
    this.#who = who;
    return who;
  }
}

/** Never rejects. A refusal whose row cannot be committed is answered as our own fault. */
export async function answerRefusal(fault: unknown, sight: Sight, reply: Reply, gate: Gate): Promise<void> {
  let refusal = fault instanceof Refusal ? fault : unexpected(fault, sight.arrival.id);
  const { arrival, who, operation } = sight;
  try {
    if (!refusal.recorded) await gate.admission.refuse({ arrival, who, operation, refusal });
  } catch (cause) {
    refusal = cause instanceof Refusal ? cause : unexpected(cause, arrival.id);
  }
  sendRefusal(refusal, arrival.id, reply, gate.realm, arrival.method === 'HEAD');
}

export function sendRefusal(
  refusal: Refusal,
  id: string,
  reply: Reply,
  realm: string,
  headOnly: boolean,
): void {
  if (reply.started) {
    reply.abort();
    return;
  }
  const body = refusalBody(refusal, id);
  const length = String(new TextEncoder().encode(body).length);
  reply.head(refusal.status, [...refusalHeaders(refusal, id, realm), 'content-length', length]);
  reply.end(headOnly ? undefined : body);
}

/** A fault of our own is written where operators look, and told to nobody else. */
export function unexpected(fault: unknown, id: string): Refusal {
  console.error(`call ${id} failed:`, fault);
  return new Refusal('gateway_fault', fault instanceof Error ? fault.name : 'unknown');
}
