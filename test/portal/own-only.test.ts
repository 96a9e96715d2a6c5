/** Law 5 in the portal: two testers, and every route of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPortal } from '../../src/portal/app.ts';
import { post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { type Browser, csrfIn, signedIn } from './with-portal.ts';

const VIDEO = { id: 'video_of_ada', object: 'video', status: 'completed', seconds: '4', created_at: 1 };
const PNG = new File([Buffer.from('\x89PNG\r\n\x1a\nada’s picture', 'latin1')], 'adas-picture.png', {
  type: 'image/png',
});

let gate: TestGate;
let upstream: Upstream;
let ada: Browser;
let bob: Browser;
let adas: Record<string, string>;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (incoming.url?.endsWith('/content'))
      outgoing.writeHead(200, { 'content-type': 'video/mp4' }).end('frames of ada');
    else outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(VIDEO));
  });
  gate = await startGate(upstream.url);
  const [token, other] = [await gate.tester('ada'), await gate.tester('bob')];
  await post(gate.url, token, { model: 'sora-2', prompt: 'a secret prompt', seconds: '4' }, '/v1/videos');
  await gate.settled();
  [ada, bob] = [await signedIn(gate, token), await signedIn(gate, other)];
  const call = gate.rows(`operation = 'videos.create'`)[0]?.id ?? '';
  await ada.send('/portal/feedback', '/portal/feedback', { rating: '4', text: 'words of ada', call });
  const filed = await ada.send(
    '/portal/findings',
    '/portal/findings',
    {
      title: 'title of ada',
      severity: 'high',
      category: 'safety',
      reproduction: 'steps of ada',
      call: '',
      object: '',
    },
    { files: [PNG] },
  );
  await ada.send('/portal/releases', '/portal/releases', {
    ...{ object: VIDEO.id, purpose: 'purpose of ada', place: 'place of ada' },
  });
  const csrf = csrfIn((await ada.get('/portal')).text);
  await ada.post('/portal/appeals', new URLSearchParams({ csrf, text: 'appeal of ada' }));
  const finding = /(\d+)$/.exec(filed.headers.get('location') ?? '')?.[1] ?? '';
  const page = await ada.get(`/portal/findings/${finding}`);
  const attachment = /attachments\/(\d+)/.exec(page.text)?.[1] ?? '';
  adas = { call, object: VIDEO.id, finding, attachment, release: '1' };
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** Every route for whoever is signed in, from the app itself. */
const routes = () => {
  const port = new Proxy({}, { get: () => undefined });
  const all = createPortal(port as never, 'realm').routes.filter(({ method }) => method !== 'ALL');
  return all.filter(({ path }) => !/\.(?:css|svg|js)$|sign-in$|\/link$/.test(path));
};
const filledIn = (path: string) => path.replace(/:(\w+)/g, (_, name: string) => adas[name] ?? `no ${name}`);
const WORDS = /of ada|of_ada|video_of_ada|secret prompt|adas-picture/;

test('no page and no answer shows another tester anything, and each shows its own tester what is there', async () => {
  const without = routes().filter(({ path, method }) => method === 'GET' && !path.includes(':'));
  expect(without.length).toBeGreaterThanOrEqual(18);
  for (const { path } of without) {
    const [own, others] = [await ada.get(path), await bob.get(path)];
    expect([path, own.status, others.status]).toEqual([path, 200, 200]);
    expect([path, WORDS.exec(others.text)?.[0]]).toEqual([path, undefined]);
    expect(others.text).not.toMatch(/[^\w-]ada[^\w-]/);
  }
  const told = await Promise.all(without.map(async ({ path }) => (await ada.get(path)).text));
  for (const word of ['words of ada', 'title of ada', 'purpose of ada', 'appeal of ada', 'video_of_ada'])
    expect([word, told.some((text) => text.includes(word))]).toEqual([word, true]);
});

test('each route with an id finds it for its tester, and no such thing for another', async () => {
  const withId = routes().filter(({ path, method }) => method === 'GET' && path.includes(':'));
  expect(withId.length).toBeGreaterThanOrEqual(8);
  for (const { path } of withId) {
    const address = filledIn(path);
    expect(address).not.toContain('no ');
    const others = await bob.get(address);
    expect([path, others.status]).toEqual([path, 404]);
    expect(others.text.replaceAll(address, '')).not.toMatch(WORDS);
    expect([path, (await ada.get(address)).status]).toEqual([path, 200]);
  }
});

test('what is another tester’s can be tied to nothing, asked for, or taken back', async () => {
  const csrf = csrfIn((await bob.get('/portal/feedback')).text);
  const tries: [string, Record<string, string>][] = [
    ['/portal/feedback', { rating: '1', text: 'mine', call: adas.call ?? '' }],
    ['/portal/feedback', { rating: '1', text: 'mine', object: VIDEO.id }],
    [
      '/portal/findings',
      { title: 'mine', severity: 'low', category: 'other', reproduction: 'x', object: VIDEO.id },
    ],
    ['/portal/releases', { object: VIDEO.id, purpose: 'mine', place: 'mine' }],
    ['/portal/releases/1/withdraw', {}],
    ['/portal/api/releases/1/withdraw', {}],
  ];
  for (const [path, fields] of tries) {
    const refused = await bob.post(path, new URLSearchParams({ csrf, ...fields }));
    expect([path, refused.status]).toEqual([path, 404]);
  }
  expect((await ada.get('/portal/api/releases')).text).toContain('"state":"asked"');
});

test('a form of one tester acts for nobody else', async () => {
  const csrf = csrfIn((await ada.get('/portal/feedback')).text);
  const acting = routes().filter(({ method }) => method === 'POST');
  expect(acting.length).toBeGreaterThanOrEqual(12);
  for (const { path } of acting) {
    const sent = await bob.post(filledIn(path), new URLSearchParams({ csrf, rating: '5', text: 'forged' }));
    expect([path, sent.status]).toEqual([path, 403]);
    expect([path, (await bob.post(filledIn(path), new URLSearchParams({}))).status]).toEqual([path, 403]);
  }
  expect((await bob.get('/portal/api/feedback')).text).toBe('{"feedback":[]}');
});

test('what was refused left its row under the name of who asked', () => {
  const refused = gate.rows(`operation = 'portal' and tester = 'bob' and outcome = 'object_unknown'`);
  expect(refused.length).toBeGreaterThan(8);
  expect(
    gate.rows(`operation = 'portal' and tester = 'bob' and outcome = 'form_expired'`).length,
  ).toBeGreaterThan(12);
});

test('nothing that the other tester asked for ever went upstream', () => {
  expect(gate.rows(`tester = 'bob' and decision = 'allowed'`)).toEqual([]);
  expect(gate.rows(`tester = 'ada' and operation = 'videos.content'`)).toMatchObject([
    { decision: 'allowed' },
  ]);
});
