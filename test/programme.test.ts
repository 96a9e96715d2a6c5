/** A whole programme, from the invitation to the link that is dead, with the real SDK, the command line and a real browser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type OpenAI from 'openai';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DRILL } from '../src/gateway/drill.ts';
import { sleep } from './with-gate.ts';
import { changedByFfmpeg, type Programme, startProgramme } from './with-programme.ts';

const LONG_MS = 120_000;
const CLIP = { model: 'sora-2', prompt: 'A heron waits by the lock gate', size: '1280x720' } as const;
/** Whose acts, and which: all of them, the oldest first. */
const ACTS = [
  ...['setup operator.link', 'setup policy.load'],
  ...['operator terms.publish', 'operator terms.publish', 'operator terms.publish'],
  'operator cohort.create',
  ...['operator operator.add', 'operator operator.link', 'operator operator-token.make'],
  ...['operator operator.add', 'operator operator.link', 'operator operator-token.make'],
  ...['operator tester.create', 'operator token.issue', 'operator tester.create', 'operator token.issue'],
  ...['tester:ada portal.sign-in', 'tester:ada terms.accept', 'tester:ada release.ask'],
  ...['rosa release.approve', 'remy release.approve', 'rosa link.make', 'remy release.withdraw'],
  ...['tester:bob terms.accept', 'operator output.trace'],
];

let p: Programme;
let page: Page;
let ada: OpenAI;
let tokens: Readonly<Record<'ada' | 'bob', string>>;
let reviewers: Readonly<Record<'rosa' | 'remy', string>>;
let clip: string;
let bytes: Uint8Array;
let link: string;

beforeAll(async () => {
  p = await startProgramme('examples/artists.yaml', 'releases: { approvals: 2 }');
  page = await p.context.newPage();
}, LONG_MS);
afterAll(() => p.close());

test(
  'operators publish the terms, name two reviewers, and invite testers',
  async () => {
    const terms = join(p.dir, 'terms.txt');
    for (const text of ['Be kind.', 'Label what you show.', 'Show nothing outside without a release.']) {
      writeFileSync(terms, `${text}\n`);
      await p.json(['terms', 'publish', terms]);
    }
    await p.json(['cohort', 'add', 'artists']);
    const credential = async (name: string) => {
      await p.json(['operator', 'add', name, '--role', 'reviewer']);
      const made = await p.json<{ credential: string }>([
        ...['operator', 'token', 'add', '--operator', name, '--label', 'walk'],
      ]);
      return made.credential;
    };
    reviewers = { rosa: await credential('rosa'), remy: await credential('remy') };
    const invited = async (id: string) => {
      await p.json(['tester', 'add', id, '--cohort', 'artists']);
      return (await p.json<{ token: string }>(['token', 'issue', id])).token;
    };
    tokens = { ada: await invited('ada'), bob: await invited('bob') };
    ada = p.sdk(tokens.ada);
  },
  LONG_MS,
);

test(
  'before the terms are accepted the SDK gets their link, and nothing else',
  async () => {
    const fault = await refusal(ada.videos.create({ ...CLIP, seconds: '8' }));
    expect(fault).toMatchObject({ status: 403, code: 'terms_required' });
    const place = /<([^>]+)>; rel="terms-of-service"/.exec(fault.headers?.get('link') ?? '')?.[1] ?? '';
    expect(fault.message).toContain(place);
    await page.goto(place);
    await page.getByLabel('Your access token').fill(tokens.ada);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Your calls are refused.').waitFor();
    await page.goto(place);
    await page.getByText('Show nothing outside without a release.').waitFor();
    await page.getByRole('button', { name: 'I accept version 3' }).click();
    await page.getByText('You have accepted these terms.').waitFor();
  },
  LONG_MS,
);

