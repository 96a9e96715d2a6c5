/** Opening and ending sessions: each way to sign in ends here. */
import { and, eq, isNull } from 'drizzle-orm';
import type { Context } from 'hono';
import { uuidv7 } from 'uuidv7';
import type { Control } from '../control.ts';
import { printable } from '../printable.ts';
import { makeSecret } from '../secret.ts';
import { operators, sessions } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { peerOf, type SessionRow } from './authenticate.ts';
import { hashSecret } from './credential.ts';
import { Problem } from './problem.ts';
import { secretIn, setSession } from './session-cookie.ts';

/** Bounds of sessions, all in milliseconds. */
export interface SignIn {
  /** A session ends so long after it began, whatever happens in it. */
  readonly sessionMs: number;
  /** And so long after the last request in it. */
  readonly idleMs: number;
  /** How long after a sign-in what is guarded may be done without another one. */
  readonly freshMs: number;
}

export interface Who {
  readonly operator: string;
  readonly method: SessionRow['method'];
  /** When they showed who they are, Unix milliseconds; now, where nothing else is said. */
  readonly authenticatedAt?: number;
}

/**
 * Opens a session for an operator who has just shown who they are, in the place of the one that the browser had, and
 * sets its cookie.
 * @param claim runs in the same transaction, and uses up what the operator signed in with; false: it was used already
 * @throws Problem `sign_in_refused`
 */
export async function openSession(
  control: Control,
  c: Context<AdminEnv>,
  { sessionMs }: SignIn,
  who: Who,
  claim: () => boolean,
): Promise<SessionRow> {
  const secret = makeSecret('pcs_');
  const [at, before] = [control.now(), secretIn(c)];
  const row: SessionRow = {
    ...{ id: uuidv7(), hash: await hashSecret(secret), ...who },
    ...{ createdAt: at, lastSeenAt: at, expiresAt: at + sessionMs, endedAt: null },
    authenticatedAt: Math.min(who.authenticatedAt ?? at, at),
    ...{ address: peerOf(c), agent: printable(c.req.header('user-agent') ?? '') || null },
  };
  const beforeHash = before === undefined ? null : await hashSecret(before);
  const { operator, method } = who;
  const opened = await control.write(() => {
    const { writer } = control;
    const known = and(eq(operators.name, operator), isNull(operators.removedAt));
    if (!writer.select().from(operators).where(known).get() || !claim()) return false;
    if (beforeHash !== null)
      writer.update(sessions).set({ endedAt: at }).where(eq(sessions.hash, beforeHash)).run();
    writer.insert(sessions).values(row).run();
    recordAct(control, { operator, address: row.address }, 'session.open', `operator:${operator}`, method);
    return true;
  });
  if (!opened) throw signInRefused();
  setSession(c, secret, sessionMs);
  return row;
}

/** One text for whatever was wrong: which of it is nobody's business who cannot sign in. */
export function signInRefused(): Problem {
  return new Problem('sign_in_refused', 'The sign-in is not good, was used already, or came too late.');
}

/** What frees everybody, or gives power away, wants somebody who has just shown who they are. @throws Problem */
export function requireFresh(control: Control, c: Context<AdminEnv>, { freshMs }: SignIn): void {
  const { session, isMachine } = c.var.shown;
  if (isMachine || (session && control.now() - session.row.authenticatedAt <= freshMs)) return;
  throw new Problem(
    'reauthentication_required',
    session
      ? 'This wants a fresh sign-in: sign in again, and repeat it.'
      : 'This wants somebody who is signed in to the console, or the credential of the data directory.',
  );
}
