/** A response as the documented sequence of stream events. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, responseView, textPart } from './response-view.ts';
import type { SseEvent } from './sse.ts';
import type { StoredResponse } from './state.ts';

export async function* responseStream(
  entry: StoredResponse,
  signal: AbortSignal,
): AsyncGenerator<SseEvent, void> {
  let sequence = 0;
  const event = (type: string, rest: object): SseEvent => ({
    event: type,
    data: { type, ...rest, sequence_number: sequence++ },
  });
  const started = messageOf(entry, 'in_progress');
  const place = { item_id: started.id, output_index: 0, content_index: 0 };
  yield event('response.created', { response: responseView(entry, 'in_progress') });
  yield event('response.in_progress', { response: responseView(entry, 'in_progress') });
  yield event('response.output_item.added', { output_index: 0, item: started });
  yield event('response.content_part.added', { ...place, part: textPart('') });
  for (const [index, delta] of entry.reply.words.entries()) {
    await sleep(entry.reply.delayMs(index), undefined, { signal });
    yield event('response.output_text.delta', { ...place, delta, logprobs: [] });
  }
  const text = entry.reply.words.join('');
  yield event('response.output_text.done', { ...place, text, logprobs: [] });
  yield event('response.content_part.done', { ...place, part: textPart(text) });
  yield event('response.output_item.done', { output_index: 0, item: messageOf(entry, 'completed') });
  entry.doneAtMs = Math.min(entry.doneAtMs, Date.now());
  yield event('response.completed', { response: responseView(entry, 'completed') });
}
