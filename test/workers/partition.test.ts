/** When objects cannot reach each other, or end where they are: nothing passes unsure, nothing is lost, all comes back by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, PERMISSIVE, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

/** A lease, and what a busy machine adds to it. */
const LEASE_MS = 2_000;
const SLACK_MS = 1_500;
let gate: WorkersGate;
let upstream: Upstream;
let ada: string;
let bob: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (incoming.url !== '/v1/chat/completions') {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => outgoing.write('data: {}\n\n'), 20);
    outgoing.on('close', () => clearInterval(timer));
  });
  const cohorts = `artists: { ${PERMISSIVE}, limits: { concurrent: 2 } }\n  red: { ${PERMISSIVE}, capture: prompt }`;
  gate = await startWorkers(upstream.url, cohorts, 'workers: { leaseSeconds: 2 }');
  [ada, bob] = [await gate.tester('ada'), await gate.tester('bob')];
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const models = (token: string) =>
  fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
const codeOf = async (answer: Response) =>
  `${answer.status} ${((await answer.json()) as { error?: { code: string } }).error?.code ?? ''}`;
async function stream(token: string) {
  const answer = await post(gate.url, token, { ...CHAT, stream: true });
  expect(answer.status).toBe(200);
  const id = answer.headers.get('x-request-id');
  const ended = answer.text().catch(() => 'broken off');
  return { ended, row: () => gate.rows(`id = '${id}'`)[0] };
}
async function until(what: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  for (const end = Date.now() + withinMs; !(await what()); await sleep(25))
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms`);
}

test('who is cut off from the gate streams for a lease and no longer, calls nothing, and is let in again by itself', async () => {
  const [hers, his] = [await stream(ada), await stream(bob)];
  await gate.cutOff('ada', true);
  const from = Date.now();
  expect(await hers.ended).toContain('event: error');
  expect(Date.now() - from).toBeLessThan(LEASE_MS + SLACK_MS);
  const seen = upstream.seen.length;
  expect(await codeOf(await models(ada))).toBe('503 authority_unreachable');
  expect(upstream.seen.length).toBe(seen);
  expect((await models(bob)).status).toBe(200);

  await gate.cutOff('ada', false);
  await until(async () => (await models(ada)).status === 200, LEASE_MS + SLACK_MS);
  // What was settled while nobody could be told of it is told now.
  await until(() => hers.row()?.outcome === 'cut', 5_000);
  await gate.admin('POST', 'switches', { scope: 'tester:bob', reason: 'enough' });
  expect(await his.ended).toContain('event: error');
  await gate.admin('POST', 'switches/release', { scope: 'tester:bob', reason: 'over' });
});

test('a stop that cannot be told to somebody is sure once their lease has run out, and says who was silent', async () => {
  const hers = await stream(ada);
  await gate.cutOff('ada', true);
  const seen = upstream.seen.length;
  const stopped = await gate.admin('POST', 'switches', { scope: 'global', reason: 'A leak.' });
  expect(stopped).toMatchObject({ lapsed: 1 });
  expect(stopped.ms).toBeLessThan(LEASE_MS + SLACK_MS);
  const silent = (stopped.nodes as { node: string; confirmedAt: string | null }[]).filter(
    ({ confirmedAt }) => confirmedAt === null,
  );
  expect(silent.map(({ node }) => node)).toEqual(['tester:ada']);
  // The answer came: from here on nothing of hers moves.
  expect(await Promise.race([hers.ended, sleep(0).then(() => 'it still streams')])).toContain('event: error');
  await gate.cutOff('ada', false);
  await until(async () => (await models(ada)).status === 403, LEASE_MS + SLACK_MS);
  expect(upstream.seen.length).toBe(seen);
  await gate.admin('POST', 'switches/release', { scope: 'global', reason: 'over' });
  expect((await models(ada)).status).toBe(200);
});

test('a tester’s object that ends under an open stream: the row says lost, its slot is free, the next call works', async () => {
  const [one, two] = [await stream(ada), await stream(ada)];
  expect(await codeOf(await models(ada))).toBe('429 concurrency_limited');
  await gate.crash('ada');
  await Promise.all([one.ended, two.ended]);
  await until(async () => (await models(ada)).status === 200, LEASE_MS + SLACK_MS);
  await until(() => one.row()?.outcome === 'lost' && two.row()?.outcome === 'lost', 5_000);
});

test('the gate’s object that ends cuts nobody; a stop after that holds for whoever streams', async () => {
  const hers = await stream(ada);
  await gate.crash();
  const state = await Promise.race([hers.ended, sleep(LEASE_MS + SLACK_MS).then(() => 'streams')]);
  expect(state).toBe('streams');
  expect((await models(bob)).status).toBe(200);
  expect(await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'x' })).toMatchObject({
    cut: 1,
  });
  expect(await hers.ended).toContain('event: error');
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'over' });
});

test('what is taken back while the gate’s object begins anew is taken back for whoever it held', async () => {
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'x' });
  expect((await models(ada)).status).toBe(403);
  await gate.crash();
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'over' });
  expect((await models(ada)).status).toBe(200);
});

test('what was committed and could not be delivered is delivered after the object that held it has ended', async () => {
  const hers = await stream(ada);
  await gate.cutOff('ada', true);
  await hers.ended;
  await sleep(200);
  await gate.crash('ada');
  // Nobody calls: it wakes by itself. Where it ended before the row was settled, that is done then.
  await until(() => ['cut', 'lost'].includes(hers.row()?.outcome ?? ''), 30_000);
}, 60_000);

test('a tester who is forgotten while texts are still on their way leaves none of them', async () => {
  const eve = await gate.tester('eve', 'red');
  const say = async (content: string) => {
    const answer = await post(gate.url, eve, { ...CHAT, messages: [{ role: 'user', content }] });
    await answer.body?.cancel();
    return answer.headers.get('x-request-id');
  };
  const found = async (words: string) =>
    (await gate.admin('GET', `log/search?words=${words}`)).requests as { id: string }[];
  // A lease, for the call that is made without a word of it reaching the gate.
  const before = await say('quetzal before');
  await until(async () => (await found('quetzal')).length === 1, 5_000);
  await gate.cutOff('eve', true);
  const under = await say('quetzal on its way');
  await gate.admin('POST', 'testers/eve/forget', {});
  await gate.cutOff('eve', false);
  await until(() => gate.rows(`id = '${under}'`).length === 1, 30_000);
  await until(async () => (await models(eve)).status === 200, LEASE_MS + SLACK_MS);
  const after = await say('quetzal after');
  await until(async () => (await found('quetzal')).length > 0, 30_000);
  expect((await found('quetzal')).map(({ id }) => id)).toEqual([after]);
  const texts = await Promise.all(
    [before, under, after].map((id) => gate.admin('GET', `log/text/${id}`).catch(() => ({ text: null }))),
  );
  expect(texts.map(({ text }) => text)).toEqual([null, null, 'quetzal after']);
}, 90_000);

test('a client that leaves is settled as gone, and gives its slot back', async () => {
  for (let round = 0; round < 3; round++) {
    const leaving = new AbortController();
    const answers = await Promise.all(
      [1, 2].map(() =>
        fetch(`${gate.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ada}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...CHAT, stream: true }),
          signal: leaving.signal,
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    await Promise.all(answers.map(({ body }) => body?.getReader().read()));
    leaving.abort();
    const ids = answers.map(({ headers }) => `'${headers.get('x-request-id')}'`);
    const rows = () => gate.rows(`id in (${ids})`);
    await until(() => rows().every(({ outcome }) => outcome === 'client-gone'), 5_000);
  }
});
