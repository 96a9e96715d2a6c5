import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { program } from '../../src/cli/program.ts';
import { appeals, feedback, findings, requests } from '../../src/store/schema.ts';
import { logCall } from '../admin/with-admin.ts';
import { type Gate, run, start, startGate } from './with-cli.ts';

let gate: Gate;
beforeEach(async () => {
  gate = await startGate();
});
afterEach(() => gate.close());

async function addAda() {
  await gate.run('cohort', 'add', 'alpha');
  await gate.run('tester', 'add', 'ada', '--cohort', 'alpha', '--name', 'Ada');
}

test('a token comes as exactly token, jti, tester and expiry', async () => {
  await addAda();
  const issued = await gate.json('token', 'issue', 'ada', '--days', '2');
  expect(Object.keys(issued)).toEqual(['token', 'jti', 'tester', 'expiresAt']);
  expect(Date.parse(issued.expiresAt) - Date.now()).toBeGreaterThan(1.9 * 86_400_000);
  expect(await gate.json('token', 'list', 'ada')).toMatchObject([{ jti: issued.jti, state: 'valid' }]);
  expect(await gate.json('token', 'revoke', issued.jti)).toMatchObject({ effect: 'revoke' });
  expect(await gate.json('token', 'list')).toMatchObject([{ state: 'revoked' }]);
  expect((await gate.run('token', 'revoke', 'nobodys')).code).toBe(1);
});

test('whose an object is, and whose it becomes', async () => {
  await addAda();
  expect((await gate.run('object', 'show', 'video_1')).code).toBe(1);
  expect((await gate.run('object', 'give', 'video_1', '--to', 'ada')).stdout).toContain(
    "1 object is now ada's.",
  );
  expect((await gate.run('object', 'show', 'video_1')).stdout).toMatch(/^object {3}video_1\ntester {3}ada\n/);
  expect((await gate.run('object', 'list', '--tester', 'ada')).stdout).toContain('video_1');
  expect((await gate.run('object', 'give', '--to', 'ada')).code).toBe(2);
});

test('the list tells when a token ends and was last used; a renewal shows the new one once', async () => {
  await addAda();
  const { jti } = await gate.json('token', 'issue', 'ada', '--days', '3.5');
  expect((await gate.run('token', 'list')).stdout).toMatch(
    /EXPIRES +LAST USED\n\S+ +ada +valid .* in 3 d, 20.*never\n$/,
  );
  const renewed = await gate.json('token', 'renew', jti, '--days', '14', '--revoke-old');
  expect(Object.keys(renewed)).toEqual(['token', 'jti', 'tester', 'expiresAt']);
  expect(await gate.json('token', 'list', 'ada')).toMatchObject([
    { jti: renewed.jti, state: 'valid', lastUsedAt: null },
    { jti, state: 'revoked' },
  ]);
  const again = await gate.run('token', 'renew', jti);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('portcullis token issue ada')]);
});

