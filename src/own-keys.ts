/** Keys of ours that outlive restarts: made when there are none, and kept where the runtime keeps secrets. */
import { base64url } from 'jose';
import type { Clock, Safe, Staged } from './deps.ts';
import { makeLogKey } from './log/log-key.ts';
import { type KeyFile, keyFileText, makeKey, readKeyFile } from './token/key-file.ts';

export const KEYS = 'keys.json';
const LOG_KEY = 'log-key.json';
const LINK_KEY = 'link-key';

export interface OwnKeys {
  /** Those that sign tokens, and the issuer's name. */
  keyFile(): Promise<KeyFile>;
  /** Text of the key that signs the log. */
  logKey(): Promise<string>;
  /** The key that signs links to released outputs. */
  linkKey(): string;
  stageKeys(file: KeyFile): Staged;
}

export function ownKeys(safe: Safe, now: Clock): OwnKeys {
  const kept = (name: string, text: string) => {
    safe.stage(name, text).commit();
    return text;
  };
  const stageKeys = (file: KeyFile) => safe.stage(KEYS, keyFileText(file));
  return {
    async keyFile() {
      const known = safe.read(KEYS);
      if (known !== null) return readKeyFile(known);
      const made: KeyFile = { issuer: `urn:uuid:${crypto.randomUUID()}`, keys: [await makeKey(now())] };
      stageKeys(made).commit();
      return made;
    },
    logKey: async () =>
      safe.read(LOG_KEY) ?? kept(LOG_KEY, `${JSON.stringify(await makeLogKey(), null, 2)}\n`),
    linkKey() {
      const made = () => base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
      return (safe.read(LINK_KEY) ?? kept(LINK_KEY, `${made()}\n`)).trim();
    },
    stageKeys,
  };
}
