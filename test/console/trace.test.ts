/** Whose clip is this? A found file, by script, dropped, or by a plain form; and what is no such file. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PERMISSIVE, raw, sleep } from '../with-gate.ts';
import { clipOf } from './with-clips.ts';
import { type Console, startConsole, type Visitor } from './with-console.ts';

let it: Console;
let dir: string;
const files: Record<'exact' | 'alike' | 'other' | 'large', string> = {
  exact: '',
  alike: '',
  other: '',
  large: '',
};
let clip: string;
const visitors = new Map<boolean, Visitor>();
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-console-trace-'));
  for (const name of ['exact', 'alike', 'other', 'large'] as const) files[name] = join(dir, `${name}.mp4`);
  it = await startConsole(`artists: { ${PERMISSIVE} }`, 'trace: { mostBytes: 3000000 }');
  const made = await clipOf(it.gate, await it.gate.tester('grace'), 'A heron waits by the lock gate');
  clip = made.id;
  writeFileSync(files.exact, made.bytes);
  writeFileSync(files.other, 'no clip at all\r\n--');
  writeFileSync(files.large, new Uint8Array(24_000_000));
  const args = [
    '-v',
    'error',
    '-y',
    '-i',
    files.exact,
    '-vf',
    'crop=iw*0.92:ih*0.92',
    '-pix_fmt',
    'yuv420p',
    files.alike,
  ];
  await promisify(execFile)('ffmpeg', args);
  for (const script of [true, false])
    visitors.set(script, await it.signedIn(`rae-${script}`, { role: 'reviewer', script }));
  // The gate looks at what it gave out behind the calls.
  while (!(await traced(files.alike, visitorOf(true))).includes(clip)) await sleep(200);
}, 90_000);
afterAll(async () => {
  await it.close();
  rmSync(dir, { recursive: true });
});
const visitorOf = (script: boolean) => {
  const visitor = visitors.get(script);
  if (!visitor) throw new Error('nobody is signed in');
  return visitor;
};

/** What the page says of a file. */
async function traced(file: string, { page }: Visitor): Promise<string> {
  await page.goto('/console/trace');
  await page.getByLabel('A clip, as it was found').setInputFiles(file);
  await page.getByRole('button', { name: 'Whose is it?' }).click();
  await page.getByRole('region', { name: 'What was found' }).or(page.locator('.fault')).first().waitFor();
  return (await page.getByRole('main').textContent()) ?? '';
}

test.each([true, false])(
  'a clip is known by its bytes, and another by its look (script: %s)',
  async (script) => {
    const sent: string[] = [];
    const { page } = visitorOf(script);
    page.on('request', (request) => {
      if (request.method() === 'POST') sent.push(request.headers()['content-type']?.split(';')[0] ?? '');
    });
    const exact = await traced(files.exact, visitorOf(script));
    expect(exact).toMatch(/These very bytes are a clip of grace\..*compared with those of every clip/s);
    expect(await page.locator('.gallery article').first().textContent()).toContain(clip);
    expect(exact).toContain('videos.content');
    const alike = await traced(files.alike, visitorOf(script));
    expect(alike).toMatch(/Nearly always this is a clip of grace\..*distance [0-4] of 64/s);
    expect(alike).not.toContain('these very bytes');
    expect(sent).toEqual(Array(2).fill(script ? 'application/octet-stream' : 'multipart/form-data'));
    await page.getByRole('link', { name: clip }).last().click();
    await page.waitForURL(`**/console/outputs/${clip}`);
    page.removeAllListeners('request');
  },
  30_000,
);

test.each([true, false])(
  'what is no clip of ours says so, and why; what is too large too (script: %s)',
  async (script) => {
    const other = await traced(files.other, visitorOf(script));
    expect(other).toMatch(
      /Nobody’s that is known\..*not compared.*nobody could read them.*The gate knows no clip like it/s,
    );
    const large = await traced(files.large, visitorOf(script));
    expect(large).toContain('Send at most 3000000 bytes');
  },
);

test.each([true, false])(
  'a code in a picture is looked up, though one of it cannot be read (script: %s)',
  async (script) => {
    const [call] = it.gate.rows("operation = 'videos.content'");
    await it.gate.sql(
      `insert or ignore into marks (code, request, tester, object, at) values ('ABCD34EW', '${call?.id}', 'grace', '${clip}', 1)`,
    );
    const { page } = visitorOf(script);
    await page.goto('/console/trace');
    const look = async (code: string) => {
      await page.getByLabel('Code, with ? for what cannot be read').fill(code);
      await page.getByRole('button', { name: 'Look it up' }).click();
    };
    await look('abcd34?w');
    const row = page.getByRole('table', { name: 'Downloads' }).locator('tbody tr');
    expect(await row.textContent()).toMatch(new RegExp(`ABCD34EW.*grace.*${clip}.*${call?.id}`, 's'));
    expect(await page.getByLabel('Code, with ? for what cannot be read').inputValue()).toBe('abcd34?w');
    await page.goto('/console/trace');
    await look('WWWW');
    await page.getByText('No download carries such a code.').waitFor();
    expect((await page.goto('/console/trace?code=%2F..%2Fx'))?.status()).toBe(400);
  },
);

test('a file is dropped on the page', async () => {
  const { page } = visitorOf(true);
  await page.goto('/console/trace');
  await page.waitForFunction(() => document.documentElement.dataset.script === 'on');
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['dropped'], 'dropped.mp4'));
    return transfer;
  });
  await page.dispatchEvent('#trace', 'drop', { dataTransfer: data });
  const found = page.getByRole('region', { name: 'What was found' });
  await found.waitFor();
  expect(await found.textContent()).toContain('7 B');
});

test('nobody asks in another’s name, and of a stranger’s file nothing is read', async () => {
  const { page } = visitorOf(false);
  const headers = { origin: it.origin };
  const file = { name: 'a.mp4', mimeType: 'video/mp4', buffer: Buffer.from('abc') };
  const acts = () => it.gate.admin('GET', 'acts?act=output.trace&limit=1000');
  const before = await acts();
  const form = await page.request.post('/console/trace', { multipart: { csrf: 'x', file }, headers });
  const bytes = { ...headers, 'content-type': 'application/octet-stream' };
  const stream = await page.request.post('/console/trace', { data: Buffer.from('abc'), headers: bytes });
  const plain = await page.request.post('/console/trace', { form: { csrf: 'x' }, headers });
  expect([form.status(), stream.status(), plain.status()]).toEqual([403, 403, 400]);
  const { port } = new URL(it.gate.control);
  const answer = await raw(
    it.gate.control,
    `POST /console/trace HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/octet-stream\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 303 .*location: \/console\/sign-in/is);
  expect(await acts()).toEqual(before);
});

test('the browser complained of nothing while all that was done', () => {
  for (const [script, { faults }] of visitors) expect([script, faults]).toEqual([script, []]);
});
