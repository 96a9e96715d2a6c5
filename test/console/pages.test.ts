/** Every page: at both widths and in both colours, for people who cannot see it, and for each role. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, sleep } from '../with-gate.ts';
import { askFor, clipOf } from './with-clips.ts';
import { type Console, keep, NARROW, startConsole, type Visitor, WIDE } from './with-console.ts';
import { reportOn } from './with-reports.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let it: Console;
let clip: Awaited<ReturnType<typeof clipOf>>;
const places = new Map<string, string>([
  ['now', '/console'],
  ['stop', '/console/stop'],
  ['testers', '/console/testers'],
  ['testers-none', '/console/testers?q=nobody'],
  ['tester', '/console/testers/grace'],
  ['cohorts', '/console/cohorts'],
  ['requests', '/console/requests'],
  ['requests-filtered', '/console/requests?tester=grace&model=x&follow=1'],
  ['requests-fault', '/console/requests?status=abc'],
  ['outputs', '/console/outputs'],
  ['outputs-files', '/console/outputs?kind=files'],
  ['releases', '/console/releases'],
  ['releases-none', '/console/releases?state=rejected'],
  ['trace', '/console/trace'],
  ['trace-code', '/console/trace?code=ABCD'],
  ['reports', '/console/reports'],
  ['reports-none', '/console/reports?status=fixed&severity=low'],
  ['reports-fault', '/console/reports?status=nothing'],
  ['reports-appeals', '/console/reports/appeals'],
  ['reports-feedback', '/console/reports/feedback'],
  ['report', '/console/reports/1'],
  ['switches', '/console/switches'],
  ['settings', '/console/settings'],
  ['settings-keys', '/console/settings/keys'],
  ['settings-operators', '/console/settings/operators'],
  ['settings-operator', '/console/settings/operators/seer'],
  ['settings-you', '/console/settings/you'],
  ['settings-acts', '/console/settings/acts'],
  ['sign-in', '/console/sign-in'],
  ['sign-in-again', '/console/sign-in?fresh=1&next=/console/switches/1'],
  ['not-found', '/console/nothing-here'],
]);

beforeAll(async () => {
  it = await startConsole(
    'artists: { allow: [{ operations: ["*"], models: ["*"] }], limits: { requestsPerMinute: 600 }, quotas: { videoSeconds: { day: 120 } }, sharedQuotas: { tokens: { day: 100000 } }, capture: prompt }',
    'log: { checkpointSeconds: 1 }\nreleases: { approvals: 2 }\ntrace: { clips: true }',
  );
  const token = await it.gate.tester('grace');
  for (let i = 0; i < 12; i++) await post(it.gate.url, token, i % 3 ? CHAT : { ...CHAT, model: '' });
  const made = await post(
    it.gate.url,
    token,
    { model: 'sora-2', prompt: 'A heron', seconds: '4' },
    '/v1/videos',
  );
  const { id } = (await made.json()) as { id: string };
  await sleep(1_500);
  await fetch(`${it.gate.url}/v1/videos/${id}`, { headers: { authorization: `Bearer ${token}` } });
  const [call] = it.gate.rows("operation = 'videos.create'");
  clip = await clipOf(it.gate, token, 'A heron waits by the lock gate');
  for (const name of ['release-approved', 'release']) {
    const object = name === 'release' ? id : clip.id;
    const words = {
      purpose: 'Shown before the feature, in competition',
      place: 'Film festival, Ghent, one screening',
    };
    const release = await askFor(it.gate, token, object, words);
    places.set(name, `/console/releases/${release}`);
    await it.gate.admin('POST', `releases/${release}/decision`, {
      decision: 'approve',
      reason: 'No faces in it',
    });
    if (name === 'release') continue;
    await it.gate.sql(`insert into release_votes (release, vote, by, at) values (${release}, 'approve', 'rae', ${Date.now()});
      update releases set state = 'approved' where id = ${release}`);
    const link = await it.gate.admin('POST', `releases/${release}/links`, { days: 7 });
    await it.gate.admin('POST', `releases/${release}/links`, {});
    await it.gate.admin('POST', `links/${link.id}/revoke`);
  }
  const stop = await it.gate.admin('POST', 'switches', { scope: 'cohort:artists', reason: 'looked into' });
  await reportOn(it.gate, token, clip.id);
  await it.gate.admin('POST', `switches/${stop.id}/readmissions`, {
    scopes: ['tester:grace'],
    reason: 'fine',
  });
  await post(it.gate.url, 'nonsense', CHAT);
  await it.gate.settled();
  const [refused] = it.gate.rows("decision = 'refused' and outcome = 'token_invalid'");
  places.set('request', `/console/requests/${call?.id}`);
  places.set('request-refused', `/console/requests/${refused?.id}`);
  places.set('output', `/console/outputs/${id}`);
  places.set('switch', `/console/switches/${stop.id}`);
}, 60_000);
afterAll(() => it.close());

/** Violations of WCAG 2 A and AA, each with what it is about. */
async function violations({ page }: Visitor): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const axe = Reflect.get(globalThis, 'axe') as {
      run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
    };
    const only = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
    const { violations: found } = await axe.run(only);
    return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  });
}

