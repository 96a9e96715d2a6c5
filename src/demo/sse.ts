/** Server-sent events out of an async generator, ended at once when the client goes away. */

export type SseEvent = { event?: string; data: unknown };

export function sseResponse(events: AsyncGenerator<SseEvent, void>, abort: AbortController): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await events.next();
        if (next.done) controller.close();
        else controller.enqueue(encoder.encode(asText(next.value)));
      } catch (error) {
        if (!abort.signal.aborted) controller.error(error);
      }
    },
    cancel() {
      abort.abort();
    },
  });
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  });
}

function asText({ event, data }: SseEvent): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
