/** A stored response as the API shows it, at whatever point of its life somebody asks. */
import type { StoredResponse } from './state.ts';
import { tokensIn } from './text.ts';

const QUEUED_MS = 250;

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'cancelled';

export function statusOf(entry: StoredResponse): ResponseStatus {
  if (entry.cancelled) return 'cancelled';
  const now = Date.now();
  if (now >= entry.doneAtMs) return 'completed';
  return entry.background && now < entry.createdAtMs + QUEUED_MS ? 'queued' : 'in_progress';
}

export function responseView(entry: StoredResponse, status = statusOf(entry)) {
  const done = status === 'completed';
  return {
    id: entry.id,
    object: 'response',
    created_at: Math.floor(entry.createdAtMs / 1000),
    status,
    background: entry.background,
    completed_at: done ? Math.floor(entry.doneAtMs / 1000) : null,
    error: null,
    incomplete_details: null,
    instructions: entry.instructions,
    max_output_tokens: null,
    metadata: entry.metadata,
    model: entry.model,
    output: done ? [messageOf(entry, 'completed')] : [],
    parallel_tool_calls: true,
    previous_response_id: entry.previousId,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: entry.stored,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: done ? usageOf(entry) : null,
    user: null,
  };
}

export function messageOf(entry: StoredResponse, status: 'in_progress' | 'completed') {
  const content = status === 'completed' ? [textPart(entry.reply.words.join(''))] : [];
  // Derived, so that every look at one response names the same message.
  return { id: entry.id.replace('resp_', 'msg_'), type: 'message', status, role: 'assistant', content };
}

export function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function usageOf({ inputTokens, reply }: StoredResponse) {
  const outputTokens = tokensIn(reply.words.join(''));
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}
