/** Step 2: who asks. Verification only, no state: whether the tester may call is admission's to say. */

import { limitKey } from '../address.ts';
import type { AddressLimit } from '../admission/address-limit.ts';
import { Refusal } from '../refusal.ts';
import type { Identity, Verifier } from '../token/verify.ts';
import type { Frame } from './guard.ts';

const BEARER = /^bearer +([^ ]+)$/i;

/**
 * @throws Refusal 401 for the token's faults, 503 when an issuer's keys cannot be had, 429 when this address had too
 * many refused. A token that was verified before passes by that limit, so a flood cannot lock testers out.
 */
export async function authenticate(
  frame: Frame,
  verifier: Verifier,
  attempts: AddressLimit,
  now: number,
): Promise<Identity> {
  const { authorization } = frame;
  const token = authorization === null ? null : (BEARER.exec(authorization)?.[1] ?? null);
  const remembered = token === null ? null : verifier.recall(token, now);
  if (remembered) return remembered;
  const key = limitKey(frame.address);
  await attempts.take(key);
  if (authorization === null) throw new Refusal('token_missing');
  if (token === null) throw new Refusal('token_invalid', 'not "Bearer" and one token');
  const identity = await verifier.verify(token, now);
  await attempts.giveBack(key);
  return identity;
}
