/** The client of a drill, on Workers: a stream through the object of the drill's tester. */
import type { DrillCall } from '../drills.ts';
import { DRILL } from '../gateway/drill.ts';
import { NAME, ofTester } from './names.worker.ts';
import type { Env } from './runtime.worker.ts';

const BODY = JSON.stringify({ model: DRILL, stream: true, messages: [] });

export function drillCall(env: Env, token: string): DrillCall {
  const flowing = Promise.withResolvers<void>();
  const ender = new AbortController();
  const asked = env.TESTER.getByName(ofTester(DRILL)).fetch(
    new Request('https://gate/v1/chat/completions', {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...{ host: 'gate', [NAME]: ofTester(DRILL) },
      },
      body: BODY,
      signal: ender.signal,
    }),
  );
  const ended = asked.then(async (answer) => {
    const id = `${answer.headers.get('x-request-id')}`;
    return { id, ...(await read(answer, flowing.resolve)) };
  });
  ended.catch(flowing.reject);
  // What nobody waits for any more fails unheard.
  for (const promise of [asked, flowing.promise, ended]) promise.catch(() => {});
  return {
    status: asked.then(({ status }) => status),
    flowing: flowing.promise,
    ended,
    close: () => ender.abort(),
  };
}

/** A stream that is broken off has ended, too. */
async function read({ body }: Response, flows: () => void): Promise<{ text: string; lastByteAt: number }> {
  const decoder = new TextDecoder();
  let [text, lastByteAt] = ['', performance.now()];
  try {
    for await (const chunk of body ?? []) {
      lastByteAt = performance.now();
      // The end is what tells why.
      text = (text + decoder.decode(chunk as Uint8Array, { stream: true })).slice(-2_000);
      flows();
    }
  } catch {}
  return { text, lastByteAt };
}
