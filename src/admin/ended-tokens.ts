/** Which switches end a token, in SQL over `tokens` and `switches`: the same wherever tokens are listed or counted. */

/** One of its own, or a revocation of a wider scope, which takes the tokens issued up to then. */
export const ENDS = `switches.released_at is null and (switches.scope = 'token:' || tokens.jti
  or (switches.effect = 'revoke' and switches.engaged_at >= tokens.issued_at
    and switches.scope in ('global', 'tester:' || tokens.tester,
      'cohort:' || (select cohort from testers where testers.id = tokens.tester))))`;

export const NOT_ENDED = `not exists (select 1 from switches where ${ENDS})`;
