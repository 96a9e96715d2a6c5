/** The bytes of testers' videos, for whoever has to judge them: played as they come, from upstream or a copy that is kept for review. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { eq } from 'drizzle-orm';
import type { Context } from 'hono';
import type { Control } from '../control.ts';
import { type ContentAsk, ContentUnavailable, PLAYED, VARIANTS } from '../outputs/content.ts';
import { objects } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { nameFaults, SECURED } from './answer.ts';
import { Problem } from './problem.ts';
import { recordHourly } from './query-acts.ts';

/** `entered`: an operator named it, and whether it is a video only upstream can say. */
const PLAYABLE: ReadonlySet<string> = new Set(['videos', 'entered']);

const Query = z.strictObject({ variant: z.enum(VARIANTS).default('video') });

export function contentRoutes(control: Control) {
  const app = new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults });
  // Bytes, and so outside the typed client.
  app.openAPIRegistry.registerPath({
    ...{ method: 'get', path: '/admin/objects/{id}/content', tags: ['objects'], security: SECURED },
    request: { params: z.object({ id: z.string() }), query: Query },
    responses: {
      200: {
        description: 'The video as upstream gives it; with `Range` a part of it (206)',
        content: { 'video/mp4': { schema: z.string() }, 'image/png': { schema: z.string() } },
      },
    },
  });
  app.get('/admin/objects/:id/content', async (c) => {
    const asked = Query.safeParse(c.req.query());
    if (!asked.success) throw new Problem('request_invalid', `variant: use ${VARIANTS.join(', ')}.`);
    const { id } = c.req.param();
    checkPlayable(control, id);
    await recordHourly(control, c.var.actor, 'object.play', `object:${id}`);
    return play(control, askOf(c, id, asked.data.variant), c.req.raw.signal);
  });
  return app;
}

function checkPlayable({ reader }: Control, id: string): void {
  const object = reader.select().from(objects).where(eq(objects.id, id)).get();
  if (!object) throw new Problem('object_unknown', `This gate never handed out "${id}"; it is nobody's.`);
  if (!PLAYABLE.has(object.kind))
    throw new Problem('content_missing', `"${id}" is one of the ${object.kind}; only videos are played.`);
  if (object.deletedAt !== null) throw new Problem('content_missing', `"${id}" was deleted at upstream.`);
}

function askOf(c: Context, video: string, variant: ContentAsk['variant']): ContentAsk {
  const [range, ifRange] = [c.req.header('range') ?? null, c.req.header('if-range') ?? null];
  return { video, variant, range, ifRange, headOnly: c.req.raw.method === 'HEAD' };
}

async function play(control: Control, ask: ContentAsk, signal: AbortSignal): Promise<Response> {
  try {
    const { status, headers, body } = await control.content(ask, signal);
    return new Response(body, { status, headers: { ...headers, ...PLAYED } });
  } catch (fault) {
    if (!(fault instanceof ContentUnavailable)) throw fault;
    if (fault.status === 404)
      throw new Problem('content_missing', `The model API has no ${ask.variant} of "${ask.video}" (yet).`);
    throw new Problem('upstream_failed', `The model API did not give "${ask.video}": ${fault.message}.`);
  }
}
