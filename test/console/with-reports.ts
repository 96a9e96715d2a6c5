/** What a tester reports in the portal, as a browser sends it. */
import { type Browser, signedIn } from '../portal/with-portal.ts';
import type { TestGate } from '../with-gate.ts';

const FINDING = {
  title: 'It draws people who exist',
  severity: 'high',
  category: 'privacy',
  reproduction: 'Ask for a portrait and name a mayor.\nIt takes three tries.',
};

/** One of each: a finding with a file, feedback, and an appeal, for which the tester must be stopped. */
export async function reportOn(gate: TestGate, token: string, object: string): Promise<Browser> {
  const browser = await signedIn(gate, token);
  const sent = async (path: string, fields: Record<string, string>, files: readonly File[] = []) => {
    const page = path === 'appeals' ? '/portal' : `/portal/${path}`;
    const { status, text } = await browser.send(page, `/portal/${path}`, fields, { files });
    if (status !== 303) throw new Error(`${path}: ${status} ${text.slice(0, 500)}`);
  };
  const file = new File(['three tries'], 'notes.txt', { type: 'text/plain' });
  await sent('findings', { ...FINDING, object }, [file]);
  await sent('feedback', { rating: '4', text: 'Water looks like water.', object });
  await sent('appeals', { text: 'I was on a train.\nMy address changed twice.' });
  return browser;
}
