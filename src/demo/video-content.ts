/** What a finished video job can be downloaded as: the clip, a thumbnail, a sprite sheet. */
import { createHash } from 'node:crypto';
import { bytesResponse } from './byte-range.ts';
import { invalid } from './errors.ts';
import type { RenderJob } from './picture/render.ts';
import type { Routes, VideoJob } from './state.ts';
import { hashOf } from './text.ts';
import { completedVideo } from './video-job.ts';

const VARIANTS: Record<string, { kind: RenderJob['kind']; type: string }> = {
  video: { kind: 'clip', type: 'video/mp4' },
  thumbnail: { kind: 'still', type: 'image/png' },
  spritesheet: { kind: 'sheet', type: 'image/png' },
};

export const videoContentRoutes: Routes = (app, state) => {
  // Hono answers HEAD from the GET route and drops the body.
  app.get('/v1/videos/:id/content', async (c) => {
    const job = completedVideo(state, c.req.param('id'));
    const name = c.req.query('variant') ?? 'video';
    const variant = Object.hasOwn(VARIANTS, name) ? VARIANTS[name] : undefined;
    if (!variant) throw invalid(`Invalid 'variant': '${name}'.`, 'variant');
    const bytes = await state.renderer.render({ kind: variant.kind, scene: sceneOf(job) });
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 27)}"`;
    return bytesResponse(c.req.raw, { bytes, etag, type: variant.type });
  });
};

function sceneOf(job: VideoJob) {
  const [width = 0, height = 0] = job.size.split('x').map(Number);
  const { prompt, seconds } = job;
  return { width, height, prompt, seconds, seed: hashOf(prompt), label: `${job.model}  demo upstream` };
}
