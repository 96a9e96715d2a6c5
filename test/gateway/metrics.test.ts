/** Metrics: in the format of Prometheus, documented, and without anything of testers. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, 'drills: { everyHours: 0 }');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const scrape = async () => {
  const answer = await fetch(`${gate.control}/admin/metrics`, {
    headers: { authorization: `Bearer ${gate.credential}` },
  });
  expect(answer.headers.get('content-type')).toContain('text/plain');
  return answer.text();
};

test('calls are counted by their outcome, and a stop and a drill show', async () => {
  const token = await gate.tester('ada');
  await post(gate.url, token, CHAT);
  await post(gate.url, 'no.such.token', CHAT);
  await gate.settled();
  const before = await scrape();
  expect(before).toContain('portcullis_calls_total{outcome="complete"} 1\n');
  expect(before).toMatch(/portcullis_calls_total\{outcome="token_\w+"\} 1\n/);
  expect(before).toContain('portcullis_call_duration_seconds_bucket{le="+Inf"} 1\n');
  expect(before).toContain('portcullis_call_duration_seconds_count 1\n');
  expect(before).toContain('portcullis_stopped 0\n');
  expect(before).toContain('portcullis_drill_armed 0\n');
  await gate.admin('POST', 'drills');
  await gate.admin('POST', 'switches', { scope: 'global', reason: 'test' });
  const after = await scrape();
  expect(after).toContain('portcullis_stopped 1\n');
  expect(after).toContain('portcullis_drill_armed 1\n');
  expect(after).not.toContain('ada');
});

test('docs/monitoring.md names every metric, and no other', async () => {
  const named = [...(await scrape()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name).sort();
  const page = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/`(portcullis_\w+?)(?:\{\w+\})?`/g)].map(([, name]) => name).sort();
  expect(documented).toEqual(named);
});
