/** Switches: engaging a stop or a revocation, releasing a stop for all or for some, and reading what is engaged. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Scope } from '../admission/scope.ts';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED } from './answer.ts';
import { AfterId, Limit, Next } from './page.ts';
import { Problem } from './problem.ts';
import { requireFresh, type SignIn } from './sign-in.ts';
import { checkExists, readReach, readSwitch, readSwitches, stoppedBody } from './switch-rows.ts';
import {
  Order,
  Reach,
  Readmission,
  Reason,
  Released,
  ScopeText,
  StoppedBody,
  Switch,
  SwitchDetail,
} from './switch-shapes.ts';

const Path = z.object({ id: z.coerce.number().int().positive('use the number of a switch') });

const list = createRoute({
  method: 'get',
  path: '/admin/switches',
  tags: ['switches'],
  security: SECURED,
  request: {
    query: z.strictObject({
      engaged: z.enum(['true', 'false']).optional(),
      scope: ScopeText.optional().openapi({ description: 'Of exactly this scope' }),
      after: AfterId,
      limit: Limit,
    }),
  },
  responses: answers(z.object({ switches: z.array(Switch), next: Next }), 'Switches, newest first, a page'),
});

const reach = createRoute({
  method: 'get',
  path: '/admin/switches/reach',
  tags: ['switches'],
  security: SECURED,
  request: { query: z.strictObject({ scope: ScopeText }) },
  responses: answers(Reach, 'Whom and what a stop of this scope would hit now; nothing is changed'),
});

const show = createRoute({
  method: 'get',
  path: '/admin/switches/{id}',
  tags: ['switches'],
  security: SECURED,
  request: { params: Path },
  responses: answers(SwitchDetail, 'The switch, whom it lets through, and the jobs that it cancels'),
});

const engage = createRoute({
  method: 'post',
  path: '/admin/switches',
  tags: ['switches'],
  security: SECURED,
  request: { body: body(Order) },
  responses: answers(StoppedBody, 'The acknowledgement of the stop'),
});

const release = createRoute({
  method: 'post',
  path: '/admin/switches/release',
  tags: ['switches'],
  security: SECURED,
  request: { body: body(z.strictObject({ scope: ScopeText, reason: Reason })) },
  responses: answers(Released, 'The released switches'),
});

const readmit = createRoute({
  method: 'post',
  path: '/admin/switches/{id}/readmissions',
  tags: ['switches'],
  security: SECURED,
  request: { params: Path, body: body(Readmission) },
  responses: answers(SwitchDetail, 'The stop, which holds for everybody else'),
});

export function switchRoutes(control: Control, signIn: SignIn) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(readSwitches(control, c.req.valid('query')), 200))
    .openapi(reach, (c) => {
      const { scope } = c.req.valid('query');
      checkExists(control, scope);
      return c.json(readReach(control, scope), 200);
    })
    .openapi(show, (c) => c.json(readSwitch(control, c.req.valid('param').id), 200))
    .openapi(engage, async (c) => {
      const { until, ...order } = c.req.valid('json');
      checkExists(control, order.scope);
      const { reason = null, ...more } = order;
      const stopped = await control.stop({ ...more, reason, until: untilOf(control, until) }, c.var.actor);
      return c.json(stoppedBody(stopped), 200);
    })
    .openapi(release, async (c) => {
      const { scope, reason } = c.req.valid('json');
      if (scope === 'global') requireFresh(control, c, signIn);
      const { ids, heldInMemory, releasedAt } = await control.release(scope, reason, c.var.actor);
      if (ids.length + heldInMemory === 0) throw notEngaged(control, scope);
      return c.json({ scope, ids: [...ids], releasedAt: iso(releasedAt) }, 200);
    })
    .openapi(readmit, async (c) => {
      const { id } = c.req.valid('param');
      const { scopes, reason } = c.req.valid('json');
      // All cohorts one by one are everybody, too.
      if (readSwitch(control, id).scope === 'global') requireFresh(control, c, signIn);
      await control.readmit(id, checkNarrower(control, id, scopes), reason, c.var.actor);
      return c.json(readSwitch(control, id), 200);
    });
}

function untilOf({ now }: Control, until: string | undefined): number | null {
  if (until === undefined) return null;
  const unixMs = Date.parse(until);
  if (unixMs > now()) return unixMs;
  const message = `it is past: the server's time is ${iso(now())}`;
  throw new Problem('request_invalid', `until: ${message}.`, [{ field: 'until', message }]);
}

function checkNarrower(control: Control, id: number, scopes: readonly string[]): Scope[] {
  const { scope: stopped, effect, releasedAt } = readSwitch(control, id);
  if (effect === 'revoke')
    throw new Problem('switch_not_engaged', `Switch ${id} is a revocation: issue new tokens instead.`);
  if (releasedAt !== null) throw new Problem('switch_not_engaged', `Switch ${id} was released already.`);
  return scopes.map((scope) => {
    const isNarrower = !stopped.startsWith('tester:') && !stopped.startsWith('token:') && scope !== stopped;
    if (!isNarrower || (stopped.startsWith('cohort:') && scope.startsWith('cohort:')))
      throw new Problem(
        'request_invalid',
        `scopes: "${scope}" is not narrower than "${stopped}"; release that stop, or name testers in it.`,
      );
    checkExists(control, scope as Scope);
    return scope as Scope;
  });
}

/** Says which wider stop is in the way, for that is what whoever asks wants to get through. */
function notEngaged(control: Control, scope: Scope): Problem {
  const engaged = readSwitches(control, { engaged: 'true', scope: 'global', limit: 1000 }).switches;
  const wider = scope === 'global' ? undefined : engaged.find(({ effect }) => effect === 'stop');
  const mend = wider
    ? ` "global" is stopped by switch ${wider.id}: let "${scope}" through with POST /admin/switches/${wider.id}/readmissions.`
    : '';
  return new Problem('switch_not_engaged', `No stop of "${scope}" is engaged.${mend}`);
}
