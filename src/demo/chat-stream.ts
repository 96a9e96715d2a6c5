/** A chat completion as the chunks of a stream, a word at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Turn } from './chat.ts';
import type { SseEvent } from './sse.ts';

export async function* chatStream(
  turn: Turn,
  withUsage: boolean,
  signal: AbortSignal,
): AsyncGenerator<SseEvent, void> {
  const chunk = (delta: object, finishReason: string | null = null): SseEvent => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    return { data: { ...headOf(turn), choices, ...(withUsage ? { usage: null } : {}) } };
  };
  yield chunk({ role: 'assistant', content: '', refusal: null });
  for (const [index, word] of turn.reply.words.entries()) {
    await sleep(turn.reply.delayMs(index), undefined, { signal });
    yield chunk({ content: word });
  }
  yield chunk({}, 'stop');
  if (withUsage) yield { data: { ...headOf(turn), choices: [], usage: turn.usage } };
  yield { data: '[DONE]' };
}

function headOf({ id, created, model }: Turn) {
  const origin = { service_tier: 'default', system_fingerprint: 'fp_demo' };
  return { id, object: 'chat.completion.chunk', created, model, ...origin };
}
