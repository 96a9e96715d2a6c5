/** Sessions of browsers: signing in by a one-time link, who is signed in, and ending it. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, desc, eq, gt, isNull } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { sessions, signInLinks } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import type { Attempts } from './attempts.ts';
import { addressOf } from './authenticate.ts';
import { hashSecret } from './credential.ts';
import { Problem } from './problem.ts';
import { clearSession } from './session-cookie.ts';
import { openSession, type SignIn, signInRefused } from './sign-in.ts';

const METHODS = ['link', 'passkey', 'oidc'] as const;

/** What every way to sign in answers; the session itself is in the cookie that comes with it. */
export const SignedIn = z.object({ operator: z.string(), session: z.string() }).openapi('SignedIn');

const Session = z
  .object({
    id: z.string(),
    operator: z.string(),
    method: z.enum(METHODS),
    createdAt: Time,
    lastSeenAt: Time,
    expiresAt: Time,
    address: z.string().nullable(),
    agent: z.string().nullable(),
    isCurrent: z.boolean(),
  })
  .openapi('Session');

const open = createRoute({
  method: 'post',
  path: '/admin/sessions',
  tags: ['sessions'],
  request: { body: body(z.strictObject({ link: z.string().max(256) })) },
  responses: answers(SignedIn, 'The session is in the cookie; the link is used up'),
});

const list = createRoute({
  method: 'get',
  path: '/admin/sessions',
  tags: ['sessions'],
  security: SECURED,
  responses: answers(
    z.object({ sessions: z.array(Session) }),
    'Open sessions, newest first: of admins all, of others their own',
  ),
});

const Ended = z.object({ id: z.string() });

const endCurrent = createRoute({
  method: 'delete',
  path: '/admin/sessions/current',
  tags: ['sessions'],
  security: SECURED,
  responses: answers(Ended.openapi('SessionEnded'), 'Signed out'),
});

const end = createRoute({
  method: 'delete',
  path: '/admin/sessions/{id}',
  tags: ['sessions'],
  security: SECURED,
  request: { params: Ended },
  responses: answers(Ended.openapi('SessionEnded'), 'Ended: the next request in it is refused'),
});

export function sessionRoutes(control: Control, signIn: SignIn, attempts: Attempts) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(open, async (c) => {
      await attempts.signIn(addressOf(c));
      const hash = await hashSecret(c.req.valid('json').link);
      const link = readLink(control, hash);
      if (!link) throw signInRefused();
      const { operator } = link;
      const claim = () =>
        control.writer.delete(signInLinks).where(eq(signInLinks.hash, hash)).run().changes > 0;
      const session = await openSession(control, c, signIn, { operator, method: 'link' }, claim);
      await attempts.wasRight(addressOf(c));
      return c.json({ operator, session: session.id }, 200);
    })
    .openapi(list, (c) => c.json({ sessions: readSessions(control, signIn, c.var) }, 200))
    .openapi(endCurrent, async (c) => {
      const id = c.var.shown.session?.row.id;
      if (id === undefined) throw new Problem('session_unknown', 'You are not in a session.');
      await endSession(control, c.var, id);
      clearSession(c);
      return c.json({ id }, 200);
    })
    .openapi(end, async (c) => {
      const { id } = c.req.valid('param');
      await endSession(control, c.var, id);
      return c.json({ id }, 200);
    });
}

function readLink({ reader, now }: Control, hash: string) {
  const isGood = and(eq(signInLinks.hash, hash), gt(signInLinks.expiresAt, now()));
  return reader.select().from(signInLinks).where(isGood).get();
}

type Asker = AdminEnv['Variables'];

/** Whose sessions, tokens and passkeys the asker reaches; null: everybody's. */
export function reachOf({ actor, shown }: Asker): string | null {
  return shown.isAdmin ? null : actor.operator;
}

function readSessions({ reader, now }: Control, { idleMs }: SignIn, asker: Asker) {
  const [at, own] = [now(), reachOf(asker)];
  const isOpen = and(
    isNull(sessions.endedAt),
    gt(sessions.expiresAt, at),
    gt(sessions.lastSeenAt, at - idleMs),
    own === null ? undefined : eq(sessions.operator, own),
  );
  const rows = reader.select().from(sessions).where(isOpen).orderBy(desc(sessions.id)).limit(1000).all();
  return rows.map(({ id, operator, method, createdAt, lastSeenAt, expiresAt, address, agent }) => ({
    ...{ id, operator, method, address, agent },
    createdAt: iso(createdAt),
    lastSeenAt: iso(lastSeenAt),
    expiresAt: iso(expiresAt),
    isCurrent: id === asker.shown.session?.row.id,
  }));
}

async function endSession(control: Control, asker: Asker, id: string): Promise<void> {
  const own = reachOf(asker);
  const isIts = and(
    eq(sessions.id, id),
    isNull(sessions.endedAt),
    own === null ? undefined : eq(sessions.operator, own),
  );
  const operator = await control.write(() => {
    const endedAt = control.now();
    const ended = control.writer.update(sessions).set({ endedAt }).where(isIts).returning().get();
    if (ended) recordAct(control, asker.actor, 'session.end', `operator:${ended.operator}`, id);
    return ended?.operator;
  });
  if (operator === undefined) throw new Problem('session_unknown', `There is no open session "${id}".`);
}
