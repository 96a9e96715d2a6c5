/** Who asks: an operator by a bearer credential, or by the session of a browser that the operator signed in with. */
import { and, eq, gt, isNull, or } from 'drizzle-orm';
import type { Context } from 'hono';
import { limitKey } from '../address.ts';
import type { Actor, Control } from '../control.ts';
import { isSecret } from '../secret.ts';
import { operators, operatorTokens, sessions } from '../store/schema.ts';
import type { Role } from '../store/states.ts';
import { StoreUnavailable } from '../store/writer.ts';
import type { Attempts } from './attempts.ts';
import { hashSecret } from './credential.ts';
import { Problem } from './problem.ts';
import { csrfOf, secretIn } from './session-cookie.ts';
import type { SignIn } from './sign-in.ts';

export type SessionRow = typeof sessions.$inferSelect;

/** How whoever asks has shown who they are. */
export interface Shown {
  /** Null for a bearer credential. */
  readonly session: { readonly row: SessionRow; readonly csrf: string } | null;
  /** True for the credential of the data directory: whoever can read that file could change the database as well. */
  readonly isMachine: boolean;
  /** An admin reaches what is others'; by every role, that of the credential too. */
  readonly isAdmin: boolean;
}

export interface Caller extends Shown {
  readonly actor: Actor;
  readonly role: Role;
  /** What each of them may not, the caller may not. */
  readonly roles: readonly Role[];
}

/** How late `last used` and `last seen` may be. */
const SEEN_MS = 60_000;

/** @throws Problem `credential_missing`, `credential_invalid`, `session_ended`, `too_many_attempts` */
export async function authenticate(
  control: Control,
  c: Context,
  signIn: SignIn,
  attempts: Attempts,
): Promise<Caller> {
  const authorization = c.req.header('authorization');
  const cookie = authorization === undefined ? secretIn(c) : undefined;
  if (authorization === undefined && cookie === undefined)
    throw new Problem(
      'credential_missing',
      'Send an operator credential as "Authorization: Bearer pco_…", or sign in to the console.',
    );
  const caller =
    cookie === undefined
      ? await byCredential(control, c, authorization ?? '')
      : await bySession(control, c, cookie, signIn);
  if (caller) return caller;
  // Whoever has a good one is never kept waiting by others' guesses: a kill must come through.
  await attempts.failed(addressOf(c));
  throw cookie === undefined
    ? new Problem('credential_invalid', 'No operator has this credential, or it has expired.')
    : new Problem('session_ended', 'The session has ended: sign in again.');
}

async function byCredential(control: Control, c: Context, authorization: string): Promise<Caller | null> {
  const credential = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (credential === undefined || !isSecret('pco_', credential)) return null;
  // Found by its hash: what a comparison of hashes leaks says nothing about a credential.
  const hash = await hashSecret(credential);
  const found = control.reader
    .select()
    .from(operatorTokens)
    .innerJoin(operators, eq(operators.name, operatorTokens.operator))
    .where(
      and(
        eq(operatorTokens.hash, hash),
        isNull(operatorTokens.endedAt),
        isNull(operators.removedAt),
        or(isNull(operatorTokens.expiresAt), gt(operatorTokens.expiresAt, control.now())),
      ),
    )
    .get();
  if (!found) return null;
  const { operator_tokens: token, operators: operator } = found;
  markUsed(control, token);
  const roles = token.role ? [operator.role, token.role] : [operator.role];
  return {
    actor: { operator: operator.name, address: peerOf(c) },
    role: token.role ?? operator.role,
    roles,
    session: null,
    isMachine: token.expiresAt === null,
    isAdmin: roles.every((one) => one === 'admin'),
  };
}

async function bySession(
  control: Control,
  c: Context,
  secret: string,
  { idleMs }: SignIn,
): Promise<Caller | null> {
  if (!isSecret('pcs_', secret)) return null;
  const now = control.now();
  const found = control.reader
    .select()
    .from(sessions)
    .innerJoin(operators, eq(operators.name, sessions.operator))
    .where(
      and(
        eq(sessions.hash, await hashSecret(secret)),
        isNull(sessions.endedAt),
        isNull(operators.removedAt),
        gt(sessions.expiresAt, now),
        gt(sessions.lastSeenAt, now - idleMs),
      ),
    )
    .get();
  if (!found) return null;
  const { sessions: row, operators: operator } = found;
  markSeen(control, row);
  return {
    actor: { operator: operator.name, address: peerOf(c) },
    role: operator.role,
    roles: [operator.role],
    session: { row, csrf: await csrfOf(secret) },
    isMachine: false,
    isAdmin: operator.role === 'admin',
  };
}

function markUsed(control: Control, { id, lastUsedAt }: typeof operatorTokens.$inferSelect): void {
  const now = control.now();
  if (lastUsedAt !== null && now - lastUsedAt < SEEN_MS) return;
  quietly(control, () =>
    control.writer.update(operatorTokens).set({ lastUsedAt: now }).where(eq(operatorTokens.id, id)).run(),
  );
}

function markSeen(control: Control, { id, lastSeenAt }: SessionRow): void {
  const now = control.now();
  if (now - lastSeenAt < SEEN_MS) return;
  quietly(control, () =>
    control.writer.update(sessions).set({ lastSeenAt: now }).where(eq(sessions.id, id)).run(),
  );
}

/** Nobody waits for it, and a store that takes no writes keeps nobody from stopping the gate. */
function quietly(control: Control, job: () => void): void {
  control.write(job).catch((fault: unknown) => {
    if (!(fault instanceof StoreUnavailable)) console.error('portcullis: a last use was not written:', fault);
  });
}

/** What counts as one client for limits on guessing. */
export function addressOf(c: Context): string {
  return limitKey(peerOf(c) ?? 'here');
}

/** The peer of the connection, as the runtime tells it with the request. */
export function peerOf({ env }: Context): string | null {
  return (env as { readonly peer?: string } | undefined)?.peer ?? null;
}
