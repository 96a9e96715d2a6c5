/** Upstream away and back: told on a change, and not for a single call. */
import { expect, test } from 'vitest';
import { watchUpstream } from '../src/alerts/watch-upstream.ts';
import type { AnswerSink, Outbound, Upstream } from '../src/deps.ts';

const OUT: Outbound = { method: 'GET', target: '/', headers: [], body: null };
const deaf: AnswerSink = { head() {}, data: () => true, end() {}, error() {} };

function watched() {
  const sinks: AnswerSink[] = [];
  const changes: boolean[] = [];
  let nowMs = 0;
  const upstream: Upstream = {
    send(_, sink) {
      sinks.push(sink);
      return { abort() {}, resume() {} };
    },
    dial: () => ({ abort() {} }),
    quotesKey: () => false,
  };
  const watching = watchUpstream(
    upstream,
    (isDown) => changes.push(isDown),
    () => nowMs,
  );
  const call = (end: (sink: AnswerSink) => void) => {
    watching.send(OUT, deaf);
    end(sinks.at(-1) ?? deaf);
  };
  return {
    changes,
    fail: () => call((sink) => sink.error('unreachable')),
    answer: () => call((sink) => sink.head(200, {})),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('many failures at once are no outage yet; failures for ten seconds are one, told once', () => {
  const { changes, fail, pass } = watched();
  for (let i = 0; i < 20; i++) fail();
  expect(changes).toEqual([]);
  pass(10_000);
  fail();
  fail();
  expect(changes).toEqual([true]);
});

test('one answer between failures is no outage, and one after an outage ends it', () => {
  const { changes, fail, answer, pass } = watched();
  for (let i = 0; i < 10; i++) {
    fail();
    pass(5_000);
    answer();
  }
  expect(changes).toEqual([]);
  for (let i = 0; i < 6; i++) {
    fail();
    pass(5_000);
  }
  answer();
  answer();
  expect(changes).toEqual([true, false]);
});
