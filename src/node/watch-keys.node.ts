/** Takes up what another process on the same data directory did to the keys. */
import { statSync } from 'node:fs';
import { keyFileText, readKeyFile } from '../token/key-file.ts';
import type { SigningKeys } from '../token/keys.ts';

/** How long a withdrawn key may go on verifying in the other processes. */
const WATCH_MS = 250;

export interface KeySource {
  readonly keysPath: string;
  readSecret(name: string): string | null;
}

/** @returns ends the watching */
export function watchKeys(dir: KeySource, keys: SigningKeys): () => void {
  let seen = stamp(dir.keysPath);
  const look = async () => {
    const now = stamp(dir.keysPath);
    if (now === seen) return;
    seen = now;
    const text = dir.readSecret('keys.json') ?? '';
    if (text !== keyFileText(keys.file())) (await keys.prepare(readKeyFile(text)))();
  };
  const timer = setInterval(() => {
    look().catch((fault) => console.error('the key file cannot be taken up:', fault));
  }, WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Every change renames a new file into place. */
function stamp(path: string): string {
  const { ino, mtimeMs } = statSync(path);
  return `${ino} ${mtimeMs}`;
}
