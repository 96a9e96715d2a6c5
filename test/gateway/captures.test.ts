/** Texts that a cohort's rules keep can be found and read by auditors, and forgotten for good; the proof stays. */
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import { PERMISSIVE, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
afterEach(async () => {
  await gate.close();
  await upstream.close();
});

async function start(capture: string) {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE}, capture: ${capture} }`);
  return gate.tester('ada');
}

const ask = (token: string, content: string) =>
  post(gate.url, token, { model: 'm', messages: [{ role: 'user', content }] });
const verified = () => verifyDatabase({ dataDir: gate.dir, key: null, witnesses: [] });

interface Kept {
  part: string;
  commitment: string;
  salt: string | null;
  text: string | null;
}

test('nothing of a text is kept unless the rules say so', async () => {
  const token = await start('none');
  await ask(token, 'a volcano with a heron');
  const [row] = await gate.settled();
  await expect(gate.admin('GET', `log/text/${row?.id}`)).rejects.toThrow(/no text was kept/);
  expect(gate.onDisk()).not.toContain('heron');
});

test('a prompt is found by its words, read, committed to, and on disk only sealed', async () => {
  const token = await start('prompt');
  await ask(token, 'A Volcano, with a hérons’ nest');
  await ask(token, 'something else');
  const [row] = await gate.settled();
  const found = (await gate.admin('GET', 'log/search?words=volcano%20herons')) as {
    requests: { id: string }[];
  };
  expect(found.requests.map(({ id }) => id)).toEqual([row?.id]);
  const kept = (await gate.admin('GET', `log/text/${row?.id}`)) as unknown as Kept;
  expect(kept).toMatchObject({ part: 'prompt', text: 'A Volcano, with a hérons’ nest' });
  const salted = Buffer.concat([Buffer.from(kept.salt ?? '', 'hex'), Buffer.from(kept.text ?? '')]);
  expect(createHash('sha256').update(salted).digest('hex')).toBe(kept.commitment);
  expect(gate.onDisk()).not.toContain('A Volcano');
  expect((await gate.admin('GET', 'acts?limit=2')).acts).toMatchObject([
    { act: 'log.query', subject: `text=${row?.id}` },
    { act: 'log.query', subject: 'words=volcano herons' },
  ]);
});

test('with full the whole body is kept, with hash a commitment alone', async () => {
  const token = await start('full');
  await ask(token, 'everything of this');
  const [row] = await gate.settled();
  const kept = (await gate.admin('GET', `log/text/${row?.id}`)) as unknown as Kept;
  expect(JSON.parse(kept.text ?? '')).toMatchObject({ model: 'm' });
  await gate.close();
  await upstream.close();

  const again = await start('hash');
  await ask(again, 'nothing of this');
  const [hashed] = await gate.settled();
  const only = (await gate.admin('GET', `log/text/${hashed?.id}`)) as unknown as Kept;
  expect(only).toMatchObject({ part: 'hash', text: null });
  expect(gate.onDisk()).not.toContain('nothing of this');
});

test('a tester who is forgotten leaves no text, no key and no word; others keep theirs, and the log verifies', async () => {
  const token = await start('prompt');
  const other = await gate.tester('bob');
  await ask(token, 'zyzzogeton of mine');
  await ask(other, 'zyzzogeton of his');
  const [mine] = await gate.settled();
  expect(await gate.admin('POST', 'testers/ada/forget')).toEqual({ texts: 1 });
  const kept = (await gate.admin('GET', `log/text/${mine?.id}`)) as unknown as Kept;
  expect(kept).toMatchObject({ part: 'prompt', salt: null, text: null });
  const found = (await gate.admin('GET', 'log/search?words=zyzzogeton')) as {
    requests: { tester: string }[];
  };
  expect(found.requests.map(({ tester }) => tester)).toEqual(['bob']);
  await ask(token, 'a new one');
  await gate.settled();
  expect(await gate.admin('POST', 'testers/ada/forget')).toEqual({ texts: 1 });
  await expect(gate.admin('POST', 'testers/nobody/forget')).rejects.toThrow(/no tester/);
  await gate.stop();
  const report = await verified();
  expect(report.findings).toEqual([]);
  expect(report.checked).toBe(report.entries);
  await gate.sql("update captures set commitment = zeroblob(32) where tester = 'bob'");
  expect((await verified()).findings[0]?.what).toMatch(/^captured .* does not say/);
});
