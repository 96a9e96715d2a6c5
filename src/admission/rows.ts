/** The rows of the request log, as admission writes them. */
import type { Refusal } from '../refusal.ts';
import type { Arrival, Ask, RefusedCall, Settlement } from './admission.ts';
import { unitsText } from './books.ts';
import type { Decision } from './decide.ts';

/** The row of a call that reached admission; open when it is allowed. */
export function admittedRow({ arrival, who, call }: Ask, decision: Decision, now: number, node: number) {
  const { refusal, bearer } = decision;
  return {
    ...arrived(arrival),
    tester: who.tester,
    cohort: bearer.cohort || null,
    token: who.jti,
    clientId: who.clientId,
    operation: call.operation,
    model: call.model,
    seconds: call.seconds,
    size: call.size,
    n: call.n,
    node,
    reserved: unitsText(decision.charge?.units),
    bytesIn: call.body?.length ?? 0,
    decision: refusal ? 'refused' : 'allowed',
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
    node: null,
    reserved: null,
    bytesIn: 0,
    decision: 'refused',
    rule: refusal.public.rule ?? null,
    ...refused(refusal, arrival, now),
  };
}

/** The values that settle a row. */
export function settledRow(id: string, settlement: Settlement, rule: string | null, used: string | null) {
  const { bytesIn = null } = settlement;
  return { ...settlement, id, rule, bytesIn, used };
}

function arrived({ id, at, method, path, address, agent, clientRequestId }: Arrival) {
  return { id, at, method, path, address, agent, clientRequestId };
}

function refused(refusal: Refusal | null, arrival: Arrival, now: number) {
  return {
    outcome: refusal?.code ?? null,
    detail: refusal?.detail || null,
    status: refusal?.status ?? null,
    durationMs: refusal ? now - arrival.at : null,
  };
}
