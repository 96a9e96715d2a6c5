/** The key that signs the log's checkpoints, and the log's name: a file of their own beside the tokens' keys. */
import { z } from 'zod';
import type { Sha256 } from './merkle.ts';
import { type NoteKey, signNote, verifierKey } from './note.ts';

const LogKeyFile = z.looseObject({
  /** The log's name; it outlives addresses. No spaces and no plus: C2SP signed-note. */
  origin: z.string().regex(/^[^+\s]+$/),
  x: z.string().length(43),
  /** Secret. */
  d: z.string().length(43),
});
export type LogKeyFile = z.output<typeof LogKeyFile>;

export interface LogKey extends NoteKey {
  /** `name+hash+key`. */
  readonly verifier: string;
  sign(text: string): Promise<string>;
}

export async function makeLogKey(): Promise<LogKeyFile> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
  const { x = '', d = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return { origin: `portcullis.log/${crypto.randomUUID().slice(0, 8)}`, x, d };
}

/** @throws Error that holds nothing of the file's content */
export async function readLogKey(text: string, sha256: Sha256): Promise<LogKey> {
  const { data, success } = LogKeyFile.safeParse(parse(text));
  if (!success)
    throw new Error('log-key.json in the data directory is not as it should be; restore it from a copy.');
  const { origin, x, d } = data;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x, d };
  const secret = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['sign']);
  const key = { name: origin, publicKey: Uint8Array.from(Buffer.from(x, 'base64url')) };
  return {
    ...key,
    verifier: verifierKey(key, sha256),
    sign: (note) => signNote(note, key, secret, sha256),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
