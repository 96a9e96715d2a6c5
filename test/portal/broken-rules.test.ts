/** Which rules a call broke is told to its tester later, too: as it was told then, and nothing that is the operators'. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../cli/with-cli.ts';
import { artists, type PolicyGate, rule, startUnder } from '../with-policy.ts';
import { signedIn } from './with-portal.ts';

const RULES =
  rule('clip-length', 'videos.create', 'request.seconds <= 10') +
  rule('hd', 'videos.create', 'request.width <= 1280') +
  rule('later', 'videos.create', 'false', 'shadow');
const POLICY = artists(RULES, '    caps: { size: 1920x1080 }\n');

let t: PolicyGate;
beforeAll(async () => {
  t = await startUnder(POLICY);
});
afterAll(() => t.close());

async function refused(more: object) {
  const { status, body } = await t.call('/videos', { model: 'sora-2', prompt: 'A heron', ...more });
  const { id = '', detail = null } = t.gate.rows().at(-1) ?? {};
  expect(status).toBe(403);
  return { id, detail, rules: body.error?.rules };
}
const shown = async (id: string) => JSON.parse((await (await ada()).get(`/portal/api/calls/${id}`)).text);
const ada = () => signedIn(t.gate, t.token);

test('every rule by name and message, as it was told then, whatever the policy says now', async () => {
  const { id } = await refused({ seconds: 12, size: '1280x720' });
  const rules = [{ name: 'clip-length', message: 'No: clip-length.' }];
  expect((await shown(id)).rules).toEqual(rules);
  await t.load(POLICY.replace('No: clip-length.', 'Something else.'));
  expect((await shown(id)).rules).toEqual(rules);
  const page = (await (await ada()).get(`/portal/calls/${id}`)).text;
  expect([page.includes('No: clip-length.'), page.includes('Something else.')]).toEqual([true, false]);
  await t.load(POLICY);
});

test('a cap stands among them; what went wrong inside a rule, and rules in shadow, are the operators’', async () => {
  const { id, detail, rules } = await refused({ seconds: 12 });
  // No size is named, so the rule on the width fails.
  const told = await shown(id);
  expect([told.rules, told.rules.length]).toEqual([rules, 2]);
  expect(detail).toMatch(/^clip-length, hd: hd: /);
  expect(JSON.stringify(told)).not.toMatch(/"later"|detail/);
  expect(JSON.stringify(told)).not.toContain(detail?.replace(/^.*?hd: hd: /, ''));
  const capped = await refused({ seconds: 4, size: '4096x2160' });
  expect((await shown(capped.id)).rules).toEqual([
    { name: 'caps.size', message: '4096x2160 was asked for; at most 1920x1080 is allowed.' },
    { name: 'hd', message: 'No: hd.' },
  ]);
});

test('a call that broke none has none, and operators read the same', async () => {
  const { status } = await t.call('/videos', { model: 'sora-2', prompt: 'x', seconds: 8, size: '1280x720' });
  const id = t.gate.rows().at(-1)?.id ?? '';
  expect([status, (await shown(id)).rules]).toEqual([200, []]);
  const broke = await refused({ seconds: 12, size: '1280x720' });
  expect(await t.gate.admin('GET', `requests/${broke.id}`)).toMatchObject({
    brokenRules: [{ name: 'clip-length', message: 'No: clip-length.' }],
  });
});

test('they are in the tree: a message that is changed in the database is found', async () => {
  const env = { PORTCULLIS_CONTROL_URL: t.gate.control, PORTCULLIS_DATA_DIR: t.gate.dir };
  const { id } = await refused({ seconds: 12, size: '1280x720' });
  expect((await run(['log', 'verify'], env)).code).toBe(0);
  await t.gate.sql(`update requests set broken_rules = '[]' where id = '${id}'`);
  const edited = await run(['log', 'verify'], env);
  expect([edited.code, `${edited.stdout}${edited.stderr}`]).toEqual([1, expect.stringContaining(id)]);
});