async function trace({ page }: Visitor): Promise<void> {
  const file = { name: 'found.mp4', mimeType: 'video/mp4', buffer: clip.bytes };
  await page.getByLabel('A clip, as it was found').setInputFiles(file);
  await page.getByRole('button', { name: 'Whose is it?' }).click();
  await page.getByRole('region', { name: 'What was found' }).waitFor();
}

test.each([
  ['wide', 'light'],
  ['wide', 'dark'],
  ['narrow', 'light'],
] as const)(
  'every page is fit for everybody, and its browser has nothing to complain of (%s, %s)',
  async (width, colorScheme) => {
    const visitor = await it.signedIn(`seer`, { viewport: width === 'wide' ? WIDE : NARROW, colorScheme });
    const { page, faults, context } = visitor;
    const found: string[] = [];
    for (const [name, place] of [...places, ['traced', '/console/trace'] as const]) {
      await visitor.open(place);
      if (name === 'traced') await trace(visitor);
      await page.waitForFunction(() => document.documentElement.dataset.script === 'on');
      found.push(...(await violations(visitor)).map((one) => `${name}: ${one}`));
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) found.push(`${name}: ${over} pixels too wide`);
      if (colorScheme === 'light' || name === 'now') await keep(page, `${name}-${width}-${colorScheme}`);
      found.push(...faults.splice(0).map((one) => `${name}: ${one}`));
    }
    expect(found).toEqual([]);
    await context.close();
  },
  180_000,
);

test.each(['auditor', 'reviewer'])(
  'the %s is shown no act that the role may not do, and no page that it may not see',
  async (role) => {
    const { page, open, context } = await it.signedIn(`the-${role}`, { role });
    const links = await page
      .locator('nav[aria-label="Pages"] a')
      .evaluateAll((all) => all.map((a) => a.textContent));
    if (role === 'reviewer') expect(links).toEqual(['Now', 'Outputs', 'Releases', 'Trace']);
    else
      expect(links).toEqual([
        'Now',
        'Testers',
        'Cohorts',
        'Requests',
        'Outputs',
        'Releases',
        'Reports',
        'Switches',
        'Settings',
      ]);
    for (const [name, place] of places) {
      const status = await open(place);
      const theirs = /^(now|sign-in|not-found|settings-you|outputs?|releases?|trace)(-|$)/;
      if (role === 'reviewer') expect([name, status === 403]).toEqual([name, !theirs.test(name)]);
      // A reviewer decides here; releases.test.ts has what.
      if (role === 'reviewer' && /^(releases?|trace)(-|$)/.test(name)) continue;
      const forms = await page
        .locator('form[method="post"]')
        .evaluateAll((all) => all.map((one) => new URL((one as HTMLFormElement).action).pathname));
      const own = /^\/console\/(sign-(in|out)|settings\/you)/;
      expect([name, forms.filter((action) => !own.test(action))]).toEqual([name, []]);
      expect([name, await page.locator('.button.danger, button.danger').count()]).toEqual([name, 0]);
    }
    await context.close();
  },
  120_000,
);

test.each(['auditor', 'reviewer'])('what the %s may not do is refused though it is sent', async (role) => {
  const { page, context } = await it.signedIn(`the-${role}`, { role });
  await page.goto('/console');
  const csrf = (await page.locator('input[name="csrf"]').first().getAttribute('value')) ?? '';
  const before = (await it.gate.admin('GET', 'switches')).switches;
  for (const [place, fields] of [
    ['/console/stop', { scope: 'global', reason: 'x' }],
    ['/console/testers', { id: 'eve', cohort: 'artists' }],
    ['/console/testers/grace/tokens', {}],
    ['/console/settings/keys/rotate', {}],
    ['/console/settings/operators', { name: 'eve', role: 'admin' }],
    ['/console/drill', {}],
  ] as const) {
    const answer = await page.request.post(place, {
      form: { csrf, ...fields },
      headers: { origin: it.origin },
    });
    expect([place, answer.status()]).toEqual([place, 403]);
  }
  expect((await it.gate.admin('GET', 'switches')).switches).toEqual(before);
  await context.close();
});

test('times are shown in the zone of the viewer, with UTC on hover', async () => {
  const context = await it.browser.newContext({
    baseURL: it.origin,
    timezoneId: 'Asia/Tokyo',
    locale: 'en-GB',
  });
  const page = await context.newPage();
  await page.goto('/console/sign-in');
  await page.getByLabel('One-time link').fill(await it.link('seer'));
  await page.getByRole('button', { name: 'Sign in with the link' }).click();
  await page.goto(places.get('request') ?? '');
  const when = page.locator('dd time').first();
  const utc = (await when.getAttribute('title')) ?? '';
  const hour = (Number(utc.slice(11, 13)) + 9) % 24;
  expect(utc).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  expect(await when.textContent()).toContain(`${String(hour).padStart(2, '0')}:${utc.slice(14, 19)}`);
  await context.close();
});
