/** The cookie of a session (RFC 6265bis), and the token that shows that a request comes from a page of ours. */
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { Problem } from './problem.ts';
import { sha256Hex } from './sha256.ts';

/** With the prefix `__Host-` no other host and no page over plain HTTP can plant it; browsers take localhost as safe. */
const NAME = 'portcullis';
const PLACE = { prefix: 'host', path: '/', secure: true, httpOnly: true, sameSite: 'Strict' } as const;

export function secretIn(c: Context): string | undefined {
  return getCookie(c, NAME, 'host');
}

export function setSession(c: Context, secret: string, lifetimeMs: number): void {
  setCookie(c, NAME, secret, { ...PLACE, maxAge: Math.floor(lifetimeMs / 1000) });
}

export function clearSession(c: Context): void {
  deleteCookie(c, NAME, PLACE);
}

/** Made from the secret, so that it is kept nowhere and ends with the session. */
export function csrfOf(secret: string): Promise<string> {
  return sha256Hex(`csrf\n${secret}`);
}

/** Compared by hashes: what the time of that leaks says nothing about the token. @throws Problem `csrf_invalid` */
export async function checkCsrf(given: string | undefined, csrf: string): Promise<void> {
  if (given === undefined || (await sha256Hex(given)) !== (await sha256Hex(csrf)))
    throw new Problem(
      'csrf_invalid',
      'Send the "csrf" of GET /admin/me as "X-CSRF-Token" with what changes something.',
    );
}
