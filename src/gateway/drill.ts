/** What a drill of the stop calls: a tester, a cohort and a model that are nobody's, and an upstream within the process. */
import type { AnswerSink, Outbound, Sending, Upstream } from '../deps.ts';
import type { Identity } from '../token/verify.ts';

/** One name for its tester, its cohort and its model. */
export const DRILL = 'portcullis-drill';

/** Names that only the gate itself gives. */
export const isReserved = (name: string): boolean => name === DRILL;

export const DRILL_RULES = {
  allow: [{ operations: ['chat.completions.create'], models: [DRILL] }],
  caps: {},
  rules: [],
  moderation: null,
  outputs: 'open',
  watermark: false,
  capture: 'none',
  limits: {},
  quotas: {},
  sharedQuotas: {},
} as const;

const EVERY_MS = 5;
const EVENT = new TextEncoder().encode('data: {"choices":[]}\n\n');

/** Streams events until each is aborted. Nothing of it leaves the process. */
export class DrillUpstream implements Upstream {
  /** Calls that reached it. */
  dispatched = 0;

  send(_: Outbound, sink: AnswerSink): Sending {
    this.dispatched++;
    const timer = setInterval(() => void sink.data(EVENT), EVERY_MS);
    queueMicrotask(() => sink.head(200, { 'content-type': 'text/event-stream' }));
    return { abort: () => clearInterval(timer), resume: () => {} };
  }

  dial(...[, , sink]: Parameters<Upstream['dial']>): Pick<Sending, 'abort'> {
    queueMicrotask(() => sink.error('unreachable'));
    return { abort: () => {} };
  }

  quotesKey(): boolean {
    return false;
  }
}

/** Calls of the drill's tester never reach the real one. */
export function upstreamFor(
  { tester }: Identity,
  { upstream, drill }: { readonly upstream: Upstream; readonly drill: Upstream },
): Upstream {
  return tester === DRILL ? drill : upstream;
}
