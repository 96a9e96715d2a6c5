/** Video jobs: making them, in all the ways the API offers, and looking them up. */
import {
  type Body,
  type Fields,
  innerText,
  readBody,
  readJson,
  requiredText,
  text,
  wholeNumber,
} from './body.ts';
import { invalid, missing } from './errors.ts';
import { modelOf } from './models.ts';
import type { DemoState, Routes, VideoJob } from './state.ts';
import { newId, nowSeconds, pageOf } from './store.ts';
import { completedVideo, videoView } from './video-job.ts';

const SECONDS = { from: 1, to: 60, otherwise: 4 };
const MOST_STITCHED_SECONDS = 120;
const MOST_PROMPT_CHARACTERS = 32_000;
const DEFAULT_SIZE = '720x1280';
const SIDES_PX = { least: 64, most: 2048 };
const PAGE = { defaultLimit: 20, mostLimit: 100 };

export const videoRoutes: Routes = (app, state) => {
  app.post('/v1/videos', async (c) => c.json(videoView(createVideo(state, await readBody(c.req.raw)))));
  app.get('/v1/videos', (c) => {
    const page = pageOf(state.videos.all(), c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map(videoView) });
  });
  app.post('/v1/videos/edits', async (c) => c.json(videoView(editVideo(state, await readBody(c.req.raw)))));
  app.post('/v1/videos/extensions', async (c) =>
    c.json(videoView(extendVideo(state, await readBody(c.req.raw)))),
  );
  app.post('/v1/videos/characters', async (c) => c.json(createCharacter(state, await readBody(c.req.raw))));
  app.get('/v1/videos/characters/:id', (c) => c.json(state.characters.get(c.req.param('id'))));
  app.get('/v1/videos/:id', (c) => c.json(videoView(state.videos.get(c.req.param('id')))));
  app.delete('/v1/videos/:id', (c) => {
    const { id } = state.videos.remove(c.req.param('id'));
    return c.json({ id, object: 'video.deleted', deleted: true });
  });
  app.post('/v1/videos/:id/remix', async (c) => {
    const source = completedVideo(state, c.req.param('id'));
    const prompt = promptOf(await readJson(c.req.raw));
    return c.json(videoView(addJob(state, { ...source, prompt, remixedFrom: source.id })));
  });
};

function createVideo(state: DemoState, { fields, files }: Body): VideoJob {
  if (!files.some((file) => file.name === 'input_reference')) checkReference(state, fields);
  return addJob(state, {
    model: modelOf(fields, 'sora-2'),
    prompt: promptOf(fields),
    seconds: wholeNumber(fields, 'seconds', SECONDS),
    size: sizeOf(fields),
    remixedFrom: null,
  });
}

function editVideo(state: DemoState, body: Body): VideoJob {
  const source = sourceVideo(state, body);
  return addJob(state, { ...source, prompt: promptOf(body.fields), remixedFrom: null });
}

/** The extension's length is the stitched whole, source included. */
function extendVideo(state: DemoState, body: Body): VideoJob {
  const source = sourceVideo(state, body);
  const added = wholeNumber(body.fields, 'seconds', SECONDS);
  const seconds = Math.min(MOST_STITCHED_SECONDS, source.seconds + added);
  return addJob(state, {
    ...source,
    prompt: promptOf(body.fields),
    seconds,
    remixedFrom: null,
  });
}

type Source = Pick<VideoJob, 'model' | 'seconds' | 'size'>;

/** A video named by id, or an uploaded one, whose length the simulator does not look into. */
function sourceVideo(state: DemoState, { fields, files }: Body): Source {
  const id = innerText(fields, 'video', 'id');
  if (id) return completedVideo(state, id);
  if (!files.some((file) => file.name === 'video')) throw missing('video');
  return { model: modelOf(fields, 'sora-2'), seconds: SECONDS.otherwise, size: sizeOf(fields) };
}

function createCharacter(state: DemoState, { fields, files }: Body) {
  if (!files.some((file) => file.name === 'video')) throw missing('video');
  const name = requiredText(fields, 'name');
  return state.characters.add({ id: newId('char_'), created_at: nowSeconds(), name });
}

function addJob(state: DemoState, job: Omit<VideoJob, 'id' | 'createdAtMs'>): VideoJob {
  return state.videos.add({ ...job, id: newId('video_'), createdAtMs: Date.now() });
}

function checkReference(state: DemoState, fields: Fields): void {
  const fileId = innerText(fields, 'input_reference', 'file_id');
  if (fileId) state.files.get(fileId);
}

function promptOf(fields: Fields): string {
  const prompt = requiredText(fields, 'prompt');
  if (prompt.length <= MOST_PROMPT_CHARACTERS) return prompt;
  throw invalid(`Invalid 'prompt': longer than ${MOST_PROMPT_CHARACTERS} characters.`, 'prompt');
}

function sizeOf(fields: Fields): string {
  const size = text(fields, 'size') ?? DEFAULT_SIZE;
  const sides = /^(\d{2,4})x(\d{2,4})$/.exec(size)?.slice(1).map(Number) ?? [];
  const fits = sides.length === 2 && sides.every((side) => side >= SIDES_PX.least && side <= SIDES_PX.most);
  if (!fits) throw invalid(`Invalid 'size': '${size}'. Expected a size such as '1280x720'.`, 'size');
  return size;
}
