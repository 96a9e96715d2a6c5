/** Access tokens that this gateway issued: issuing, listing, revoking. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, desc, eq, gte, isNull, or, sql } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { switches, testers, tokens } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, iso, isoOrNull, nameFaults, SECURED, Time } from './answer.ts';
import { Problem, testerUnknown } from './problem.ts';
import { Reason, StoppedBody, stoppedBody } from './switches.ts';

const Token = z
  .object({
    jti: z.string(),
    tester: z.string(),
    issuedAt: Time,
    expiresAt: Time,
    state: z.enum(['valid', 'expired', 'stopped', 'revoked']),
    /** When it was stopped or revoked. */
    endedAt: Time.nullable(),
  })
  .openapi('Token');

const IssuedToken = z
  .object({
    token: z.string().openapi({ description: 'Shown here and never again' }),
    jti: z.string(),
    tester: z.string(),
    expiresAt: Time,
  })
  .openapi('IssuedToken');

const NewToken = z.strictObject({
  tester: z.string().min(1, 'name the tester'),
  lifetimeDays: z.number().positive('use more than 0 days').max(3650, 'use at most 3650 days').optional(),
});

const list = createRoute({
  method: 'get',
  path: '/admin/tokens',
  tags: ['tokens'],
  security: SECURED,
  request: { query: z.strictObject({ tester: z.string().optional() }) },
  responses: answers(z.object({ tokens: z.array(Token) }), 'Access tokens, newest first, at most 1000'),
});

const issue = createRoute({
  method: 'post',
  path: '/admin/tokens',
  tags: ['tokens'],
  security: SECURED,
  request: { body: body(NewToken) },
  responses: answers(IssuedToken, 'The access token, this once'),
});

const revoke = createRoute({
  method: 'post',
  path: '/admin/tokens/{jti}/revoke',
  tags: ['tokens'],
  security: SECURED,
  request: {
    params: z.object({ jti: z.string() }),
    body: { ...body(z.strictObject({ reason: Reason.optional() })), required: false },
  },
  responses: answers(StoppedBody, 'The acknowledgement of the revocation, which is never released'),
});

export function tokenRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json({ tokens: readTokens(control, c.req.valid('query').tester) }, 200))
    .openapi(issue, async (c) => {
      const { tester, lifetimeDays = null } = c.req.valid('json');
      if (!control.reader.select().from(testers).where(eq(testers.id, tester)).get())
        throw testerUnknown(tester);
      return c.json(await control.issueToken(tester, lifetimeDays, c.var.actor), 200);
    })
    .openapi(revoke, async (c) => {
      const { jti } = c.req.valid('param');
      if (!control.reader.select().from(tokens).where(eq(tokens.jti, jti)).get()) throw tokenUnknown(jti);
      const reason = c.req.valid('json').reason ?? null;
      const stopped = await control.stop({ scope: `token:${jti}`, effect: 'revoke', reason }, c.var.actor);
      return c.json(stoppedBody(stopped), 200);
    });
}

function readTokens(control: Control, tester: string | undefined) {
  const rows = control.reader
    .select({
      token: tokens,
      endedAt: sql<number | null>`min(${switches.engagedAt})`,
      revoked: sql<number | null>`max(${switches.effect} = 'revoke')`,
    })
    .from(tokens)
    .innerJoin(testers, eq(testers.id, tokens.tester))
    .leftJoin(switches, and(isNull(switches.releasedAt), or(ofToken(), wideRevocation())))
    .where(tester === undefined ? undefined : eq(tokens.tester, tester))
    .groupBy(tokens.jti)
    .orderBy(desc(tokens.issuedAt), desc(tokens.jti))
    .limit(1000);
  return rows.all().map(({ token, endedAt, revoked }) => ({
    ...token,
    issuedAt: iso(token.issuedAt),
    expiresAt: iso(token.expiresAt),
    state: stateOf(revoked, token.expiresAt <= control.now()),
    endedAt: isoOrNull(endedAt),
  }));
}

function ofToken() {
  return eq(switches.scope, sql`'token:' || ${tokens.jti}`);
}

/** A revocation of a wider scope takes the tokens issued up to then. */
function wideRevocation() {
  const wide = sql`${switches.scope} in ('global', 'tester:' || ${tokens.tester}, 'cohort:' || ${testers.cohort})`;
  return and(eq(switches.effect, 'revoke'), gte(switches.engagedAt, tokens.issuedAt), wide);
}

/** @param revoked null: no switch ends the token. */
function stateOf(revoked: number | null, expired: boolean): z.infer<typeof Token>['state'] {
  if (revoked !== null) return revoked ? 'revoked' : 'stopped';
  return expired ? 'expired' : 'valid';
}

function tokenUnknown(jti: string): Problem {
  const mend = 'A token of another issuer is revoked with POST /admin/switches and the scope "token:JTI".';
  return new Problem('token_unknown', `No access token "${jti}" was issued here. ${mend}`);
}
