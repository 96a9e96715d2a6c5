/** What the gate says of itself, to anybody. No call, so it has no row; but its frame is judged as that of any other request. */
import type { Exchange } from '../deps.ts';
import { guard } from './guard.ts';
import { type Gate, handle } from './handler.ts';

export interface Page {
  readonly status: number;
  readonly body: object;
  /** May be kept by caches for a minute. */
  readonly isPublic?: boolean;
}

export async function showPage(exchange: Exchange, page: Page, gate: Gate): Promise<void> {
  const { inbound, reply } = exchange;
  try {
    guard(inbound, gate.clientAddress);
  } catch {
    // What the guard refuses is answered, and written down, like any refused call.
    await handle(exchange, null, {}, gate);
    return;
  }
  const body = JSON.stringify(page.body);
  const length = String(new TextEncoder().encode(body).length);
  const caching = page.isPublic ? 'public, max-age=60' : 'no-store';
  const headers = ['content-type', 'application/json', 'content-length', length, 'cache-control', caching];
  reply.head(page.status, [...headers, 'x-content-type-options', 'nosniff']);
  reply.end(inbound.method === 'HEAD' ? undefined : body);
}
