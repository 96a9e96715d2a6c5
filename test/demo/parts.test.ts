/** Guarantees of the simulator's inner parts that no client can see from outside. */
import { expect, test } from 'vitest';
import { type SseEvent, sseResponse } from '../../src/demo/sse.ts';
import { createStore, pageOf } from '../../src/demo/store.ts';
import { replyTo } from '../../src/demo/text.ts';
import { fitText } from '../../src/outputs/lettering.ts';

test('a stream is aborted when its reader leaves', async () => {
  const abort = new AbortController();
  async function* events(): AsyncGenerator<SseEvent, void> {
    for (;;) yield { data: 'tick' };
  }
  const reader = sseResponse(events(), abort).body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(abort.signal.aborted).toBe(true);
});

test('a store lets the oldest go once it holds too many objects or too many bytes', () => {
  const many = createStore<{ id: string }>('Thing');
  for (let index = 0; index < 5_003; index++) many.add({ id: `${index}` });
  expect([many.all().length, many.find('2'), many.get('3').id]).toEqual([5_000, undefined, '3']);
  const heavy = createStore<{ id: string }>('Thing', { bytesOf: () => 40, mostBytes: 100 });
  for (const id of ['a', 'b', 'c']) heavy.add({ id });
  expect(heavy.all().map((item) => item.id)).toEqual(['b', 'c']);
});

test('a page starts after its cursor, in either order, and says whether more follows', () => {
  const items = ['a', 'b', 'c', 'd'].map((id) => ({ id }));
  const limits = { defaultLimit: 2, mostLimit: 3 };
  expect(pageOf(items, {}, limits)).toMatchObject({ first_id: 'd', last_id: 'c', has_more: true });
  expect(pageOf(items, { after: 'b', order: 'asc' }, limits)).toMatchObject({
    last_id: 'd',
    has_more: false,
  });
  expect(() => pageOf(items, { limit: '4' }, limits)).toThrow('limit');
});

test('one prompt always gets one answer, and a prompt may ask for a number of words and a pace', () => {
  expect(replyTo('Weirs')).toMatchObject({ words: replyTo('Weirs').words });
  const slow = replyTo('Please [[words=7 delay=250]]');
  expect([slow.words.length, slow.delayMs(3)]).toEqual([7, 250]);
});

test('text of any length and script stays inside its box', () => {
  const box = { left: 10, top: 10, width: 200, height: 60, largestScale: 4 };
  for (const text of ['Short', 'long '.repeat(900), 'ü漢字🙂'.repeat(40), 'x'.repeat(5_000)]) {
    const runs = fitText(text, box);
    expect(runs.length).toBeGreaterThan(0);
    expect(Math.min(...runs.map((run) => run.from))).toBeGreaterThanOrEqual(10);
    expect(Math.max(...runs.map((run) => run.to))).toBeLessThanOrEqual(211);
    expect(Math.max(...runs.map((run) => run.y))).toBeLessThanOrEqual(71);
  }
});
