/** Whose clip is this, by the code in its picture? */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { marksLike, readCode } from '../outputs/marks.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';

const Mark = z
  .object({
    code: z.string(),
    tester: z.string().openapi({ description: 'Whose clip it was when it was downloaded' }),
    object: z.string(),
    request: z.string().openapi({ description: 'The call that downloaded it, in the request log' }),
    at: Time,
  })
  .openapi('Mark');

const get = createRoute({
  method: 'get',
  path: '/admin/trace/codes/{code}',
  tags: ['outputs'],
  security: SECURED,
  request: {
    params: z.object({
      code: z.string().openapi({
        description:
          'The code or its beginning, `?` (as %3F) for a character that cannot be read; three are needed',
        example: 'ABCD34%3FW',
      }),
    }),
  },
  responses: answers(z.object({ marks: z.array(Mark) }), 'Downloads with such a code, 50 at most'),
});

export function codeRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(get, async (c) => {
    const code = readCode(c.req.valid('param').code);
    if (code === null)
      throw new Problem(
        'request_invalid',
        'code: give up to eight characters of it, "?" for what cannot be read, and three that can.',
      );
    await control.write(() => recordAct(control, c.var.actor, 'output.trace', `code:${code}`));
    const marks = marksLike(control.reader, code).map((one) => ({ ...one, at: iso(one.at) }));
    return c.json({ marks }, 200);
  });
}
