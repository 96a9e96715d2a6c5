/** What is shown once: a token, a credential, a link. It stands in this one answer, and in no cache. */
import { html } from 'hono/html';
import { page } from './layout.ts';
import { type Cell, panel } from './parts.ts';
import type { Page } from './session.ts';

export function secretPage(c: Page, title: string, secret: string, about: Cell, back: string) {
  const content = html`${about}<code class="secret" id="secret">${secret}</code>
<button data-copy="secret" hidden>Copy</button> <a class="button" href="${back}">Done</a>`;
  return page(c, title, panel(title, content));
}
