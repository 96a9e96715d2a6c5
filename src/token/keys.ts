/** Our own signing keys in force: the newest signs, the older ones verify until their end, all are published. */
import { type CryptoKey, createLocalJWKSet, importJWK, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../deps.ts';
import { type KeyFile, OWN_ALGORITHM, publicHalf, verifiesAt } from './key-file.ts';

export interface Signing {
  readonly kid: string;
  readonly signer: CryptoKey;
}

export interface SigningKeys {
  signing(): Signing;
  readonly verify: JWTVerifyGetKey;
  /** For `/.well-known/jwks.json`: public members only. */
  published(): JSONWebKeySet;
  /** What the key file holds: secret. Keys whose time is over are not in it. */
  file(): KeyFile;
  holds(kid: string | undefined): boolean;
  /** Another number as soon as the keys are others: a signature check from before then is worth nothing. */
  generation(): number;
  /** Imports the keys of a file; what comes back puts them in force at once and whole. */
  prepare(file: KeyFile): Promise<() => void>;
}

interface InForce {
  readonly file: KeyFile;
  readonly signing: Signing;
  readonly published: JSONWebKeySet;
  readonly verify: JWTVerifyGetKey;
  /** When the next key ends. */
  readonly until: number;
}

/** @throws Error when the file holds no usable key. */
export async function loadKeys(file: KeyFile, now: Clock): Promise<SigningKeys> {
  let inForce = putTogether(file, await importSigner(file), now());
  let generation = 0;
  const put = (next: InForce) => {
    inForce = next;
    generation++;
  };
  const current = (): InForce => {
    if (now() >= inForce.until) put(putTogether(inForce.file, inForce.signing, now()));
    return inForce;
  };
  return {
    signing: () => current().signing,
    verify: (header, token) => current().verify(header, token),
    published: () => current().published,
    file: () => current().file,
    holds: (kid) => current().file.keys.some((one) => one.kid === kid),
    generation: () => {
      current();
      return generation;
    },
    async prepare(next) {
      const signing = await importSigner(next);
      return () => put(putTogether(next, signing, now()));
    },
  };
}

function putTogether(file: KeyFile, signing: Signing, nowMs: number): InForce {
  const [first, ...older] = file.keys;
  const live = older.filter((one) => verifiesAt(one, nowMs));
  const published = { keys: [first, ...live].map(publicHalf) };
  return {
    file: { ...file, keys: [first, ...live] },
    signing,
    published,
    verify: createLocalJWKSet(published),
    until: Math.min(...live.map(({ verifiesUntil = Infinity }) => verifiesUntil), Infinity),
  };
}

async function importSigner({ keys: [first] }: KeyFile): Promise<Signing> {
  const signer = await importJWK(first, OWN_ALGORITHM);
  if (signer instanceof Uint8Array) throw new Error('the key file holds a symmetric key');
  return { kid: first.kid, signer };
}