test(
  'a clip of 12 seconds is refused in the words of the rule, in the SDK and in the portal',
  async () => {
    const fault = await refusal(ada.videos.create({ ...CLIP, seconds: '12' }));
    const message = 'Clips are at most 10 seconds in this programme.';
    expect(fault).toMatchObject({ status: 403, code: 'rule_broken' });
    expect(fault.error).toMatchObject({ rules: [{ name: 'clip-length', message }] });
    expect(fault.message).toContain(message);
    await page.goto(`/portal/calls/${fault.requestID}`);
    await page.getByRole('heading', { name: 'The rules that it broke' }).waitFor();
    await page.getByText('clip-length', { exact: true }).waitFor();
    await page.getByText(message, { exact: true }).waitFor();
  },
  LONG_MS,
);

test(
  'a clip of 8 seconds is made, looked at by the gate itself, and plays in the portal',
  async () => {
    clip = await made(ada, CLIP.prompt);
    await inspected(clip);
    await page.goto(`/portal/outputs/${clip}`);
    expect(await plays(page)).toEqual({ width: 1280, seconds: 8 });
    bytes = new Uint8Array(await (await ada.videos.downloadContent(clip)).arrayBuffer());
  },
  LONG_MS,
);

test(
  'it is held: no link leads to it before its release is asked for in the portal and approved by two',
  async () => {
    await page.getByRole('link', { name: 'Ask for its release' }).click();
    await page.getByLabel('What for').fill('A festival');
    await page.getByLabel('Where it will be shown').fill('A screen in Ghent');
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('A festival · A screen in Ghent').waitFor();
    const waiting = await p.json<object[]>(['release', 'list'], reviewers.rosa);
    expect(waiting).toMatchObject([{ id: 1, tester: 'ada', object: clip, state: 'asked', needed: 2 }]);
    const approve = (by: keyof typeof reviewers) => p.cli(['release', 'approve', '1'], reviewers[by]);
    const tryLink = () => p.cli(['release', 'link', '1'], reviewers.rosa);
    expect((await tryLink()).code).toBe(1);
    expect((await approve('rosa')).stdout).toBe('Release 1 is asked; it needs 1 more approval.\n');
    const again = await approve('rosa');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('needs somebody else')]);
    expect((await tryLink()).code).toBe(1);
    expect((await approve('remy')).stdout).toBe('Release 1 is approved.\n');
    await page.goto('/portal/releases');
    await page.getByText('approved', { exact: true }).waitFor();
  },
  LONG_MS,
);

test(
  'a share link plays in a browser that is nobody’s',
  async () => {
    const made = await p.cli(['release', 'link', '1', '--days', '2'], reviewers.rosa);
    [link = ''] = made.stdout.split('\n');
    expect([
      link.startsWith('/s/psl_'),
      made.stdout.includes('Put the address of the gateway before it'),
    ]).toEqual([true, true]);
    const stranger = await p.context.browser()?.newContext({ baseURL: p.gate.url });
    if (!stranger) throw new Error('the browser is gone');
    p.note(stranger);
    const window = await stranger.newPage();
    await window.goto(link);
    expect(await plays(window)).toEqual({ width: 1280, seconds: 8 });
    expect(await stranger.cookies()).toEqual([]);
    await stranger.close();
  },
  LONG_MS,
);

test(
  'when the release is withdrawn the link is dead, for a stream in flight too',
  async () => {
    p.holdsBack = true;
    const stream = (await p.fetch(p.gate.url + link)).body?.getReader();
    expect((await stream?.read())?.value?.length).toBeGreaterThan(0);
    const ending = readOut(stream).then(
      () => 'whole',
      () => 'cut',
    );
    const withdrawn = await p.cli(['release', 'withdraw', '1', '--reason', 'a complaint'], reviewers.remy);
    expect(withdrawn.stdout).toBe('Release 1 is withdrawn.\n');
    expect(await ending).toBe('cut');
    p.holdsBack = false;
    expect((await p.fetch(p.gate.url + link)).status).toBe(404);
    await page.goto('/portal/releases');
    await page.getByText('The reviewers say: a complaint').waitFor();
  },
  LONG_MS,
);

