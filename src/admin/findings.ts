/** Findings of red teams: reading them, and saying where each stands. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { downloadHeaders } from '../portal/attachments.ts';
import { CATEGORIES, FINDING_STATES, SEVERITIES } from '../store/states.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Page } from './feedback.ts';
import { allFindings, readAttachment, readFinding, readFindings, setStatus } from './finding-rows.ts';
import { LINE_FORMATS, sendLines } from './lines.ts';
import { Next } from './page.ts';
import { Reason } from './switch-shapes.ts';

const integer = z.number().int();
const text = z.string().nullable();

const Finding = z
  .object({
    id: integer,
    tester: z.string(),
    at: Time,
    title: z.string(),
    severity: z.enum(SEVERITIES),
    category: z.enum(CATEGORIES),
    reproduction: z.string(),
    request: text,
    object: text,
    status: z.enum(FINDING_STATES),
    answer: text.openapi({ description: 'What the tester reads with the status' }),
    statusAt: Time.nullable(),
    statusBy: text,
    attachments: z.array(
      z.object({ id: integer, name: z.string(), type: z.string(), bytes: integer, sha256: z.string() }),
    ),
  })
  .openapi('Finding');

const Path = z.object({ id: z.coerce.number<string>('use the number of a finding').int().positive() });
const Attached = Path.extend({ attachment: z.coerce.number<string>('use its number').int().positive() });

const list = createRoute({
  method: 'get',
  path: '/admin/findings',
  tags: ['findings'],
  security: SECURED,
  request: {
    query: Page.extend({
      status: z.enum(FINDING_STATES).optional(),
      severity: z.enum(SEVERITIES).optional(),
    }),
  },
  responses: answers(z.object({ findings: z.array(Finding), next: Next }), 'Findings, newest first'),
});

const exported = createRoute({
  method: 'get',
  path: '/admin/findings/export',
  tags: ['findings'],
  security: SECURED,
  request: { query: z.strictObject({ format: z.enum(LINE_FORMATS).default('jsonl') }) },
  responses: answers(
    z.string(),
    'All findings, the oldest first; what a spreadsheet would run begins with an apostrophe',
  ),
});

const show = createRoute({
  method: 'get',
  path: '/admin/findings/{id}',
  tags: ['findings'],
  security: SECURED,
  request: { params: Path },
  responses: answers(Finding, 'The finding'),
});

const status = createRoute({
  method: 'post',
  path: '/admin/findings/{id}/status',
  tags: ['findings'],
  security: SECURED,
  request: {
    params: Path,
    body: body(
      z.strictObject({
        status: z.enum(FINDING_STATES),
        answer: Reason.optional().openapi({ description: 'The tester reads it; left out: as it was' }),
      }),
    ),
  },
  responses: answers(Finding, 'The finding as it stands now'),
});

const attachment = createRoute({
  method: 'get',
  path: '/admin/findings/{id}/attachments/{attachment}',
  tags: ['findings'],
  security: SECURED,
  request: { params: Attached },
  responses: answers(z.string(), 'The file, as a download'),
});

const COLUMNS = Object.keys(Finding.shape);

export function findingRoutes(control: Control) {
  return (
    new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
      .openapi(list, (c) => c.json(readFindings(control, c.req.valid('query')), 200))
      // Before the route of one finding, whose number it would be.
      .openapi(exported, async (c) => {
        const { format } = c.req.valid('query');
        await control.write(() => recordAct(control, c.var.actor, 'finding.export', 'everything', format));
        return sendLines(c, format, COLUMNS, allFindings(control)) as never;
      })
      .openapi(show, (c) => c.json(readFinding(control, c.req.valid('param').id), 200))
      .openapi(status, async (c) => {
        const { id } = c.req.valid('param');
        return c.json(await setStatus(control, id, c.req.valid('json'), c.var.actor), 200);
      })
      .openapi(attachment, (c) => {
        const { id, attachment: n } = c.req.valid('param');
        const file = readAttachment(control, id, n);
        return c.body(Uint8Array.from(file.data), 200, downloadHeaders(file)) as never;
      })
  );
}
