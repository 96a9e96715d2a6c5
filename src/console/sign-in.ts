/** Signing in: by a one-time link, with a passkey, through the provider; and again, for what wants a fresh sign-in. */
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { ownPath, readForm } from './forms.ts';
import { barePage } from './layout.ts';
import { href } from './parts.ts';
import { type AdminFetch, type ConsoleEnv, callerOf, refusal, told } from './session.ts';

/** For whoever is not known yet; asked before anybody is asked who they are. */
export function signInRoutes(admin: AdminFetch, asset: (name: string) => string) {
  const app = new Hono<ConsoleEnv>();
  app.get('/console/sign-in', async (c) => {
    const { next, fresh } = c.req.query();
    return c.html(
      await signInPage(c, admin, asset, { next: ownPath(next), isFresh: fresh === '1', fault: '' }),
    );
  });
  app.post('/console/sign-in', async (c) => {
    const form = await readForm(c.req.raw);
    const next = ownPath(form?.one('next'));
    // Whole links are pasted, too; what counts stands behind the "#".
    const link = (form?.one('link') ?? '').replace(/^.*#/s, '');
    const answer = await callerOf(c, admin).call('/admin/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ link }),
    });
    if (answer.ok) return goOn(c, answer, next);
    const { message, status } = await refusal(answer);
    const fault =
      status === 401 || status === 400
        ? 'This link is not good: it was used, is too old, or was mistyped.'
        : message;
    return c.html(await signInPage(c, admin, asset, { next, isFresh: false, fault }), 401);
  });
  app.post('/console/sign-out', async (c) => {
    const form = await readForm(c.req.raw);
    const { call } = callerOf(c, admin, { 'x-csrf-token': form?.optional('csrf') });
    const answer = await call('/admin/sessions/current', { method: 'DELETE' });
    if (!answer.ok && answer.status !== 401) throw await refusal(answer);
    return goOn(c, answer, '/console/sign-in');
  });
  return app;
}

/** On to a page, with the cookie that the admin API gave or took. */
function goOn(c: Context, answer: Response, to: string): Response {
  for (const cookie of answer.headers.getSetCookie()) c.header('set-cookie', cookie, { append: true });
  return c.redirect(to, 303);
}

interface Shown {
  readonly next: string;
  readonly isFresh: boolean;
  readonly fault: string;
}

async function signInPage(c: Context, admin: AdminFetch, asset: (name: string) => string, shown: Shown) {
  const { next, isFresh, fault } = shown;
  const { oidc } = await told(callerOf(c, admin).admin['sign-in'].$get());
  const outside = oidc
    ? html`<p><a class="button" href="${href(oidc.path, next === '/console' ? {} : { next })}">Sign in with ${oidc.label}</a></p>`
    : '';
  const content = html`${isFresh ? html`<p>What you asked for frees everybody, or gives power away: it wants a sign-in of the last minutes. After it you are back where you were, and nothing was done yet.</p>` : ''}
${fault ? html`<p class="fault" role="alert">${fault}</p>` : ''}<p id="passkey-fault" class="fault" role="alert" hidden></p>
<section class="panel"><p><button id="passkey-sign-in" class="primary" data-next="${next}" hidden>Sign in with a passkey</button></p>${outside}
<form method="post" action="/console/sign-in"><input type="hidden" name="next" value="${next}">
<label>One-time link, or what stands behind its “#” <input id="link" name="link" type="password" autocomplete="off" spellcheck="false" required></label>
<p></p><button id="link-sign-in">Sign in with the link</button></form></section>
<p class="quiet">The first start of the gate prints a link. Another one: <code>portcullis operator link NAME</code>, or ask an admin.</p>
${isFresh ? html`<p><a href="${next}">Do not sign in again</a></p>` : html`<p><a href="${next}">Signed in already? Go on</a></p>`}
<script src="${asset('webauthn.js')}" defer></script><script type="module" src="${asset('passkey.js')}"></script>`;
  return barePage(asset, isFresh ? 'Sign in once more' : 'Sign in', content);
}
