/** Images: the same scene as the clips, standing still, as real PNG files. */
import { type Body, type Fields, readBody, readJson, requiredText, text, wholeNumber } from './body.ts';
import { invalid, missing } from './errors.ts';
import { modelOf } from './models.ts';
import type { DemoState, Routes } from './state.ts';
import { nowSeconds } from './store.ts';
import { hashOf, tokensIn } from './text.ts';

const COUNT = { from: 1, to: 10, otherwise: 1 };
const DEFAULT_SIZE = '1024x1024';
const MOST_SIDE_PX = 2_048;
const PIXELS_PER_TOKEN = 1_000;

export const imageRoutes: Routes = (app, state) => {
  app.post('/v1/images/generations', async (c) => {
    const fields = await readJson(c.req.raw);
    return c.json(await draw(state, fields, requiredText(fields, 'prompt'), 0));
  });
  app.post('/v1/images/edits', async (c) => {
    const body = await readBody(c.req.raw);
    return c.json(await draw(state, body.fields, requiredText(body.fields, 'prompt'), imagesIn(body)));
  });
  app.post('/v1/images/variations', async (c) => {
    const body = await readBody(c.req.raw);
    return c.json(await draw(state, body.fields, 'A variation', imagesIn(body)));
  });
};

async function draw(state: DemoState, fields: Fields, prompt: string, imagesGiven: number) {
  const model = modelOf(fields, 'gpt-image-1');
  const count = wholeNumber(fields, 'n', COUNT);
  const { width, height, size } = sizeOf(fields);
  const label = `${model}  demo upstream`;
  const scene = { width, height, prompt, label, seconds: 0 };
  const drawings = Array.from({ length: count }, (_, index) =>
    state.renderer.render({ kind: 'still', scene: { ...scene, seed: hashOf(`${prompt}#${index}`) } }),
  );
  const data = (await Promise.all(drawings)).map((png) => ({
    b64_json: Buffer.from(png).toString('base64'),
  }));
  const answer = {
    created: nowSeconds(),
    background: 'opaque',
    data,
    output_format: 'png',
    quality: 'high',
    size,
  };
  return { ...answer, usage: usageOf(prompt, imagesGiven, (count * width * height) / PIXELS_PER_TOKEN) };
}

function usageOf(prompt: string, imagesGiven: number, drawnTokens: number) {
  const details = { text_tokens: tokensIn(prompt), image_tokens: imagesGiven * 320 };
  const input = details.text_tokens + details.image_tokens;
  const output = Math.round(drawnTokens);
  return {
    input_tokens: input,
    input_tokens_details: details,
    output_tokens: output,
    total_tokens: input + output,
  };
}

function imagesIn({ fields, files }: Body): number {
  const given = files.filter((file) => file.name === 'image').length;
  const named = Array.isArray(fields.images) ? fields.images.length : 0;
  if (given + named === 0) throw missing('image');
  return given + named;
}

function sizeOf(fields: Fields): { width: number; height: number; size: string } {
  const asked = text(fields, 'size') ?? 'auto';
  const size = asked === 'auto' ? DEFAULT_SIZE : asked;
  const [width = 0, height = 0] = /^(\d{2,4})x(\d{2,4})$/.exec(size)?.slice(1).map(Number) ?? [];
  const fits = Math.min(width, height) >= 16 && Math.max(width, height) <= MOST_SIDE_PX;
  if (!fits) throw invalid(`Invalid 'size': '${size}'.`, 'size');
  return { width, height, size };
}
