/** Parts of a page while it is open, as Server-Sent Events: made here and escaped here, and put in their places by our script. */
import { streamSSE } from 'hono/streaming';
import { gateState } from './layout.ts';
import type { Html } from './parts.ts';
import { type Page, Refused, told } from './session.ts';

/** However much happens, a page is not made more often. */
const QUIET_MS = 1_000;

/**
 * Makes the parts anew at each event of the admin API. Ends with that: whoever signed out or lost a role is shown
 * nothing more.
 */
export function streamParts(c: Page, read: () => Promise<Record<string, Html | string>>) {
  return streamSSE(c, async (out) => {
    const events = await c.var.call('/admin/events');
    if (!events.ok || !events.body) return;
    const reader = events.body.getReader();
    out.onAbort(() => void reader.cancel().catch(() => {}));
    let [isNew, isOver] = [false, false];
    const follow = async () => {
      while (!(await reader.read()).done) isNew = true;
      isOver = true;
    };
    follow().catch(() => {
      isOver = true;
    });
    const known = new Map<string, string>();
    while (!out.aborted && !out.closed && !isOver) {
      if (isNew) {
        isNew = false;
        const parts = await current(c, read);
        if (!parts) break;
        for (const [id, part] of Object.entries(parts)) {
          const text = String(await part);
          if (known.get(id) !== text)
            await out.writeSSE({ event: 'part', data: JSON.stringify({ id, html: text }) });
          known.set(id, text);
        }
      }
      await out.sleep(QUIET_MS);
    }
    await reader.cancel().catch(() => {});
  });
}

async function current(c: Page, read: () => Promise<Record<string, Html | string>>) {
  try {
    const status = await told(c.var.admin.status.$get());
    return { 'gate-state': gateState(status), ...(await read()) };
  } catch (fault) {
    if (fault instanceof Refused) return null;
    throw fault;
  }
}
