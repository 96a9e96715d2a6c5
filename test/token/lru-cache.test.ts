/** On Workers tokens are remembered in a map of ours: it forgets as the library does. */
import { randomInt } from 'node:crypto';
import { LRUCache as Theirs } from 'lru-cache';
import { expect, test } from 'vitest';
import { LRUCache } from '../../src/token/lru-cache.worker.ts';

test('after anything that is done with it, it holds what the library holds', () => {
  const [ours, theirs] = [new LRUCache<number, number>({ max: 8 }), new Theirs<number, number>({ max: 8 })];
  for (let i = 0; i < 20_000; i++) {
    const [key, act] = [randomInt(20), randomInt(10)];
    if (act < 5) expect(ours.get(key)).toBe(theirs.get(key));
    else if (act < 9) {
      ours.set(key, i);
      theirs.set(key, i);
    } else {
      ours.delete(key);
      theirs.delete(key);
    }
  }
});
