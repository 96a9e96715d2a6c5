/** The ways into the portal and out of it: an access token or a one-time link for a session, and its end. */

import type { Context } from 'hono';
import { Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import { limitKey } from '../address.ts';
import { Refusal } from '../refusal.ts';
import { isSecret, makeSecret } from '../secret.ts';
import type { Identity } from '../token/verify.ts';
import { LINK_CSP } from './assets.ts';
import { readInput } from './input.ts';
import { linkPage, signInPage } from './pages/sign-in.ts';
import type { Portal, PortalEnv } from './portal.ts';
import { csrfOf } from './secret.ts';
import { endSession, type Opened, openByLink, openByToken, visitorOf } from './sessions.ts';
import { authenticated, checkForm, SESSION_COOKIE } from './visitor.ts';

/** Holds the secret of the sign-in's form, before there is a session. */
const FORM_COOKIE = '__Host-portcullis-tester-form';
/** `__Host-` means Secure, this host only, every path. */
const COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'Strict' } satisfies CookieOptions;

export function entryRoutes(portal: Portal): Hono<PortalEnv> {
  const { attempts, newDigest, now } = portal;

  const formSecret = (c: Context<PortalEnv>): string => {
    const known = getCookie(c, FORM_COOKIE) ?? '';
    if (isSecret('ppf_', known)) return known;
    const made = makeSecret('ppf_');
    setCookie(c, FORM_COOKIE, made, COOKIE);
    return made;
  };
  const csrf = (c: Context<PortalEnv>) => csrfOf(formSecret(c), newDigest);
  const isSignedIn = (c: Context<PortalEnv>) => visitorOf(portal, getCookie(c, SESSION_COOKIE)) !== null;
  const enter = (c: Context<PortalEnv>, { secret, expiresAt }: Opened) => {
    const maxAge = Math.max(1, Math.floor((expiresAt - now()) / 1000));
    setCookie(c, SESSION_COOKIE, secret, { ...COOKIE, maxAge });
    return c.redirect('/portal', 303);
  };

  /** Attempts that fail count against the address, and each leaves its row; the form is shown again with the public text. */
  const attempt = async (
    c: Context<PortalEnv>,
    name: 'token' | 'link',
    open: (secret: string, known: (who: Identity) => void) => Promise<Opened>,
  ) => {
    let who: Identity | null = null;
    try {
      const key = limitKey(c.env.visit.frame.address);
      await attempts.take(key);
      const { fields } = await checkForm(c, await readInput(c), csrfOf(formSecret(c), newDigest));
      const secret = fields[name];
      if (typeof secret !== 'string') throw new Refusal('invalid_request', `no "${name}"`);
      const opened = await open(secret.trim(), (known) => {
        who = known;
      });
      await attempts.giveBack(key);
      return enter(c, opened);
    } catch (fault) {
      if (!(fault instanceof Refusal) || fault.status >= 500) throw fault;
      await c.env.visit.refused(fault, name === 'token' ? 'portal.sign-in' : 'portal.link', who);
      if (name === 'link') c.header('Content-Security-Policy', LINK_CSP);
      const page = name === 'token' ? signInPage : linkPage;
      return c.html(page(csrf(c), fault.text), fault.status as 400);
    }
  };

  return new Hono<PortalEnv>()
    .get('/portal/sign-in', (c) => (isSignedIn(c) ? c.redirect('/portal', 303) : c.html(signInPage(csrf(c)))))
    .post('/portal/sign-in', (c) =>
      attempt(c, 'token', async (token, known) => {
        const { who, kid } = await authenticated(portal, token);
        known(who);
        const actor = { operator: `tester:${who.tester}`, address: c.env.visit.frame.address };
        return openByToken(portal, who, kid, actor);
      }),
    )
    .get('/portal/link', (c) => {
      c.header('Content-Security-Policy', LINK_CSP);
      return c.html(linkPage(csrf(c)));
    })
    .post('/portal/link', (c) =>
      // Pasted whole, or what stands behind its #.
      attempt(c, 'link', (link) =>
        openByLink(portal, link.split('#').at(-1) ?? '', c.env.visit.frame.address),
      ),
    );
}

export function signOut(portal: Portal) {
  return async (c: Context<PortalEnv>) => {
    const { visitor } = c.var;
    await checkForm(c, await readInput(c), visitor.csrf);
    const actor = { operator: `tester:${visitor.tester}`, address: c.env.visit.frame.address };
    await endSession(portal, getCookie(c, SESSION_COOKIE) ?? '', actor);
    setCookie(c, SESSION_COOKIE, '', { ...COOKIE, maxAge: 0 });
    return c.redirect('/portal/sign-in', 303);
  };
}
