/** What went wrong, as a page that says what to do. */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { barePage, page } from './layout.ts';
import { href } from './parts.ts';
import { type ConsoleEnv, Refused } from './session.ts';

export function answerFault(
  fault: unknown,
  c: Context<ConsoleEnv>,
  asset: (name: string) => string,
  onFault: (fault: unknown) => void,
): Response | Promise<Response> {
  if (!(fault instanceof Refused)) onFault(fault);
  const { status, code, title, message } =
    fault instanceof Refused
      ? fault
      : new Refused(500, { title: 'The server failed', detail: 'The server log has the cause.' });
  const isPage = c.req.method === 'GET';
  if (status === 401)
    return c.redirect(href('/console/sign-in', { next: isPage ? pathOf(c) : undefined }), 303);
  if (code === 'reauthentication_required')
    return c.redirect(href('/console/sign-in', { fresh: '1', next: backTo(c) }), 303);
  const content = html`<p>${message}</p><p><a href="${backTo(c)}">Go back</a></p>`;
  const answer =
    c.var.me && c.var.status ? page(c, title, content) : barePage(asset, title || 'Refused', content);
  return c.html(answer, status as ContentfulStatusCode);
}

function pathOf(c: Context): string {
  const { pathname, search } = new URL(c.req.url);
  return pathname + search;
}

/** The page that a form stood on. */
function backTo(c: Context): string {
  const referer = c.req.header('referer');
  const from = referer !== undefined && URL.canParse(referer) ? new URL(referer) : null;
  const isOwn = from?.host === c.req.header('host') && from?.pathname.startsWith('/console');
  return isOwn && from ? from.pathname + from.search : '/console';
}