test('what testers say is read, answered and exported', async () => {
  await addAda();
  const at = Date.now();
  const said = { tester: 'ada', at, text: '=1+1' };
  gate.db.writer
    .insert(feedback)
    .values({ ...said, rating: 2 })
    .run();
  gate.db.writer.insert(appeals).values(said).run();
  const found = {
    title: 'It names people',
    severity: 'high',
    category: 'privacy',
    reproduction: 'Ask.',
  } as const;
  gate.db.writer
    .insert(findings)
    .values({ ...found, tester: 'ada', at })
    .run();
  expect((await gate.run('feedback', 'export', '--format', 'csv')).stdout).toContain(
    `,"'=1+1",,`.replaceAll('"', ''),
  );
  expect((await gate.run('feedback', 'list')).stdout).toMatch(/ada +2 of 5 +– +=1\+1/);
  expect((await gate.run('appeal', 'list')).stdout).toContain('=1+1');
  expect((await gate.run('finding', 'set', '1', 'fixed', '--answer', 'Thanks')).stdout).toContain(
    'is fixed now',
  );
  expect(await gate.json('finding', 'list', '--status', 'fixed')).toMatchObject([
    { ...found, answer: 'Thanks' },
  ]);
  expect((await gate.run('finding', 'set', '1', 'gone')).code).toBe(2);
  const { link } = await gate.json('tester', 'link', 'ada', '--hours', '2');
  expect(link).toMatch(/^https:\/\/gate\.example\/portal\/link#ppl_/);
});

test('lists are aligned, without colour off a terminal', async () => {
  await addAda();
  const { stdout } = await gate.run('tester', 'list');
  expect(stdout).toMatch(
    /^TESTER +COHORT +NAME +E-MAIL +MAY CALL .*\nada +alpha +Ada +– +no +0 +0 +never +–\n$/,
  );
  expect((await gate.run('cohort', 'list')).stdout).toMatch(/^COHORT .*\nalpha +1 +yes/);
  expect((await gate.run('tester', 'show', 'ada')).stdout).toContain('cohort     alpha\n');
  expect((await gate.run('token', 'list')).stdout).toContain('portcullis token issue');
});

test('a tester is given bounds, reads them, and loses them again', async () => {
  await addAda();
  const limit = (...bounds: string[]) => gate.run('tester', 'limit', 'ada', ...bounds, '--reason', 'demo');
  expect((await limit('requestsPerMinute=60', 'tokens.day=500', 'tokens.total=900')).code).toBe(0);
  expect((await gate.run('limits', 'ada')).stdout).toMatch(
    /^WHOSE .*\ntester:ada +limit:minute +60 +0 +60 +– +override\n.*quota:tester.tokens.day +500 .*\n.*total +900 /,
  );
  await limit('concurrent=2', 'tokens=');
  expect(await gate.json('tester', 'show', 'ada')).toMatchObject({
    limits: { requestsPerMinute: 60, concurrent: 2 },
    quotas: null,
  });
  expect((await limit('requestsPerFortnight=1')).code).toBe(1);
  expect((await limit('requestsPerMinute')).code).toBe(2);
  expect((await limit()).code).toBe(2);
  expect((await limit('--clear')).code).toBe(0);
  expect((await gate.run('limits', 'ada')).stdout).toBe('Nothing bounds this tester.\n');
  expect((await gate.run('limits')).stdout).toContain('Nearest to a bound of their own:\n');
});

test('the exit code tells done, refused, usage and fault apart', async () => {
  expect((await gate.run('cohort', 'add', 'alpha')).code).toBe(0);
  expect((await gate.run('cohort', 'add', 'alpha')).code).toBe(1);
  expect((await gate.run('cohort', 'ad')).code).toBe(2);
  expect((await gate.run('tester', 'add', 'ada')).code).toBe(2);
  expect((await gate.run('log', '--limit', 'many')).code).toBe(2);
  expect((await run(['status'], { ...gate.env, PORTCULLIS_OPERATOR_TOKEN: 'pco_wrong' })).code).toBe(1);
  await gate.hangUp();
  const unreachable = await gate.run('status');
  expect(unreachable.code).toBe(3);
  expect(unreachable.stderr).toContain('portcullis serve');
});

test('without a credential the command says where it looked', async () => {
  const { code, stderr } = await run(['status'], { PORTCULLIS_DATA_DIR: '/nowhere' });
  expect(code).toBe(3);
  expect(stderr).toContain('/nowhere/operator-credential');
});

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

test('every command has help with an example', async () => {
  const leaves = leavesOf(program());
  expect(leaves.length).toBeGreaterThan(50);
  for (const leaf of leaves) {
    let help = '';
    leaf.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    leaf.outputHelp();
    expect(help, leaf.name()).toMatch(/Examples?:\n {2}/);
  }
  const { code, stdout } = await gate.run('kill', '--help');
  expect([code, stdout]).toEqual([0, expect.stringContaining('portcullis kill')]);
});

test('the status tells at a glance what is stopped, since when, by whom and why', async () => {
  await addAda();
  expect((await gate.run('status')).stdout).toMatch(/^OPEN {2}/);
  await gate.run('kill', 'cohort:alpha', '--reason', 'Leak of a clip');
  const { stdout } = await gate.run('status');
  expect(stdout).toMatch(/^OPEN .*but for 1 stopped:\n {2}cohort:alpha\n/);
  expect(stdout).toContain('by       the-operator');
  expect(stdout).toContain('why      Leak of a clip');
  await gate.run('kill');
  expect((await gate.run('status')).stdout).toMatch(/^STOPPED {2}/);
});

test('the log is oldest first, one line per call, JSON lines on demand', async () => {
  const first = logCall(gate.db.writer);
  const second = logCall(gate.db.writer, { durationMs: 1234.5, bytesOut: 1_000_000 });
  const { stdout } = await gate.run('log');
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(' ').at(-1))).toEqual([first, second]);
  expect(lines[1]).toMatch(/ada +videos\.create .* 200 +complete +1,235 ms +1,000,000 B/);
  const jsonLines = (await gate.run('log', '--json', '--limit', '1')).stdout.trimEnd().split('\n');
  expect(jsonLines.map((line) => JSON.parse(line).id)).toEqual([second]);
});

