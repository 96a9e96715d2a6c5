import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Gate, run, startGate } from './with-cli.ts';

let gate: Gate;
beforeEach(async () => {
  gate = await startGate();
  await gate.run('cohort', 'add', 'alpha');
  await gate.run('tester', 'add', 'ada', '--cohort', 'alpha');
});
afterEach(() => gate.close());

const switches = () => gate.db.reader.$client.prepare('SELECT * FROM switches').all();

test('a kill without a word stops everything, and resume releases it', async () => {
  const killed = await gate.run('kill');
  expect(killed).toMatchObject({ code: 0, stderr: '' });
  expect(killed.stdout).toMatch(/^STOPPED {2}global/);
  expect((await gate.json('status')).open).toBe(false);
  expect((await gate.run('resume', '--reason', 'test')).stdout).toMatch(/^RELEASED {2}global/);
  expect((await gate.json('status')).open).toBe(true);
});

test('a kill of a cohort that does not exist is refused by name', async () => {
  for (const mode of [[], ['--offline']]) {
    const { code, stderr } = await gate.run('kill', 'cohort:alhpa', ...mode);
    expect(code).toBe(1);
    expect(stderr).toContain('"alhpa"');
  }
  expect(switches()).toEqual([]);
});

test('a malformed scope is a usage fault, answered with what may be meant', async () => {
  const bare = await gate.run('kill', 'ada');
  expect(bare.code).toBe(2);
  expect(bare.stderr).toContain('tester:ada');
  expect((await gate.run('kill', 'chort:alpha')).stderr).toContain('did you mean cohort:alpha?');
  expect((await gate.run('kill', 'Global')).stderr).toContain('did you mean global?');
  expect((await gate.run('kill', 'cohort', 'alpha')).code).toBe(2);
});

test('a revocation of everything has to be asked for by name', async () => {
  expect(await gate.run('kill', '--revoke')).toMatchObject({ code: 2, stdout: '' });
  expect((await gate.run('kill', 'tester:ada', '--revoke')).stdout).toMatch(/^REVOKED {2}tester:ada/);
});

test('a kill that cannot reach the server says so and prints the command that works without it', async () => {
  await gate.hangUp();
  const { code, stderr } = await gate.run('kill', 'cohort:alpha', '--reason', "it's over");
  expect(code).toBe(3);
  expect(stderr).toContain('NOTHING WAS STOPPED');
  expect(stderr).toContain(gate.env.PORTCULLIS_CONTROL_LISTEN);
  expect(stderr).toContain("portcullis kill cohort:alpha --reason 'it'\\''s over' --offline");
});

test('a kill offline is one switch and one act, which the server then shows', async () => {
  const killed = await gate.json('kill', 'tester:ada', '--reason', 'Leak', '--offline');
  expect(killed).toMatchObject({ scope: 'tester:ada', effect: 'stop', offline: true });
  expect(switches()).toMatchObject([{ scope: 'tester:ada', reason: 'Leak', engaged_by: killed.engagedBy }]);
  expect(gate.acts().at(-1)).toMatchObject({
    act: 'switch.engage',
    operator: killed.engagedBy,
    reason: 'Leak',
  });
  expect(killed.engagedBy).toMatch(/^offline:./);
  expect((await gate.json('status')).switches).toMatchObject([{ scope: 'tester:ada', reason: 'Leak' }]);
});

test('a resume offline releases stops and never revocations', async () => {
  await gate.run('kill', 'tester:ada', '--offline');
  await gate.run('kill', 'cohort:alpha', '--revoke', '--offline');
  expect(await gate.json('resume', 'tester:ada', '--offline', '--reason', 'test')).toMatchObject({
    ids: [1],
    offline: true,
  });
  expect(await gate.run('resume', 'cohort:alpha', '--offline', '--reason', 'test')).toMatchObject({
    code: 1,
  });
  expect(gate.acts().filter(({ act }) => act === 'switch.release')).toHaveLength(1);
});

test('a kill offline waits for a database that is locked for a moment', async () => {
  const { $client } = gate.db.writer;
  $client.exec('BEGIN IMMEDIATE');
  const killed = gate.run('kill', '--offline');
  await new Promise((resolve) => setTimeout(resolve, 700));
  $client.exec('COMMIT');
  expect((await killed).code).toBe(0);
  expect(switches()).toHaveLength(1);
});

test('a kill offline makes no database where there is none', async () => {
  const empty = join(gate.dataDir, 'nowhere');
  rmSync(empty, { force: true });
  const { code, stderr } = await run(['kill', '--offline'], { PORTCULLIS_DATA_DIR: empty });
  expect(code).toBe(3);
  expect(stderr).toContain('there is no database');
});
