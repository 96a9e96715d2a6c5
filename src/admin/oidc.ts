/** Signing in through an outside OpenID provider (OpenID Connect Core, code flow with PKCE): it says who, and in which role. */
import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import * as client from 'openid-client';
import type { Control } from '../control.ts';
import type { Role } from '../store/states.ts';
import type { AdminEnv } from './access.ts';
import type { Attempts } from './attempts.ts';
import { addressOf, peerOf } from './authenticate.ts';
import { keepChallenge, takeChallenge } from './challenges.ts';
import { admitOutside } from './outside-operators.ts';
import { Problem } from './problem.ts';
import { openSession, type SignIn } from './sign-in.ts';

export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client. */
  readonly clientSecret: string | null;
  /** Where the provider sends browsers back: the console's address and `/console/oidc/callback`. */
  readonly redirectUri: string;
  readonly scope: string;
  readonly nameClaim: string;
  readonly roleClaim: string;
  /** Value of the role claim → role here; a value that is not in it is no role. */
  readonly roles: Readonly<Record<string, Role>>;
  readonly label: string;
}

export const OIDC_START = '/console/oidc/start';
const CALLBACK = '/console/oidc/callback';
const COOKIE = 'portcullis-oidc';
/** Lax: the provider's page is another site, and the answer has to find the cookie. */
const PLACE = { prefix: 'host', path: '/', secure: true, httpOnly: true, sameSite: 'Lax' } as const;
const TIMEOUT_SECONDS = 10;
const HOP_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

interface Begun {
  readonly verifier: string;
  readonly nonce: string;
  readonly maxAgeSeconds: number;
}

export function oidcRoutes(control: Control, options: OidcOptions, signIn: SignIn, attempts: Attempts) {
  const provider = discovered(options);
  return new Hono<AdminEnv>()
    .get(OIDC_START, async (c) => {
      const isFresh = c.req.query('fresh') === '1';
      const state = client.randomState();
      const begun: Begun = {
        verifier: client.randomPKCECodeVerifier(),
        nonce: client.randomNonce(),
        maxAgeSeconds: isFresh ? 0 : Math.floor(signIn.sessionMs / 1000),
      };
      const url = client.buildAuthorizationUrl(await provider(), {
        ...{ redirect_uri: options.redirectUri, scope: options.scope, state, nonce: begun.nonce },
        code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
        code_challenge_method: 'S256',
        max_age: String(begun.maxAgeSeconds),
        ...(isFresh ? { prompt: 'login' } : {}),
      });
      await keepChallenge(control, state, { purpose: 'oidc', data: JSON.stringify(begun) });
      setCookie(c, COOKIE, state, { ...PLACE, maxAge: 300 });
      return c.redirect(url.href, 303);
    })
    .get(CALLBACK, async (c) => {
      await attempts.signIn(addressOf(c));
      const state = getCookie(c, COOKIE, 'host');
      deleteCookie(c, COOKIE, PLACE);
      const begun = state === undefined ? null : await takeChallenge(control, state, 'oidc');
      if (!begun?.data || state === undefined) return c.redirect('/console/sign-in?failed=oidc', 303);
      const { search } = new URL(c.req.url);
      const who = await redeemed(await provider(), new URL(options.redirectUri + search), state, begun.data)
        .then((claims) => admitOutside(control, claims, options, peerOf(c)))
        .catch((fault: unknown) => {
          if (fault instanceof Problem) throw fault;
          console.error('portcullis: a sign-in through the OpenID provider failed:', faultText(fault));
          return null;
        });
      if (!who) return c.redirect('/console/sign-in?failed=oidc', 303);
      await openSession(control, c, signIn, { ...who, method: 'oidc' }, () => true);
      await attempts.wasRight(addressOf(c));
      // A redirect from another site's page would not carry the new cookie, which is Strict: a page of ours goes on.
      c.header('Content-Security-Policy', HOP_CSP);
      return c.html(html`<!doctype html><html lang="en"><meta charset="utf-8"><title>Signed in</title>
<meta http-equiv="refresh" content="0; url=/console"><p><a href="/console">Go on to the console</a></p></html>`);
    });
}

/** Of the provider's own description; asked for again when that failed. */
function discovered(options: OidcOptions): () => Promise<client.Configuration> {
  let known: Promise<client.Configuration> | null = null;
  const { issuer, clientId, clientSecret } = options;
  return () => {
    known ??= client
      .discovery(new URL(issuer), clientId, undefined, authenticationOf(clientSecret), {
        timeout: TIMEOUT_SECONDS,
        ...(issuer.startsWith('http:') ? { execute: [client.allowInsecureRequests] } : {}),
      })
      .catch((fault: unknown) => {
        known = null;
        console.error('portcullis: the OpenID provider does not answer:', faultText(fault));
        throw new Problem(
          'provider_unavailable',
          'The OpenID provider does not answer: use a passkey or a link.',
        );
      });
    return known;
  };
}

function authenticationOf(secret: string | null): client.ClientAuth {
  return secret === null ? client.None() : client.ClientSecretBasic(secret);
}

async function redeemed(provider: client.Configuration, url: URL, state: string, data: string) {
  const { verifier, nonce, maxAgeSeconds } = JSON.parse(data) as Begun;
  const tokens = await client.authorizationCodeGrant(provider, url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    maxAge: maxAgeSeconds,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (!claims) throw new Error('no ID token came');
  return claims;
}

/** Without what the provider quotes of our request. */
function faultText(fault: unknown): string {
  if (!(fault instanceof Error)) return 'an unknown fault';
  const code = 'code' in fault ? ` ${String(fault.code)}` : '';
  return `${fault.name}${code}: ${fault.message}`;
}
