/** Where checkpoints go outside: a file that grows. */
import { open } from 'node:fs/promises';
import type { Publish } from './sealer.ts';

/** Each note after the last one, with an empty line between; on disk before it counts as sent. */
export function toFile(path: string): Publish {
  return async (note) => {
    const file = await open(path, 'a', 0o600);
    try {
      await file.writeFile(`${note}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  };
}
