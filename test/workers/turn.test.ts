/** Objects that share an isolate: what one leaves for later is done, whatever another one leaves at the same time. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle, startWorkerd, type Workerd } from '../engines/with-workerd.ts';

let workerd: Workerd;
beforeAll(async () => {
  workerd = await startWorkerd((await bundle('test/workers/turn.worker.ts')).text);
});
afterAll(() => workerd.close());

test('each writes to its own store, and all of it', async () => {
  const written = async (object: string, writes: number) => {
    const soon = { signal: AbortSignal.timeout(5_000) };
    return (await fetch(`${workerd.url}/${object}?writes=${writes}`, soon)).json();
  };
  const names = ['a', 'b', 'c', 'd'];
  const counts = await Promise.all(names.map((name) => written(name, 500)));
  expect(counts).toEqual(names.map(() => ({ n: 500 })));
});
