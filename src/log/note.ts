/** Signed checkpoints: C2SP signed-note and tlog-checkpoint, Ed25519. */
import type { Sha256 } from './merkle.ts';

const ED25519 = 1;
const KEY_HASH_BYTES = 4;

export interface Checkpoint {
  readonly origin: string;
  /** Leaves in the tree. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** Name, and the public key of 32 bytes. */
export interface NoteKey {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

export class NoteFault extends Error {}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/** The verifier key as others take it: `name+hash+key`. */
export function verifierKey(key: NoteKey, sha256: Sha256): string {
  const hash = Buffer.from(keyHash(key, sha256)).toString('hex');
  return `${key.name}+${hash}+${Buffer.from([ED25519, ...key.publicKey]).toString('base64')}`;
}

/** @throws NoteFault */
export function readVerifierKey(text: string, sha256: Sha256): NoteKey {
  const [, name = '', hash = '', base64 = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  const key = { name, publicKey: Uint8Array.from(bytes.subarray(1)) };
  if (name === '' || bytes.length !== 33 || bytes[0] !== ED25519)
    throw new NoteFault(
      'the verifier key is not one: it is name+hash+key, as "portcullis log key" prints it',
    );
  if (Buffer.from(keyHash(key, sha256)).toString('hex') !== hash)
    throw new NoteFault('the verifier key is damaged: its hash does not fit its key');
  return key;
}

export async function signNote(
  text: string,
  key: NoteKey,
  secret: CryptoKey,
  sha256: Sha256,
): Promise<string> {
  const signature = await crypto.subtle.sign('Ed25519', secret, new TextEncoder().encode(text));
  const line = Buffer.concat([keyHash(key, sha256), new Uint8Array(signature)]).toString('base64');
  return `${text}\n— ${key.name} ${line}\n`;
}

/** What the note says, once its signature by the key holds. @throws NoteFault */
export async function openCheckpoint(note: string, key: NoteKey, sha256: Sha256): Promise<Checkpoint> {
  const split = note.lastIndexOf('\n\n');
  if (split < 0) throw new NoteFault('the checkpoint has no signature');
  const text = note.slice(0, split + 1);
  for (const line of note.slice(split + 2).split('\n')) {
    const [, name, base64 = ''] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(base64, 'base64');
    if (name !== key.name || !bytes.subarray(0, KEY_HASH_BYTES).equals(keyHash(key, sha256))) continue;
    if (await verifies(text, bytes.subarray(KEY_HASH_BYTES), key)) return read(text, key.name);
    throw new NoteFault(`the signature of ${key.name} on the checkpoint does not hold`);
  }
  throw new NoteFault(`the checkpoint has no signature of ${key.name} with this key`);
}

async function verifies(text: string, signature: Uint8Array, { publicKey }: NoteKey): Promise<boolean> {
  const key = await crypto.subtle.importKey('raw', Uint8Array.from(publicKey), 'Ed25519', true, ['verify']);
  return crypto.subtle.verify('Ed25519', key, Uint8Array.from(signature), new TextEncoder().encode(text));
}

function read(text: string, name: string): Checkpoint {
  const [, origin, size, base64 = ''] =
    /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/.exec(text) ?? [];
  if (origin !== name || size === undefined)
    throw new NoteFault(
      'the checkpoint is not one of this log: it is not in the form of C2SP tlog-checkpoint',
    );
  return { origin, size: Number(size), root: Uint8Array.from(Buffer.from(base64, 'base64')) };
}

function keyHash({ name, publicKey }: NoteKey, sha256: Sha256): Uint8Array {
  const head = new TextEncoder().encode(`${name}\n`);
  return sha256(Uint8Array.from([...head, ED25519, ...publicKey])).subarray(0, KEY_HASH_BYTES);
}
