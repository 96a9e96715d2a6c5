/** What the key file holds, and what a rotation and a withdrawal make of it. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';

export const OWN_ALGORITHM = 'EdDSA';

const Key = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  /** Secret. The signing key's only: nothing is signed with an older key, so its secret half is not kept. */
  d: z.string().optional(),
  kid: z.string().min(1),
  alg: z.literal(OWN_ALGORITHM).optional(),
  use: z.literal('sig').optional(),
  /** Unix milliseconds. */
  createdAt: z.number().optional(),
  /** Unix milliseconds; when the next key took over. */
  signedUntil: z.number().optional(),
  /** Unix milliseconds; absent for the signing key. */
  verifiesUntil: z.number().optional(),
});
const KeyFile = z.looseObject({
  /** The name under which tokens are issued; it outlives addresses, ports and keys. */
  issuer: z.string().min(1),
  keys: z.tuple(
    [Key.extend({ d: z.string(), verifiesUntil: z.undefined().optional() })],
    Key.extend({ verifiesUntil: z.number() }),
  ),
});

/** The newest key first: it signs. */
export type KeyFile = z.output<typeof KeyFile>;
export type Key = z.output<typeof Key>;
export type SigningKey = KeyFile['keys'][0];

/** A new Ed25519 key as a private JWK (RFC 8037). */
export async function makeKey(nowMs: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(OWN_ALGORITHM, { crv: 'Ed25519', extractable: true });
  const { x = '', d = '' } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x });
  // A name that a command line takes for an option could not be typed to withdraw the key.
  if (kid.startsWith('-')) return makeKey(nowMs);
  return { kty: 'OKP', crv: 'Ed25519', x, d, kid, alg: OWN_ALGORITHM, use: 'sig', createdAt: nowMs };
}

/** @throws Error that names what is wrong, and holds nothing of the file's content. */
export function readKeyFile(text: string): KeyFile {
  const read = KeyFile.safeParse(parse(text));
  if (read.success) return read.data;
  const at = read.error.issues[0]?.path.join('.') || 'the file';
  throw new Error(`keys.json in the data directory: ${at} is not as it should be; restore it from a copy.`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function keyFileText(file: KeyFile): string {
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Named members only, so that a secret one can never slip through. */
export function publicHalf({ kty, crv, x, kid, alg, use }: Key) {
  return { kty, crv, x, kid, alg, use };
}

export function verifiesAt({ verifiesUntil }: Key, nowMs: number): boolean {
  return verifiesUntil === undefined || verifiesUntil > nowMs;
}

/** The older keys verify up to then at most: a rotation gives no key more time than it had. */
export function rotated(file: KeyFile, key: SigningKey, untilMs: number, nowMs: number): KeyFile {
  const older = file.keys.map((one) => ({
    ...publicHalf(one),
    createdAt: one.createdAt,
    signedUntil: one.signedUntil ?? nowMs,
    verifiesUntil: Math.min(one.verifiesUntil ?? untilMs, untilMs),
  }));
  return { ...file, keys: [key, ...older.filter((one) => verifiesAt(one, nowMs))] };
}

export function withdrawn(file: KeyFile, kid: string): KeyFile {
  const [signing, ...older] = file.keys;
  return { ...file, keys: [signing, ...older.filter((one) => one.kid !== kid)] };
}
