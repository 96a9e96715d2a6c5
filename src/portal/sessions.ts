/** Sessions of testers: opened with a token or a one-time link, found by the hash of a cookie's secret, ended with the grant. */
import { and, eq, gt, isNull, lte } from 'drizzle-orm';
import type { Actor } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { Refusal } from '../refusal.ts';
import { isSecret, makeSecret } from '../secret.ts';
import { portalLinks, portalSessions } from '../store/schema.ts';
import type { Identity } from '../token/verify.ts';
import { checkGrant, type Grant } from './grant.ts';
import type { Portal, Visitor } from './portal.ts';
import { csrfOf, hashOf } from './secret.ts';

export const SESSION_MS = 12 * 3_600_000;
/** What a visitor who came by a link is called in the log, where others have the id of a token. */
const BY_LINK = 'portal-link';

export interface Opened {
  /** Goes into the cookie, and nowhere else. */
  readonly secret: string;
  readonly expiresAt: number;
}

/** @throws Refusal */
export function openByToken(
  portal: Portal,
  who: Identity,
  kid: string | null,
  actor: Actor,
): Promise<Opened> {
  const { tester, jti, expiresAt } = who;
  const grant = { tester, jti, kid, issuedAt: who.issuedAt * 1000 - portal.skewMs };
  const issuedAt = checkGrant(portal, grant);
  return portal.write(() => open(portal, { ...grant, issuedAt }, expiresAt * 1000, actor));
}

/** Uses the link up. @throws Refusal */
export async function openByLink(portal: Portal, secret: string, address: string): Promise<Opened> {
  const now = portal.now();
  const hash = isSecret('ppl_', secret) ? hashOf(secret, portal.newDigest) : '';
  const live = and(eq(portalLinks.hash, hash), isNull(portalLinks.usedAt), gt(portalLinks.expiresAt, now));
  const found = portal.reader.select().from(portalLinks).where(live).get();
  if (!found) throw new Refusal('link_invalid', 'no such link, or used, or expired');
  const { tester } = found;
  // What was revoked since the link was made is no more.
  checkGrant(portal, { tester, jti: null, kid: null, issuedAt: found.at });
  const opened = await portal.write(() => {
    const used = portal.writer.update(portalLinks).set({ usedAt: now }).where(live).run();
    if (used.changes === 0) return null;
    const actor = { operator: `tester:${tester}`, address };
    return open(portal, { tester, jti: null, kid: null, issuedAt: found.at }, Infinity, actor);
  });
  if (!opened) throw new Refusal('link_invalid', 'used meanwhile');
  return opened;
}

/** Runs inside a writer's job. */
function open({ now, writer, newDigest }: Portal, grant: Grant, until: number, actor: Actor): Opened {
  const at = now();
  const secret = makeSecret('pps_');
  const expiresAt = Math.min(at + SESSION_MS, until);
  writer.delete(portalSessions).where(lte(portalSessions.expiresAt, at)).run();
  writer
    .insert(portalSessions)
    .values({ ...grant, hash: hashOf(secret, newDigest), at, expiresAt })
    .run();
  const subject = grant.jti === null ? 'by link' : `by token:${grant.jti}`;
  insertAct(writer, actor, { at, act: 'portal.sign-in', subject });
  return { secret, expiresAt };
}

/** Null: no live session has this secret, whatever the reason. */
export function visitorOf(portal: Portal, secret: string | undefined): Visitor | null {
  if (secret === undefined || !isSecret('pps_', secret)) return null;
  const hash = hashOf(secret, portal.newDigest);
  const row = portal.reader.select().from(portalSessions).where(eq(portalSessions.hash, hash)).get();
  if (!row || row.expiresAt <= portal.now()) return null;
  try {
    checkGrant(portal, row);
  } catch (fault) {
    if (fault instanceof Refusal) return null;
    throw fault;
  }
  const { tester, jti, expiresAt } = row;
  return {
    tester,
    jti,
    expiresAt,
    identity: identityOf(portal, row),
    csrf: csrfOf(secret, portal.newDigest),
  };
}

/** @throws Refusal, as a call with this token would be answered */
export function visitorByToken(portal: Portal, who: Identity, kid: string | null): Visitor {
  const { tester, jti, issuedAt, expiresAt } = who;
  checkGrant(portal, { tester, jti, kid, issuedAt: issuedAt * 1000 - portal.skewMs });
  return { tester, jti, identity: who, csrf: null, expiresAt: expiresAt * 1000 };
}

export function endSession(portal: Portal, secret: string, actor: Actor): Promise<void> {
  const hash = hashOf(secret, portal.newDigest);
  return portal.write(() => {
    portal.writer.delete(portalSessions).where(eq(portalSessions.hash, hash)).run();
    insertAct(portal.writer, actor, { at: portal.now(), act: 'portal.sign-out', subject: 'session' });
  });
}

/** Of a link admission knows no token: it takes the tester as named by an issuer outside, and judges all the rest. */
function identityOf(
  portal: Portal,
  { tester, jti, kid, issuedAt, expiresAt }: Grant & { expiresAt: number },
): Identity {
  const seconds = Math.floor((issuedAt + portal.skewMs) / 1000);
  return {
    ...{ tester, jti: jti ?? BY_LINK, issuer: portal.keys.issuer, own: kid !== null, clientId: 'portal' },
    ...{ issuedAt: seconds, notBefore: seconds, expiresAt: Math.floor(expiresAt / 1000) },
    keyStands: () => kid === null || portal.keys.holds(kid),
  };
}
