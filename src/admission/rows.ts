/** The rows of the request log, as admission writes them. */
import { legible, masked } from '../printable.ts';
import type { Refusal } from '../refusal.ts';
import type { Arrival, Ask, RefusedCall } from './admission.ts';
import { type Entry, unitsText } from './books.ts';
import type { Decision } from './decide.ts';

/** A call may name as many as it likes; its row does not grow with them. */
const MOST_OBJECTS = 64;
const PLAIN_ID = /^[\x21-\x7e]{1,128}$/;

/** The row of a call that reached admission; open when it is allowed. */
export function admittedRow({ arrival, who, call }: Ask, decision: Decision, now: number, node: number) {
  const { refusal, bearer, policy, shadow } = decision;
  return {
    ...arrived(arrival),
    // What came by a link may be nobody's.
    tester: who.tester || null,
    cohort: bearer.cohort || null,
    token: who.jti || null,
    clientId: who.clientId || null,
    operation: call.operation,
    // What was judged: of a clip that is made out of another one, its source's.
    model: shown(bearer.model),
    seconds: call.seconds,
    size: shown(call.size),
    n: call.n,
    policy,
    shadow: shadow.length > 0 ? JSON.stringify(shadow) : null,
    node,
    reserved: unitsText(decision.charge?.units),
    bytesIn: call.body?.length ?? 0,
    objects: objectsText(call.named.map(({ id }) => id)),
    decision: refusal ? ('refused' as const) : ('allowed' as const),
    rule: decision.rule || null,
    ...refused(refusal, arrival, now),
  };
}

/** The row of a call that was refused before admission. */
export function refusedRow({ arrival, who, operation, refusal }: RefusedCall, now: number) {
  return {
    ...arrived(arrival),
    tester: who?.tester ?? null,
    cohort: null,
    token: who?.jti ?? null,
    clientId: who?.clientId ?? null,
    operation,
    model: null,
    seconds: null,
    size: null,
    n: null,
    policy: null,
    shadow: null,
    node: null,
    reserved: null,
    bytesIn: 0,
    objects: null,
    decision: 'refused' as const,
    rule: refusal.public.rule ?? null,
    ...refused(refusal, arrival, now),
  };
}

/** The values that settle a row. */
export function settledRow({ id, settlement, rule, bytesIn, objects }: Entry, used: string | null) {
  const { outcome, detail, status, upstreamStatus, upstreamRequestId, firstByteMs, durationMs } = settlement;
  const { bytesOut, outputHash = null, made = [] } = settlement;
  const ended = { outcome, status, upstreamStatus, firstByteMs, durationMs };
  const ids = [...objects, ...made.map((one) => one.id)];
  const bytes = { bytesIn: settlement.bytesIn ?? bytesIn, bytesOut };
  const told = { detail: shown(detail), upstreamRequestId: shown(upstreamRequestId) };
  return { id, rule, ...ended, ...told, ...bytes, used, outputHash, objects: objectsText(ids) };
}

/** As the log keeps them; what does not look like an id (and may be a secret) is left out. */
function objectsText(ids: readonly string[]): string | null {
  const kept = [...new Set(ids)].filter((id) => PLAIN_ID.test(id) && masked(id) === id);
  return kept.length === 0 ? null : JSON.stringify(kept.slice(0, MOST_OBJECTS));
}

/** Callers put tokens anywhere, texts of any length, and what steers a terminal. */
function shown(text: string | null): string | null {
  return text === null ? null : legible(text);
}

function arrived({ id, at, method, path, address, agent, clientRequestId }: Arrival) {
  return { id, at, method, path, address, agent, clientRequestId };
}

function refused(refusal: Refusal | null, arrival: Arrival, now: number) {
  const rules = refusal?.public.rules ?? [];
  return {
    brokenRules: rules.length > 0 ? JSON.stringify(rules) : null,
    outcome: refusal?.code ?? null,
    detail: shown(refusal?.detail || null),
    status: refusal?.status ?? null,
    durationMs: refusal ? now - arrival.at : null,
  };
}
