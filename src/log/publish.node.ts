/** Where checkpoints go outside: a file that grows, a web hook. */
import { open } from 'node:fs/promises';
import type { Publish } from './sealer.ts';

const HOOK_MS = 5_000;

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

/** POST with the note as text; any 2xx takes it. Redirects are not followed. */
export function toHook(url: string): Publish {
  return async (note) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: note,
      redirect: 'error',
      signal: AbortSignal.timeout(HOOK_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  };
}
