/** The Responses API: answers at once, as a stream, or in the background. */
import { type Fields, isFields, isYes, readJson, text } from './body.ts';
import { contentText, metadataOf } from './chat.ts';
import { ApiError, invalid, missing } from './errors.ts';
import { modelOf } from './models.ts';
import { responseStream } from './response-stream.ts';
import { responseView, statusOf } from './response-view.ts';
import { sseResponse } from './sse.ts';
import type { DemoState, Routes, StoredResponse } from './state.ts';
import { newId, pageOf } from './store.ts';
import { replyTo, tokensIn } from './text.ts';

const BACKGROUND_MS = 1_400;
const PAGE = { defaultLimit: 20, mostLimit: 100 };

export const responseRoutes: Routes = (app, state) => {
  app.post('/v1/responses', async (c) => {
    const fields = await readJson(c.req.raw);
    const streamed = isYes(fields.stream);
    const entry = answer(state, fields, streamed);
    if (entry.stored) state.responses.add(entry);
    if (!streamed) return c.json(responseView(entry));
    const abort = new AbortController();
    return sseResponse(responseStream(entry, abort.signal), abort);
  });
  app.get('/v1/responses/:id', (c) => c.json(responseView(state.responses.get(c.req.param('id')))));
  app.delete('/v1/responses/:id', (c) => {
    const { id } = state.responses.remove(c.req.param('id'));
    return c.json({ id, object: 'response', deleted: true });
  });
  app.post('/v1/responses/:id/cancel', (c) => {
    const entry = state.responses.get(c.req.param('id'));
    if (!entry.background) throw invalid('Only responses created with background=true can be cancelled.');
    entry.cancelled ||= statusOf(entry) !== 'completed';
    return c.json(responseView(entry));
  });
  app.get('/v1/responses/:id/input_items', (c) => {
    const { inputItems } = state.responses.get(c.req.param('id'));
    return c.json(pageOf(inputItems, c.req.query(), PAGE));
  });
};

function answer(state: DemoState, fields: Fields, streamed: boolean): StoredResponse {
  const inputItems = inputItemsOf(fields);
  const previous = previousOf(state, fields);
  const prompt = inputItems.findLast((item) => item.role === 'user');
  const reply = replyTo(contentText(prompt?.content));
  const background = isYes(fields.background);
  const createdAtMs = Date.now();
  const streamMs = reply.words.reduce((sum, _, index) => sum + reply.delayMs(index), 0);
  return {
    id: newId('resp_'),
    model: modelOf(fields),
    createdAtMs,
    doneAtMs: createdAtMs + (streamed ? streamMs : background ? BACKGROUND_MS : 0),
    background,
    cancelled: false,
    previousId: previous?.id ?? null,
    metadata: metadataOf(fields),
    instructions: text(fields, 'instructions') ?? null,
    stored: fields.store !== false,
    reply,
    inputItems,
    inputTokens:
      tokensOf(inputItems) + (previous ? previous.inputTokens + tokensIn(previous.reply.words.join('')) : 0),
  };
}

function previousOf(state: DemoState, fields: Fields): StoredResponse | undefined {
  const id = text(fields, 'previous_response_id');
  if (id === undefined) return undefined;
  const previous = state.responses.find(id);
  if (previous) return previous;
  throw new ApiError(400, `Previous response with id '${id}' not found.`, {
    param: 'previous_response_id',
    code: 'previous_response_not_found',
  });
}

function inputItemsOf({ input }: Fields): StoredResponse['inputItems'] {
  if (typeof input === 'string' && input) return [messageItem({ role: 'user', content: input })];
  if (!Array.isArray(input) || input.length === 0) throw missing('input');
  return input.filter(isFields).map(messageItem);
}

function messageItem(item: Fields) {
  const id = typeof item.id === 'string' ? item.id : newId('msg_');
  const content =
    typeof item.content === 'string' ? [{ type: 'input_text', text: item.content }] : item.content;
  return { type: 'message', status: 'completed', ...item, id, ...(content === undefined ? {} : { content }) };
}

function tokensOf(items: Fields[]): number {
  return items.reduce((sum, item) => sum + 4 + tokensIn(contentText(item.content)), 3);
}
