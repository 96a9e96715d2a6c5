/** Access tokens that this gateway issued: issuing, listing, renewing, revoking. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { eq } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { isReserved } from '../gateway/drill.ts';
import { testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Limit, Next } from './page.ts';
import { Problem, testerUnknown } from './problem.ts';
import { stoppedBody } from './switch-rows.ts';
import { Reason, StoppedBody } from './switch-shapes.ts';
import { readToken, readTokens, TOKEN_STATES } from './token-rows.ts';

const Token = z
  .object({
    jti: z.string(),
    tester: z.string(),
    issuedAt: Time,
    expiresAt: Time,
    lastUsedAt: Time.nullable().openapi({ description: 'Of its last call; up to a minute late' }),
    state: z.enum(TOKEN_STATES).openapi({ description: 'key-ended: the key that signed it was withdrawn' }),
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

const Days = z.number().positive('use more than 0 days').max(3650, 'use at most 3650 days');
const NewToken = z.strictObject({
  tester: z.string().min(1, 'name the tester'),
  lifetimeDays: Days.optional(),
});
const Renewal = z.strictObject({
  lifetimeDays: Days.optional(),
  revokeOld: z
    .boolean()
    .default(false)
    .openapi({ description: 'Revoke the old token once the new one is issued' }),
});

const Jti = z.object({ jti: z.string() });

const list = createRoute({
  method: 'get',
  path: '/admin/tokens',
  tags: ['tokens'],
  security: SECURED,
  request: {
    query: z.strictObject({
      tester: z.string().optional(),
      after: z.string().optional().openapi({ description: 'jti of the last token of the page before' }),
      limit: Limit,
    }),
  },
  responses: answers(z.object({ tokens: z.array(Token), next: Next }), 'Access tokens, newest first, a page'),
});

const issue = createRoute({
  method: 'post',
  path: '/admin/tokens',
  tags: ['tokens'],
  security: SECURED,
  request: { body: body(NewToken) },
  responses: answers(IssuedToken, 'The access token, this once'),
});

const renew = createRoute({
  method: 'post',
  path: '/admin/tokens/{jti}/renew',
  tags: ['tokens'],
  security: SECURED,
  request: { params: Jti, body: { ...body(Renewal), required: false } },
  responses: answers(IssuedToken, 'A new access token for the same tester, this once'),
});

const revoke = createRoute({
  method: 'post',
  path: '/admin/tokens/{jti}/revoke',
  tags: ['tokens'],
  security: SECURED,
  request: {
    params: Jti,
    body: { ...body(z.strictObject({ reason: Reason.optional() })), required: false },
  },
  responses: answers(StoppedBody, 'The acknowledgement of the revocation, which is never released'),
});

export function tokenRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(readTokens(control, c.req.valid('query')), 200))
    .openapi(issue, async (c) => {
      const { tester, lifetimeDays = null } = c.req.valid('json');
      // The drill's own tokens are never handed out.
      if (isReserved(tester) || !control.reader.select().from(testers).where(eq(testers.id, tester)).get())
        throw testerUnknown(tester);
      return c.json(await control.issueToken(tester, lifetimeDays, c.var.actor), 200);
    })
    .openapi(renew, async (c) => {
      const { jti } = c.req.valid('param');
      const { lifetimeDays = null, revokeOld = false } = c.req.valid('json');
      const { tester } = renewable(control, jti);
      const issued = await control.issueToken(tester, lifetimeDays, c.var.actor, jti);
      // In this order: a renewal that fails leaves the tester the old token.
      if (revokeOld)
        await control.stop({ scope: `token:${jti}`, effect: 'revoke', reason: null }, c.var.actor);
      return c.json(issued, 200);
    })
    .openapi(revoke, async (c) => {
      const { jti } = c.req.valid('param');
      if (!readToken(control, jti)) throw tokenUnknown(jti);
      const reason = c.req.valid('json').reason ?? null;
      const stopped = await control.stop({ scope: `token:${jti}`, effect: 'revoke', reason }, c.var.actor);
      return c.json(stoppedBody(stopped), 200);
    });
}

/** A token that expired, or whose key ended, may be renewed; one that itself was ended on purpose may not. */
function renewable(control: Control, jti: string) {
  const token = readToken(control, jti);
  if (!token) throw tokenUnknown(jti);
  if (token.state === 'revoked')
    throw new Problem('token_ended', `It was revoked. Issue another: portcullis token issue ${token.tester}`);
  if (token.state === 'stopped')
    throw new Problem('token_ended', `It is stopped. Release it first: portcullis resume token:${jti}`);
  return token;
}

function tokenUnknown(jti: string): Problem {
  const mend = 'A token of another issuer is revoked with POST /admin/switches and the scope "token:JTI".';
  return new Problem('token_unknown', `No access token "${jti}" was issued here. ${mend}`);
}
