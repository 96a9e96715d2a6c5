/** Which access tokens are in force, in SQL over `tokens` and `switches`: the same wherever tokens are listed or counted. */
import type { Control } from '../control.ts';

/**
 * One of its own, or a revocation of a wider scope, which takes the tokens issued up to then. Looked up by scope: of
 * thousands of switches only those that name it are read.
 */
export const ENDS = `switches.released_at is null and switches.scope in ('global', 'token:' || tokens.jti,
    'tester:' || tokens.tester, 'cohort:' || (select cohort from testers where testers.id = tokens.tester))
  and (switches.scope = 'token:' || tokens.jti
    or (switches.effect = 'revoke' and switches.engaged_at >= tokens.issued_at))`;

/** Which key signed a token shows in when it was issued: one key signs at a time. */
export const VALID = `tokens.expires_at > @now and not exists (select 1 from switches where ${ENDS})
  and exists (select 1 from json_each(@keys) k where tokens.issued_at between k.value ->> 0 and k.value ->> 1)`;

/** The values of `VALID`. */
export function validBy(control: Control) {
  const keys = control.keys().map(({ createdAt, signedUntil }) => [createdAt ?? 0, signedUntil ?? LAST_MS]);
  return { now: control.now(), keys: JSON.stringify(keys) };
}

const LAST_MS = Number.MAX_SAFE_INTEGER;
