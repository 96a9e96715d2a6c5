/** Signs an access token of our own (RFC 9068). */
import { SignJWT } from 'jose';
import { OWN_ALGORITHM } from './key-file.ts';
import type { Signing } from './keys.ts';

export interface Grant {
  readonly issuer: string;
  readonly audience: string;
  readonly tester: string;
  readonly jti: string;
  /** Unix milliseconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export const OWN_CLIENT_ID = 'portcullis';
/** What our tokens carry, and must carry. */
export const OWN_SCOPE = 'api';

export function signToken(grant: Grant, { kid, signer }: Signing): Promise<string> {
  return new SignJWT({ client_id: OWN_CLIENT_ID, scope: OWN_SCOPE })
    .setProtectedHeader({ alg: OWN_ALGORITHM, kid, typ: 'at+jwt' })
    .setIssuer(grant.issuer)
    .setSubject(grant.tester)
    .setAudience(grant.audience)
    .setJti(grant.jti)
    .setIssuedAt(Math.floor(grant.issuedAt / 1000))
    .setExpirationTime(Math.floor(grant.expiresAt / 1000))
    .sign(signer);
}
