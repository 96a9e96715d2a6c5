/** Frames that are still being checked: their order, and that nothing overtakes a check. */
import { expect, test } from 'vitest';
import type { SocketEnd } from '../../src/deps.ts';
import { Flow } from '../../src/gateway/flow.ts';
import { Refusal } from '../../src/refusal.ts';
import { sleep } from '../with-gate.ts';

/** An end that keeps what it was sent, and whether it is read. */
function fakeEnd() {
  const end = { sent: [] as string[], paused: false };
  const socket: SocketEnd = {
    buffered: 0,
    listen() {},
    send(data, _, sent) {
      end.sent.push(new TextDecoder().decode(data as Uint8Array));
      setTimeout(sent, 0);
    },
    pause() {
      end.paused = true;
    },
    resume() {
      end.paused = false;
    },
    ping() {},
    close() {},
    terminate() {},
  };
  return { socket, of: end };
}

function flow(check: (text: string) => Promise<Refusal | null>) {
  const [from, to] = [fakeEnd(), fakeEnd()];
  const refusals: Refusal[] = [];
  const one = new Flow({
    passes: () => true,
    from: from.socket,
    to: to.socket,
    now: Date.now,
    check: (data) => check(new TextDecoder().decode(data)),
    refused: (refusal) => refusals.push(refusal),
  });
  const push = (text: string) => one.push(new TextEncoder().encode(text), false);
  return { one, push, refusals, sent: to.of.sent, from: from.of };
}

test('a slow check holds back what came later', async () => {
  const { push, sent } = flow((text) => sleep(text === 'a' ? 30 : 0).then(() => null));
  for (const text of ['a', 'b', 'c']) push(text);
  expect(sent).toEqual([]);
  await sleep(60);
  expect(sent).toEqual(['a', 'b', 'c']);
});

test('a frame that is refused, or whose check fails, lets nothing behind it pass', async () => {
  const [no, broken] = [new Refusal('model_not_allowed'), new Error('the store is away')];
  for (const fault of [no, broken]) {
    const { push, sent, refusals } = flow((text) =>
      text === 'b' ? (fault === no ? Promise.resolve(no) : Promise.reject(broken)) : Promise.resolve(null),
    );
    for (const text of ['a', 'b', 'c']) push(text);
    await sleep(20);
    expect(sent).toEqual(['a']);
    expect(refusals.map(({ code }) => code)).toEqual([fault === no ? 'model_not_allowed' : 'gateway_fault']);
  }
});

test('many frames that wait for their checks stop the reading, and it goes on when they are through', async () => {
  const { push, sent, from } = flow(() => sleep(1).then(() => null));
  for (let i = 0; i < 100; i++) push(`${i}`);
  expect(from.paused).toBe(true);
  for (let i = 0; i < 100 && sent.length < 100; i++) await sleep(20);
  await sleep(20);
  expect([sent.length, from.paused]).toEqual([100, false]);
});

test('a check that ends after the flow was stopped lets nothing pass', async () => {
  const { one, push, sent } = flow(() => sleep(20).then(() => null));
  push('a');
  one.stop();
  await sleep(40);
  expect(sent).toEqual([]);
});
