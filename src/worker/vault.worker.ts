/** Where an object keeps the gate's own secrets: sealed under a key that only the deployment holds. */
import type { Safe } from '../deps.ts';
import { sealing } from '../log/seal.node.ts';
import { type ObjectStorage, rowsOf } from '../store/durable.worker.ts';

const KEY = /^[A-Za-z0-9_-]{43}$/;

/** @param text 32 bytes in base64url @throws Error that holds nothing of it */
export function vaultKey(text: string): Uint8Array {
  if (!KEY.test(text)) throw new Error('PORTCULLIS_VAULT_KEY: set it to 32 random bytes in base64url.');
  return Buffer.from(text, 'base64url');
}

export function vaultIn(storage: ObjectStorage, key: Uint8Array): Safe {
  storage.sql.exec(
    'create table if not exists vault (name text primary key, sealed blob not null) without rowid',
  );
  return {
    read(name) {
      const [row] = rowsOf(storage, 'select sealed from vault where name = ?', name);
      if (!row) return null;
      try {
        return sealing.open(key, Buffer.from(row.sealed as ArrayBuffer), name).toString('utf8');
      } catch {
        throw new Error(`PORTCULLIS_VAULT_KEY is not the one that ${name} was sealed with: set it back.`);
      }
    },
    stage(name, text) {
      const sealed = new Uint8Array(sealing.seal(key, Buffer.from(text), name));
      return {
        commit: () => void storage.sql.exec('insert or replace into vault values (?, ?)', name, sealed),
        drop: () => {},
      };
    },
  };
}
