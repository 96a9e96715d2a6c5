/** Key sets of outside issuers: given in the configuration, or fetched and held for a bounded time. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../deps.ts';

export interface KeySet {
  /** @throws JOSEError when no key, or more than one, fits; KeysUnavailable when that cannot be told. */
  readonly find: JWTVerifyGetKey;
  /** Another number when the keys are others; NaN when there are none that may be used. */
  generation(): number;
}

/** The issuer's keys cannot be had; the message says why. */
export class KeysUnavailable extends Error {}

/** A set is asked for again after this. */
const FRESH_MS = 300_000;
/** And is used up to this long after it was fetched while the issuer does not answer. */
const STALE_MS = 900_000;
/** After a failure nobody asks for this long. */
const FAILURE_MS = 5_000;
/** How often tokens that name unknown keys make us ask, all of them together. */
const COOLDOWN_MS = 15_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 65_536;

/** Members that a public key does not have. */
const SECRET = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const FAMILY: Readonly<Record<string, RegExp>> = {
  RSA: /^[RP]S/,
  'EC P-256': /^ES256$/,
  'EC P-384': /^ES384$/,
  'EC P-521': /^ES512$/,
  'OKP Ed25519': /^Ed/,
};

export function givenKeys(set: { readonly keys: readonly object[] }, algorithms: readonly string[]): KeySet {
  return { find: createLocalJWKSet(usable(set, algorithms)), generation: () => 0 };
}

export interface FetchOptions {
  readonly uri: string;
  readonly algorithms: readonly string[];
  readonly now: Clock;
}

interface Held {
  readonly find: JWTVerifyGetKey;
  readonly text: string;
  readonly fetchedAt: number;
}

export function fetchedKeys({ uri, algorithms, now }: FetchOptions): KeySet {
  let held: Held | null = null;
  let generation = 0;
  let askedAt = -Infinity;
  let failure: KeysUnavailable | null = null;
  let asking: Promise<void> | null = null;

  const age = () => (held ? now() - held.fetchedAt : Infinity);
  const ask = async (): Promise<void> => {
    askedAt = now();
    try {
      const set = usable(await fetchSet(uri), algorithms);
      const text = JSON.stringify(set);
      if (held?.text !== text) generation++;
      // As old as the question: what was withdrawn while the answer was on its way may be in it.
      held = { find: createLocalJWKSet(set), text, fetchedAt: askedAt };
      failure = null;
    } catch (fault) {
      failure = new KeysUnavailable(`JWKS: ${why(fault)}`);
    }
  };
  /** One question at a time: whoever comes meanwhile waits for its answer. */
  const askOnce = (): Promise<void> => {
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
  const freshen = async (): Promise<Held> => {
    if (age() >= FRESH_MS && (asking || !failure || now() - askedAt >= FAILURE_MS)) await askOnce();
    if (held && age() < STALE_MS) return held;
    throw failure ?? new KeysUnavailable('JWKS: too old');
  };
  const find: JWTVerifyGetKey = async (header, token) => {
    const before = await freshen();
    try {
      return await before.find(header, token);
    } catch (fault) {
      if (!(fault instanceof errors.JWKSNoMatchingKey)) throw fault;
    }
    if (asking || now() - askedAt >= COOLDOWN_MS) await askOnce();
    // The issuer may have made the key since: whether the token is good cannot be told.
    if (failure) throw failure;
    return (await freshen()).find(header, token);
  };
  return { find, generation: () => (age() < STALE_MS ? generation : Number.NaN) };
}

async function fetchSet(uri: string): Promise<{ keys: readonly object[] }> {
  const answer = await fetch(uri, {
    redirect: 'manual',
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`status ${answer.status}`);
  }
  const set = parsed(await boundedText(answer));
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys))
    throw new Error('no list of keys');
  return { keys: set.keys.filter((key: unknown) => typeof key === 'object' && key !== null) };
}

/** Without a word of the answer, which is not ours to log. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
}

function why(fault: unknown): string {
  if (!(fault instanceof Error)) return 'unreadable';
  const { cause } = fault;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : fault.message;
}

async function boundedText({ body }: Response): Promise<string> {
  const text = new TextDecoder('utf-8', { fatal: true });
  let [read, bytes] = ['', 0];
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
    read += text.decode(chunk, { stream: true });
  }
  return read + text.decode();
}

/** The public keys whose algorithm is not in doubt, each with its `alg`. */
function usable({ keys }: { readonly keys: readonly object[] }, algorithms: readonly string[]) {
  return { keys: keys.flatMap((key) => fitting(key as JWK, algorithms)) } satisfies JSONWebKeySet;
}

function fitting(key: JWK, algorithms: readonly string[]): JWK[] {
  if (SECRET.some((member) => member in key)) return [];
  const family = FAMILY[key.kty === 'RSA' ? 'RSA' : `${key.kty} ${key.crv}`];
  const fit = algorithms.filter((alg) => family?.test(alg) && (key.alg === undefined || key.alg === alg));
  return fit.length === 1 ? [{ ...key, alg: fit[0] as string }] : [];
}
