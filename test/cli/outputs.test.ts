/** Terms, releases and traces from the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askRelease } from '../../src/outputs/releases.ts';
import { accept } from '../../src/outputs/terms.ts';
import { type Gate, startGate } from './with-cli.ts';

let gate: Gate;
beforeAll(async () => {
  gate = await startGate();
  await gate.run('cohort', 'add', 'alpha');
  await gate.run('tester', 'add', 'ada', '--cohort', 'alpha');
  gate.db.writer.$client.exec(`insert into objects (id, tester, kind) values ('video_1', 'ada', 'videos')`);
});
afterAll(() => gate.close());

test('terms are published from a file, shown word for word, and it is told who accepted them', async () => {
  const file = join(gate.dataDir, 'terms.txt');
  writeFileSync(file, 'Label what you show.\nSay who made it.\n');
  const { version, sha256 } = await gate.json('terms', 'publish', file, '--grace', '7');
  expect((await gate.run('terms', 'show', String(version))).stdout).toBe(
    'Label what you show.\nSay who made it.\n',
  );
  expect((await gate.run('terms', 'accepted', String(version))).stdout).toBe(
    'Nobody has accepted them yet.\n',
  );
  await accept(gate.control, { tester: 'ada', version, sha256, address: '192.0.2.7', how: 'portal' });
  expect(await gate.json('terms', 'accepted', String(version))).toMatchObject([
    { tester: 'ada', address: '192.0.2.7', sha256 },
  ]);
  expect((await gate.run('terms', 'list')).stdout).toMatch(/^VERSION +REQUIRED +ACCEPTED.*\n1 +no +1 /);
  expect((await gate.run('terms', 'publish', 'no-such-file')).code).toBe(2);
  expect((await gate.run('terms', 'show', '99')).code).toBe(1);
});

test('a release is seen, approved, shared, and withdrawn, and each step says what is next', async () => {
  const { id } = await askRelease(gate.control, {
    ...{ tester: 'ada', object: 'video_1', purpose: 'festival', place: 'a screen in Ghent', address: null },
  });
  const number = String(id);
  expect((await gate.run('release', 'list')).stdout).toMatch(
    /^RELEASE .*\n1 +asked +0\/2 +ada +video_1 +festival /,
  );
  expect((await gate.run('release', 'show', number)).stdout).toContain('place    a screen in Ghent');
  expect((await gate.run('release', 'approve', number)).stdout).toBe(
    'Release 1 is asked; it needs 1 more approval.\n',
  );
  expect((await gate.run('release', 'approve', number)).stderr).toContain('needs somebody else');
  expect((await gate.run('release', 'link', number)).code).toBe(1);
  await gate.call(
    'POST',
    `/admin/releases/${id}/decision`,
    { decision: 'approve' },
    gate.credentials.reviewer,
  );
  const made = await gate.json('release', 'link', number, '--days', '3');
  expect(made.url).toMatch(/^https:\/\/gate\.example\/s\/psl_/);
  expect((await gate.run('release', 'links', number)).stdout).toContain(made.id);
  expect((await gate.run('release', 'unlink', made.id)).stdout).toContain('leads nowhere any more');
  expect((await gate.run('release', 'withdraw', number)).code).toBe(2);
  expect((await gate.run('release', 'withdraw', number, '--reason', 'a complaint')).stdout).toBe(
    'Release 1 is withdrawn.\n',
  );
});

test('a file that nobody made is traced to nobody', async () => {
  const file = join(gate.dataDir, 'found');
  writeFileSync(file, 'no clip at all');
  const { code, stdout, stderr } = await gate.run('trace', file);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^SHA-256 {2}[0-9a-f]{64}, 14 bytes\n[\s\S]*No clip that this gate knows\.\n$/);
  expect((await gate.run('trace', 'no-such-file')).code).toBe(2);
});
