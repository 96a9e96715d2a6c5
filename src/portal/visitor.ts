/** Who visits: the session's cookie, or for the API an access token; and that what acts was sent by our own pages. */
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { timingSafeEqual } from 'hono/utils/buffer';
import { decodeProtectedHeader } from 'jose';
import RateLimiterMemory from 'rate-limiter-flexible/lib/RateLimiterMemory.js';
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import { limitKey } from '../address.ts';
import { Refusal } from '../refusal.ts';
import type { Identity } from '../token/verify.ts';
import type { Given } from './input.ts';
import type { Portal, PortalEnv, Visitor } from './portal.ts';
import { visitorByToken, visitorOf } from './sessions.ts';

export const SESSION_COOKIE = '__Host-portcullis-tester';
/** Of one tester: pages and acts together. */
const VISITS_PER_MINUTE = 240;

/** Sends whoever is not signed in away; a page to the sign-in, a client of the API with a challenge. */
export function visitors(portal: Portal): MiddlewareHandler<PortalEnv> {
  const visits = new RateLimiterMemory({ points: VISITS_PER_MINUTE, duration: 60 });
  return async (c, next) => {
    const visitor = await visitorIn(portal, c);
    if (!visitor) return c.redirect('/portal/sign-in', 303);
    c.set('visitor', visitor);
    await takeVisit(visits, visitor.tester);
    await next();
    return undefined;
  };
}

async function visitorIn(portal: Portal, c: Context<PortalEnv>): Promise<Visitor | null> {
  const isApi = c.req.path.startsWith('/portal/api/');
  const known = visitorOf(portal, getCookie(c, SESSION_COOKIE));
  if (known) return known;
  await portal.attempts.take(limitKey(c.env.visit.frame.address));
  const { authorization } = c.env.visit.frame;
  if (!isApi) return null;
  if (authorization === null) throw new Refusal('token_missing');
  const token = /^bearer +([^ ]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new Refusal('token_invalid', 'not "Bearer" and one token');
  const { who, kid } = await authenticated(portal, token);
  const visitor = visitorByToken(portal, who, kid);
  await portal.attempts.giveBack(limitKey(c.env.visit.frame.address));
  return visitor;
}

/** As the gateway verifies it. @throws Refusal */
export async function authenticated(
  { verifier, now }: Portal,
  token: string,
): Promise<{ who: Identity; kid: string | null }> {
  const who = verifier.recall(token, now()) ?? (await verifier.verify(token, now()));
  return { who, kid: who.own ? (decodeProtectedHeader(token).kid ?? '') : null };
}

async function takeVisit(visits: RateLimiterMemory, tester: string): Promise<void> {
  try {
    await visits.consume(tester);
  } catch (result) {
    if (!(result instanceof RateLimiterRes)) throw result;
    throw new Refusal('rate_limited', 'portal', {
      rule: 'limit:portal',
      retryAfterSeconds: Math.max(1, Math.ceil(result.msBeforeNext / 1000)),
    });
  }
}

/** Pages of other sites cannot act here; SameSite, this, and the token in the form each say so. */
export function ownPages({ publicUrl }: Portal): MiddlewareHandler<PortalEnv> {
  return async (c, next) => {
    const method = c.env.visit.frame.method;
    if (method === 'GET' || method === 'HEAD') return next();
    const site = c.req.header('sec-fetch-site');
    const origin = c.req.header('origin');
    const host = c.req.header('host');
    const own = [`http://${host}`, `https://${host}`, publicUrl === null ? null : new URL(publicUrl).origin];
    const isOwn = site === undefined ? origin === undefined || own.includes(origin) : site === 'same-origin';
    if (!isOwn && site !== 'none') throw new Refusal('form_expired', 'from another site');
    return next();
  };
}

/** @param expected null: no cookie speaks for the visitor, so nobody else can make the visitor's browser act */
export async function checkForm(
  c: Context<PortalEnv>,
  given: Given,
  expected: string | null,
): Promise<Given> {
  if (expected === null) return given;
  const { csrf = c.req.header('x-csrf-token'), ...fields } = given.fields;
  if (typeof csrf !== 'string' || !(await timingSafeEqual(csrf, expected)))
    throw new Refusal('form_expired', 'csrf');
  return { ...given, fields };
}
