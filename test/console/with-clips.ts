/** Clips that testers made, and what they ask for in their portal. */
import type { Page } from 'playwright-core';
import { signedIn } from '../portal/with-portal.ts';
import { post, sleep, type TestGate } from '../with-gate.ts';

/** The id of a clip that is finished, and its bytes as its tester was given them. */
export async function clipOf(gate: TestGate, token: string, prompt: string) {
  const get = (path: string) =>
    fetch(`${gate.url}/v1/videos/${path}`, { headers: { authorization: `Bearer ${token}` } });
  const asked = { model: 'sora-2', prompt, seconds: '4', size: '640x360' };
  const { id } = (await (await post(gate.url, token, asked, '/v1/videos')).json()) as { id: string };
  for (let status = ''; status !== 'completed'; await sleep(100))
    status = ((await (await get(id)).json()) as { status: string }).status;
  return { id, bytes: Buffer.from(await (await get(`${id}/content`)).arrayBuffer()) };
}

/** As its tester does in the portal. @returns the number of the release */
export async function askFor(
  gate: TestGate,
  token: string,
  object: string,
  words: { readonly purpose: string; readonly place: string },
): Promise<number> {
  const browser = await signedIn(gate, token);
  const { status, text } = await browser.send('/portal/releases', '/portal/releases', { object, ...words });
  if (status !== 303) throw new Error(`no release was asked for: ${status} ${text.slice(0, 500)}`);
  const { releases } = await gate.admin('GET', `releases?object=${object}&limit=1000`);
  return (releases as { id: number }[]).at(-1)?.id ?? 0;
}

/** Where the links of a page lead within the console. */
export async function linksOf(page: Page): Promise<string[]> {
  const all = await page
    .locator('a[href^="/console"]')
    .evaluateAll((found) => found.map((a) => (a as HTMLAnchorElement).getAttribute('href') ?? ''));
  return [...new Set(all.map((href) => href.replace(/#.*$/, '')))];
}
