/** The client of a drill: a stream through the gateway's own listener. */
import { request } from 'node:http';
import type { DrillCall } from '../drills.ts';
import { DRILL } from '../gateway/drill.ts';

const BODY = JSON.stringify({ model: DRILL, stream: true, messages: [] });

/** @param gateway origin of the listener */
export function drillCall(gateway: string, token: string): DrillCall {
  const status = Promise.withResolvers<number>();
  const flowing = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Awaited<DrillCall['ended']>>();
  // What nobody waits for any more fails unheard.
  for (const { promise } of [status, flowing, ended]) promise.catch(() => {});
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const call = request(`${gateway}/v1/chat/completions`, { method: 'POST', headers, agent: false });
  call.on('error', (fault) => {
    for (const { reject } of [status, flowing, ended]) reject(fault);
  });
  call.on('response', (answer) => {
    let [text, lastByteAt] = ['', 0];
    status.resolve(answer.statusCode ?? 0);
    answer.on('data', (chunk: Buffer) => {
      lastByteAt = performance.now();
      // The end is what tells why.
      text = (text + chunk.toString('utf8')).slice(-2_000);
      flowing.resolve();
    });
    answer.on('close', () => ended.resolve({ text, lastByteAt, id: `${answer.headers['x-request-id']}` }));
    answer.on('error', () => {});
  });
  call.end(BODY);
  return {
    status: status.promise,
    flowing: flowing.promise,
    ended: ended.promise,
    close: () => call.destroy(),
  };
}
