/** Feedback and appeals: what testers say, of a call or an output, or against a stop. */
import { and, count, desc, eq, gte } from 'drizzle-orm';
import { iso } from '../iso.ts';
import { Refusal } from '../refusal.ts';
import { appeals, feedback, type findings } from '../store/schema.ts';
import { recordTestersAct, writeUnlessRefused } from './acts.ts';
import { ownRow } from './calls.ts';
import type { AppealInput, FeedbackInput } from './input.ts';
import { readObject } from './outputs.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Feedback {
  readonly id: number;
  readonly at: string;
  readonly rating: number;
  readonly text: string;
  readonly call: string | null;
  readonly object: string | null;
}

export interface Appeal {
  readonly id: number;
  readonly at: string;
  readonly text: string;
}

const MOST_SHOWN = 200;
const DAY_MS = 86_400_000;
/** Of one tester and kind, in any 24 hours. */
const MOST_A_DAY = 200;

/** Newest first. */
export function readFeedback({ reader }: Portal, { tester }: Visitor): Feedback[] {
  const rows = reader.select().from(feedback).where(eq(feedback.tester, tester));
  return rows
    .orderBy(desc(feedback.id))
    .limit(MOST_SHOWN)
    .all()
    .map(({ id, at, rating, text, request, object }) => {
      return { id, at: iso(at), rating, text, call: request, object };
    });
}

/** @throws Refusal where the call or the object is not the tester's own */
export async function giveFeedback(
  portal: Portal,
  visitor: Visitor,
  address: string,
  { rating, text, call, object }: FeedbackInput,
): Promise<Feedback> {
  checkOwn(portal, visitor, { call, object });
  const at = portal.now();
  const said = { rating, text, request: call ?? null, object: object ?? null };
  const { id } = await writeUnlessRefused(portal, () => {
    const full = checkRoom(portal, feedback, visitor.tester);
    if (full) return full;
    const row = { tester: visitor.tester, at, ...said };
    const made = portal.writer.insert(feedback).values(row).returning({ id: feedback.id }).get();
    const act = { act: 'feedback.give', subject: `feedback:${made.id}`, said };
    recordTestersAct(portal, visitor, address, act);
    return made;
  });
  return { id, at: iso(at), rating, text, call: said.request, object: said.object };
}

/** Newest first. */
export function readAppeals({ reader }: Portal, { tester }: Visitor): Appeal[] {
  const rows = reader.select().from(appeals).where(eq(appeals.tester, tester));
  return rows
    .orderBy(desc(appeals.id))
    .limit(MOST_SHOWN)
    .all()
    .map(({ id, at, text }) => ({ id, at: iso(at), text }));
}

export async function appeal(
  portal: Portal,
  visitor: Visitor,
  address: string,
  { text }: AppealInput,
): Promise<Appeal> {
  const at = portal.now();
  const { id } = await writeUnlessRefused(portal, () => {
    const full = checkRoom(portal, appeals, visitor.tester);
    if (full) return full;
    const row = { tester: visitor.tester, at, text };
    const made = portal.writer.insert(appeals).values(row).returning({ id: appeals.id }).get();
    const act = { act: 'appeal.give', subject: `appeal:${made.id}`, said: { text } };
    recordTestersAct(portal, visitor, address, act);
    return made;
  });
  return { id, at: iso(at), text };
}

/** @throws Refusal as if they did not exist */
export function checkOwn(
  portal: Portal,
  visitor: Visitor,
  { call, object }: { readonly call?: string | undefined; readonly object?: string | undefined },
): void {
  if (call !== undefined) ownRow(portal, visitor, call);
  if (object !== undefined) readObject(portal, visitor, object);
}

/** Runs inside a writer's job. One tester shall not fill the store. */
export function checkRoom(
  { writer, now }: Portal,
  table: typeof feedback | typeof appeals | typeof findings,
  tester: string,
): Refusal | null {
  const recent = and(eq(table.tester, tester), gte(table.at, now() - DAY_MS));
  const row = writer.select({ n: count() }).from(table).where(recent).get();
  if ((row?.n ?? 0) < MOST_A_DAY) return null;
  return new Refusal('rate_limited', 'portal', {
    message: `At most ${MOST_A_DAY} a day.`,
    rule: 'limit:portal',
    retryAfterSeconds: 3600,
  });
}
