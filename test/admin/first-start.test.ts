/** The first operator's credential, where it is given from outside: a secret of the deployment. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MACHINE_TOKEN } from '../../src/admin/operator-rows.ts';
import { ensureOperator } from '../../src/first-start.ts';
import { makeSecret } from '../../src/secret.ts';
import { startAdmin } from './with-admin.ts';

let admin: Awaited<ReturnType<typeof startAdmin>>;
beforeEach(async () => {
  admin = await startAdmin();
});
afterEach(() => admin.close());

const statusWith = async (credential: string) =>
  (await admin.call('GET', '/admin/status', undefined, credential)).status;
const start = (credential: string) => ensureOperator(admin.control, credential, 'a secret');

test('it opens the admin API, after any number of starts', async () => {
  const credential = makeSecret('pco_');
  for (let i = 0; i < 2; i++) {
    expect(await start(credential)).toBe(false);
    expect(await statusWith(credential)).toBe(200);
  }
});

test('another one takes its place, and the first is good for nothing', async () => {
  const [first, second] = [makeSecret('pco_'), makeSecret('pco_')];
  await start(first);
  await start(second);
  expect([await statusWith(first), await statusWith(second)]).toEqual([401, 200]);
});

test('one that an operator has ended stays so when it is still given; a new one is good', async () => {
  const [leaked, next] = [makeSecret('pco_'), makeSecret('pco_')];
  await start(leaked);
  expect(
    (await admin.call('DELETE', `/admin/operator-tokens/${MACHINE_TOKEN}`, undefined, leaked)).status,
  ).toBe(200);
  await start(leaked);
  expect(await statusWith(leaked)).toBe(401);
  await start(next);
  expect([await statusWith(leaked), await statusWith(next)]).toEqual([401, 200]);
});
