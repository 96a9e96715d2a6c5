/** The ceremonies of WebAuthn, each with a challenge that is good once. */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { eq } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { passkeys } from '../store/schema.ts';
import { keepChallenge, takeChallenge } from './challenges.ts';
import { Problem } from './problem.ts';

export type { AuthenticationResponseJSON, RegistrationResponseJSON };

/** Large, and seldom wanted: the gate starts without it. */
const webauthn = () => import('@simplewebauthn/server');

/** EdDSA, ES256, RS256 (COSE): what authenticators make, and each of our runtimes can verify. */
const ALGORITHMS = [-8, -7, -257];

/** Where the ceremony is held. */
export interface Site {
  readonly origin: string;
  /** The relying party's id. */
  readonly name: string;
}

type Key = typeof passkeys.$inferSelect;

export async function optionsForSignIn(control: Control, { name }: Site) {
  const { generateAuthenticationOptions } = await webauthn();
  // No names of keys: whoever is not signed in learns nothing of who could be.
  const options = await generateAuthenticationOptions({ rpID: name, userVerification: 'required' });
  await keepChallenge(control, options.challenge, { purpose: 'sign-in' });
  return { ...options };
}

/** @returns the key's new counter; null when the answer is not good */
export async function checkAnswer(
  control: Control,
  { origin, name }: Site,
  response: AuthenticationResponseJSON,
  { id, publicKey, counter }: Key,
): Promise<number | null> {
  const challenge = challengeIn(response);
  if (challenge === null || !(await takeChallenge(control, challenge, 'sign-in'))) return null;
  const { verifyAuthenticationResponse } = await webauthn();
  const checked = await verifyAuthenticationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: origin,
    expectedRPID: name,
    credential: { id, publicKey: new Uint8Array(publicKey), counter },
    requireUserVerification: true,
  }).catch(() => null);
  return checked?.verified ? checked.authenticationInfo.newCounter : null;
}

export async function optionsForNewKey(control: Control, { name }: Site, operator: string) {
  const own = control.reader.select().from(passkeys).where(eq(passkeys.operator, operator)).all();
  const { generateRegistrationOptions } = await webauthn();
  const options = await generateRegistrationOptions({
    rpName: 'Portcullis',
    rpID: name,
    userName: operator,
    attestationType: 'none',
    supportedAlgorithmIDs: ALGORITHMS,
    excludeCredentials: own.map(({ id }) => ({ id })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  });
  await keepChallenge(control, options.challenge, { purpose: 'register', operator });
  return { ...options };
}

/** @throws Problem `request_invalid` */
export async function checkNewKey(
  control: Control,
  { origin, name }: Site,
  response: RegistrationResponseJSON,
  operator: string,
): Promise<Pick<Key, 'id' | 'publicKey' | 'counter'>> {
  const challenge = challengeIn(response);
  const begun = challenge === null ? null : await takeChallenge(control, challenge, 'register');
  const { verifyRegistrationResponse } = await webauthn();
  const checked =
    begun?.operator === operator && challenge !== null
      ? await verifyRegistrationResponse({
          response,
          expectedChallenge: challenge,
          expectedOrigin: origin,
          expectedRPID: name,
          requireUserVerification: true,
          supportedAlgorithmIDs: ALGORITHMS,
        }).catch(() => null)
      : null;
  if (!checked?.verified)
    throw new Problem('request_invalid', 'response: it does not answer what was asked; begin again.');
  const { id, publicKey, counter } = checked.registrationInfo.credential;
  return { id, publicKey: Buffer.from(publicKey), counter };
}

/** What the browser says it signed; whether it did is checked by the library. */
function challengeIn({ response }: { response: { clientDataJSON: string } }): string | null {
  try {
    const base64 = response.clientDataJSON.replaceAll('-', '+').replaceAll('_', '/');
    const told: unknown = JSON.parse(atob(base64));
    const challenge = (told as { challenge?: unknown }).challenge;
    return typeof challenge === 'string' ? challenge : null;
  } catch {
    return null;
  }
}
