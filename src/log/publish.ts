/** Where checkpoints go outside: a web hook. */
import type { Publish } from './sealer.ts';

const HOOK_MS = 5_000;

/** POST with the note as text; any 2xx takes it; redirects are not followed. */
export function toHook(url: string): Publish {
  return async (note) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: note,
      redirect: 'manual',
      signal: AbortSignal.timeout(HOOK_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  };
}