test(
  'a copy that was scaled, cropped and encoded again is traced to its tester, and not to another one',
  async () => {
    await acceptByApi(tokens.bob);
    const other = await made(p.sdk(tokens.bob), 'A night train in the rain');
    await inspected(other);
    const found = await changedByFfmpeg(bytes, p.dir, 'scale=854:-2,crop=iw*0.9:ih*0.9');
    const { candidates } = await p.json<{ candidates: { distance: number }[] }>(['trace', found]);
    const [first, ...others] = candidates;
    expect(first).toMatchObject({ tester: 'ada', object: clip, exact: false });
    expect(others.every(({ distance }) => distance > (first?.distance ?? 64))).toBe(true);
  },
  LONG_MS,
);

test(
  'each call has exactly one row, each act one act, and the log verifies',
  async () => {
    // Drills of the gate's own come when their time has come.
    const rows = (await p.gate.settled()).filter(({ tester }) => tester !== DRILL);
    expect(rows.map(({ id }) => id).sort()).toEqual([...p.answered].sort());
    expect(rows.filter(({ decision }) => decision === 'refused').map(({ outcome }) => outcome)).toEqual([
      ...['terms_required', 'rule_broken', 'link_unknown'],
    ]);
    expect(rows.filter(({ outcome }) => outcome === 'cut').map(({ operation }) => operation)).toEqual([
      'links.follow',
    ]);
    expect(await acts()).toEqual(ACTS);
    const verified = await p.cli(['log', 'verify']);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
  },
  LONG_MS,
);

async function made(client: OpenAI, prompt: string): Promise<string> {
  const { id } = await client.videos.create({ ...CLIP, prompt, seconds: '8' });
  while ((await client.videos.retrieve(id)).status !== 'completed') await sleep(200);
  return id;
}

/** The gate reads each finished clip once, behind the calls. */
async function inspected(id: string): Promise<void> {
  const db = new Database(join(p.gate.dir, 'portcullis.sqlite'), { readonly: true });
  const state = db.prepare<[string], string>('select state from inspections where object = ?').pluck();
  await expect.poll(() => state.get(id), { timeout: LONG_MS, interval: 100 }).toBe('done');
  db.close();
}

async function acts(): Promise<string[]> {
  const told = (await p.gate.admin('GET', 'acts?limit=200')) as { acts: Record<string, string>[] };
  const own = told.acts.filter(({ subject }) => !subject?.includes(DRILL));
  return own.map(({ operator, act }) => `${operator} ${act}`).reverse();
}

async function acceptByApi(token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const url = `${p.gate.url}/portal/api/terms`;
  const { required } = (await (await fetch(url, { headers })).json()) as {
    required: { version: number; sha256: string };
  };
  const { version, sha256 } = required;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ version, sha256 }) });
  expect(answer.status).toBeLessThan(300);
}

type Fault = InstanceType<typeof OpenAI.APIError>;
async function refusal(call: Promise<unknown>): Promise<Fault> {
  const fault = await call.then(
    () => new Error('it was let through'),
    (one: unknown) => one,
  );
  if (!(fault instanceof Error) || !('status' in fault)) throw fault;
  return fault as Fault;
}

async function readOut(reader: ReadableStreamDefaultReader | undefined): Promise<void> {
  for (let part = await reader?.read(); !part?.done; ) part = await reader?.read();
}

/** Begins to play, and waits until it really does. Whoever follows a link has no script in the page: it is looked at from here. */
async function plays(page: Page): Promise<{ width: number; seconds: number }> {
  const video = page.locator('video');
  const look = () =>
    video.evaluate((element: HTMLVideoElement) => ({
      ...{ at: element.currentTime, width: element.videoWidth, seconds: Math.round(element.duration) },
    }));
  await video.evaluate((element: HTMLVideoElement) => {
    element.muted = true;
    void element.play();
  });
  await expect.poll(async () => (await look()).at, { timeout: LONG_MS }).toBeGreaterThan(0.1);
  const { width, seconds } = await look();
  return { width, seconds };
}
