/** The two ways in, an access token or a one-time link; and what was not possible. */
import { html } from 'hono/html';
import { field, form, type Html, page, type Reader } from './layout.ts';

/** @param fault why the last attempt was refused */
export function signInPage(csrf: string, fault?: string): Html {
  const told = {
    ...{ name: 'token', label: 'Your access token', fault },
    hint: 'The one that your SDK sends. It is checked and not kept, and stands in no address.',
  };
  return page(
    { title: 'Sign in', reader: null },
    html`<p class="lead">For testers of this programme: where you stand, what you made, and what you want to tell us.</p>
${form('/portal/sign-in', csrf, html`${field(told, secretInput(8192))}<button class="primary">Sign in</button>`, 'panel')}
<p class="hint">An operator sent you a one-time link? <a href="/portal/link">Use it here</a></p>`,
  );
}

/** Opening the page uses nothing up: only sending its form does. */
export function linkPage(csrf: string, fault?: string): Html {
  const told = {
    ...{ name: 'link', label: 'Your link', fault },
    hint: 'Filled in if you came by the link itself. If not, paste the link.',
  };
  return page(
    { title: 'Sign in by link', reader: null, script: true },
    html`<p class="lead">A link from an operator works once, and for a short time.</p>
${form('/portal/link', csrf, html`${field(told, secretInput(2048))}<button class="primary">Sign in</button>`, 'panel')}
<p class="hint">You have an access token? <a href="/portal/sign-in">Sign in with it</a></p>`,
  );
}

function secretInput(maxlength: number) {
  return (attributes: Html) =>
    html`<input ${attributes} type="password" required maxlength="${maxlength}" autocomplete="off" spellcheck="false">`;
}

export function problemPage(status: number, text: string, reader: Reader | null): Html {
  const title = status === 404 ? 'Not found' : status >= 500 ? 'That did not work' : 'Not possible';
  return page(
    { title, reader },
    html`<p class="lead">${text}</p><p><a href="/portal">To the overview</a></p>`,
  );
}