test('what testers sent cannot steer the terminal', async () => {
  logCall(gate.db.writer, { model: '\u001b[2Jgone\n' });
  const { stdout } = await gate.run('log');
  expect(stdout).not.toContain('\u001b');
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
});

test('a followed log prints each call once, when it has ended', async () => {
  const before = logCall(gate.db.writer);
  const open = logCall(gate.db.writer, { outcome: null });
  const child = start(['log', '--follow', '--json', '--decision', 'allowed'], gate.env);
  const seen: string[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, outcome } = JSON.parse(line);
    seen.push(`${id} ${outcome}`);
  });
  await once(lines, 'line');
  const late = logCall(gate.db.writer);
  gate.db.writer.update(requests).set({ outcome: 'cut' }).run();
  await new Promise((resolve) => setTimeout(resolve, 1_800));
  child.kill();
  expect(seen.slice(0, 2)).toEqual([`${before} complete`, `${open} null`]);
  expect(seen.slice(2).sort()).toEqual([`${open} cut`, `${late} cut`].sort());
});

test('an operator is added with a link, given another role, signed out and removed; credentials are shown once', async () => {
  const asAdmin = { ...gate.env, PORTCULLIS_OPERATOR_TOKEN: gate.credentials.admin };
  const admin = (...args: string[]) => run(args, asAdmin);
  expect((await gate.run('operator', 'add', 'maria', '--role', 'auditor')).code).toBe(1);
  const added = await admin('operator', 'add', 'maria', '--role', 'auditor');
  expect(added.stdout).toMatch(
    /^Added maria as auditor\.\nhttp:\/\/localhost:\d+\/console\/sign-in#pcl_[\w-]{43}\n {2}good once, /,
  );
  expect((await admin('operator', 'role', 'maria', 'boss', '--reason', 'x')).code).toBe(2);
  expect((await admin('operator', 'role', 'maria', 'operator', '--reason', 'on call')).stdout).toContain(
    'maria is operator now',
  );
  const order = ['operator', 'token', 'add', '--label', 'nightly', '--operator', 'maria', '--json'];
  const { credential, id } = JSON.parse((await admin(...order)).stdout);
  expect(credential).toMatch(/^pco_/);
  const listed = await admin('operator', 'token', 'list');
  expect(listed.stdout).toContain(id);
  expect(listed.stdout).not.toContain(credential);
  expect((await admin('operator', 'sign-out', 'maria', '--reason', 'a leak')).stdout).toContain(
    '1 credential',
  );
  expect((await admin('operator', 'remove', 'maria', '--reason', 'left')).code).toBe(0);
  expect((await admin('operator', 'list')).stdout).toMatch(/^maria +removed /m);
});
