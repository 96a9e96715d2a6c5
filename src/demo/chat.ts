/** Chat completions, at once or streamed, and the stored ones that can be fetched later. */
import type { Hono } from 'hono';
import { type Fields, isFields, isYes, readJson } from './body.ts';
import { chatStream } from './chat-stream.ts';
import { missing } from './errors.ts';
import { modelOf } from './models.ts';
import { sseResponse } from './sse.ts';
import type { DemoState, Metadata, Routes, StoredChat } from './state.ts';
import { newId, nowSeconds, pageOf } from './store.ts';
import { type Reply, replyTo, tokensIn } from './text.ts';

const PAGE = { defaultLimit: 20, mostLimit: 100, defaultOrder: 'asc' } as const;

/** One answered request, before it takes the shape of JSON or of a stream. */
export type Turn = {
  id: string;
  model: string;
  created: number;
  reply: Reply;
  usage: ReturnType<typeof usageOf>;
};

export const chatRoutes: Routes = (app, state) => {
  app.post('/v1/chat/completions', async (c) => {
    const fields = await readJson(c.req.raw);
    const messages = messagesOf(fields);
    const turn = answer(modelOf(fields), messages);
    if (isYes(fields.store)) keep(state, turn, fields, messages);
    if (!isYes(fields.stream)) return c.json(completionView(turn));
    const options = isFields(fields.stream_options) ? fields.stream_options : {};
    const abort = new AbortController();
    return sseResponse(chatStream(turn, isYes(options.include_usage), abort.signal), abort);
  });
  storedChatRoutes(app, state);
};

function storedChatRoutes(app: Hono, state: DemoState): void {
  app.get('/v1/chat/completions', (c) => {
    const model = c.req.query('model');
    const chats = state.chats.all().filter((chat) => model === undefined || chat.model === model);
    const page = pageOf(chats, c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map(storedView) });
  });
  app.get('/v1/chat/completions/:id', (c) => c.json(storedView(state.chats.get(c.req.param('id')))));
  app.get('/v1/chat/completions/:id/messages', (c) => {
    const { id, messages } = state.chats.get(c.req.param('id'));
    const stored = messages.filter(isFields).map((message, index) => ({ ...message, id: `${id}-${index}` }));
    return c.json(pageOf(stored, c.req.query(), PAGE));
  });
  app.post('/v1/chat/completions/:id', async (c) => {
    const chat = state.chats.get(c.req.param('id'));
    chat.metadata = metadataOf(await readJson(c.req.raw));
    return c.json(storedView(chat));
  });
  app.delete('/v1/chat/completions/:id', (c) => {
    const { id } = state.chats.remove(c.req.param('id'));
    return c.json({ id, object: 'chat.completion.deleted', deleted: true });
  });
}

export function metadataOf(fields: Fields): Metadata {
  if (!isFields(fields.metadata)) return {};
  return Object.fromEntries(Object.entries(fields.metadata).map(([name, value]) => [name, String(value)]));
}

/** The words of a message's content, whether a text or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const parts = content.filter(isFields).map((part) => (typeof part.text === 'string' ? part.text : ''));
  return parts.filter(Boolean).join(' ');
}

function answer(model: string, messages: unknown[]): Turn {
  const prompt = messages.filter(isFields).findLast((message) => message.role === 'user');
  const reply = replyTo(contentText(prompt?.content));
  const inputTokens = messages
    .filter(isFields)
    .reduce((sum, one) => sum + 4 + tokensIn(contentText(one.content)), 3);
  const usage = usageOf(inputTokens, tokensIn(reply.words.join('')));
  return { id: newId('chatcmpl-'), model, created: nowSeconds(), reply, usage };
}

function usageOf(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function completionView({ id, model, created, reply, usage }: Turn) {
  const message = { role: 'assistant', content: reply.words.join(''), refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
  const origin = { service_tier: 'default', system_fingerprint: 'fp_demo' };
  return { id, object: 'chat.completion', created, model, choices, usage, ...origin };
}

function keep(state: DemoState, turn: Turn, fields: Fields, messages: unknown[]): void {
  const { id, model } = turn;
  state.chats.add({ id, model, metadata: metadataOf(fields), completion: completionView(turn), messages });
}

function storedView({ id, completion, metadata }: StoredChat) {
  return { ...completion, id, metadata };
}

function messagesOf(fields: Fields): unknown[] {
  if (!Array.isArray(fields.messages) || fields.messages.length === 0) throw missing('messages');
  return fields.messages;
}
