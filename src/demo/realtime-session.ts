/** One realtime session: what the client's events do, and the events that answer them. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fields, isFields } from './body.ts';
import { replyTo, tokensIn } from './text.ts';

export class RealtimeSession {
  readonly #model: string;
  readonly #emit: (event: object) => void;
  readonly #id = newId('sess');
  #config: Fields = {};
  #prompt = '';
  #inputTokens = 0;
  #running: AbortController | null = null;

  constructor(model: string, send: (event: object) => void) {
    this.#model = model;
    this.#emit = (event) => send({ event_id: newId('event'), ...event });
  }

  begin(): void {
    this.#emit({ type: 'session.created', session: this.#view() });
  }

  end(): void {
    this.#running?.abort();
  }

  /** One text frame of the client. */
  take(text: string): void {
    const event = parsed(text);
    switch (event?.type) {
      case 'session.update':
        this.#config = { ...this.#config, ...(isFields(event.session) ? event.session : {}) };
        this.#emit({ type: 'session.updated', session: this.#view() });
        break;
      case 'conversation.item.create':
        this.#addItem(isFields(event.item) ? event.item : {});
        break;
      case 'response.create':
        if (this.#running) this.#error('conversation_already_has_active_response', 'A response is active.');
        else void this.#respond();
        break;
      case 'response.cancel':
        this.#running?.abort();
        break;
      case 'input_audio_buffer.append':
        break;
      default:
        this.#error('invalid_value', `Invalid value: '${String(event?.type)}'.`, event?.event_id);
    }
  }

  #addItem(given: Fields): void {
    const item = { id: newId('item'), object: 'realtime.item', status: 'completed', ...given };
    const text = textOf(given);
    this.#inputTokens += tokensIn(text);
    if (given.role === 'user') this.#prompt = text;
    this.#emit({ type: 'conversation.item.added', previous_item_id: null, item });
    this.#emit({ type: 'conversation.item.created', previous_item_id: null, item });
  }

  async #respond(): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    const [response, item] = [newId('resp'), newId('item')];
    const place = { response_id: response, item_id: item, output_index: 0, content_index: 0 };
    this.#emit({ type: 'response.created', response: responseView(response, 'in_progress') });
    let text = '';
    const { words, delayMs } = replyTo(this.#prompt);
    for (const [index, delta] of words.entries()) {
      // Cancelled, or the socket is gone: what was said is what is counted.
      await sleep(delayMs(index), undefined, { signal: running.signal }).catch(() => {});
      if (running.signal.aborted) break;
      text += delta;
      this.#emit({ type: 'response.output_text.delta', ...place, delta });
    }
    this.#running = null;
    this.#emit({ type: 'response.output_text.done', ...place, text });
    const output = [
      { id: item, type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] },
    ];
    const usage = usageOf(this.#inputTokens, tokensIn(text));
    const status = running.signal.aborted ? 'cancelled' : 'completed';
    this.#emit({ type: 'response.done', response: { ...responseView(response, status), output, usage } });
  }

  #view() {
    const fixed = { type: 'realtime', object: 'realtime.session', id: this.#id, model: this.#model };
    return { output_modalities: ['text'], instructions: '', ...this.#config, ...fixed };
  }

  #error(code: string, message: string, cause: unknown = null): void {
    const error = { type: 'invalid_request_error', code, message, param: null, event_id: cause };
    this.#emit({ type: 'error', error });
  }
}

function responseView(id: string, status: string) {
  return { id, object: 'realtime.response', status, output: [], usage: null };
}

function usageOf(input: number, output: number) {
  return { total_tokens: input + output, input_tokens: input, output_tokens: output };
}

function textOf({ content }: Fields): string {
  const parts = Array.isArray(content) ? content.filter(isFields) : [];
  return parts.map(({ text }) => (typeof text === 'string' ? text : '')).join(' ');
}

function parsed(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function newId(kind: string): string {
  return `${kind}_${randomUUID().replaceAll('-', '')}`;
}
