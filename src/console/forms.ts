/** Plain forms: reading what was posted, and the hidden fields that each one carries. */
import { html } from 'hono/html';
import type { Form, Page } from './session.ts';

export const FORM_BYTES = 128 * 1024;

/** What was posted; of a field that stands there more than once, `all` has every value. */
export async function readForm(request: Request): Promise<Form | null> {
  if (!/^application\/x-www-form-urlencoded *(?:;|$)/i.test(request.headers.get('content-type') ?? ''))
    return null;
  const fields = new URLSearchParams(await request.text());
  return {
    one: (name) => fields.get(name)?.trim() ?? '',
    all: (name) =>
      fields
        .getAll(name)
        .map((value) => value.trim())
        .filter((value) => value !== ''),
    optional: (name) => fields.get(name)?.trim() || undefined,
  };
}

/** The CSRF token of the session, and a key by which a form that is sent twice acts once. */
export function hidden(c: Page, fields: Readonly<Record<string, string | undefined>> = {}) {
  const all = { csrf: c.var.me.csrf ?? undefined, key: crypto.randomUUID(), ...fields };
  return Object.entries(all).map(([name, value]) =>
    value === undefined ? '' : html`<input type="hidden" name="${name}" value="${value}">`,
  );
}

/** A form that posts; its content is the caller's. */
export function form(c: Page, action: string, content: unknown, name = '') {
  return html`<form method="post" action="${action}" class="${name}">${hidden(c)}${content}</form>`;
}

/** A page of the console to go on to; anything else leads to the first one. */
export function ownPath(text: string | undefined): string {
  return text !== undefined && /^\/console(?:[/?][\x21-\x7e]*)?$/.test(text) && !text.includes('\\')
    ? text
    : '/console';
}
