/** `portcullis tester`: the people who may call. */
import type { Command } from 'commander';
import { parseMost } from './pages.ts';
import { addTesterLimit } from './tester-limit.ts';
import { addTesterLink } from './tester-link.ts';

interface Json {
  readonly json?: boolean;
}

interface Added extends Json {
  readonly cohort: string;
  readonly name?: string;
  readonly email?: string;
}

const FORGET_HELP = `
Their key is destroyed, and their words leave the index: nobody can read the texts any more. Copies of the database that
were made before still hold both. The calls stay in the log, and the log still verifies.

Example:
  portcullis tester forget ada`;

interface Listed extends Json {
  readonly cohort?: string;
  readonly review?: string;
  readonly limit?: number;
}

export function addTester(program: Command): void {
  const tester = program.command('tester').description('add, list and show testers');
  tester
    .command('add')
    .description('add a tester to a cohort')
    .argument('<id>', 'the id that access tokens carry')
    .requiredOption('--cohort <name>', 'the cohort')
    .option('--name <text>', 'name')
    .option('--email <address>', 'e-mail address')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis tester add ada --cohort alpha --name "Ada Lovelace"')
    .action(add);
  tester
    .command('list')
    .description(
      'list testers, with their tokens in force, calls since midnight (UTC), and whether they may call',
    )
    .argument('[text]', 'part of an id, name, e-mail address or cohort')
    .option('--cohort <name>', 'of this cohort only')
    .option('--review <state>', 'none, under-review, cleared or removed')
    .option('--limit <n>', 'at most so many', parseMost)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis tester list --cohort alpha --review under-review\n  portcullis tester list lovelace',
    )
    .action(list);
  tester
    .command('show')
    .description('show a tester, with the switches that touch them')
    .argument('<id>', 'the tester')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis tester show ada')
    .action(show);
  addTesterLimit(tester);
  addTesterLink(tester);
  tester
    .command('forget')
    .description('destroy what was kept of the texts that a tester sent')
    .argument('<id>', 'the tester')
    .option('--json', 'print JSON')
    .addHelpText('after', FORGET_HELP)
    .action(forget);
}

async function forget(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plural } = await import('./print.ts');
  const { texts } = await done(connect(process.env).testers[':id'].forget.$post({ param: { id } }));
  if (json) return outJson({ id, texts });
  out(`Forgot ${plural(texts, 'text')} of ${id}. The rows of the calls and their proofs stay.`);
}

async function add(id: string, { json, cohort, name, email }: Added): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const tester = await done(connect(process.env).testers.$post({ json: { id, cohort, name, email } }));
  if (json) return outJson(tester);
  out(`Added tester ${tester.id} to cohort ${tester.cohort}.`);
  out(`Issue an access token: portcullis token issue ${tester.id}`);
}

async function list(q: string | undefined, { json, cohort, review, limit }: Listed): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { readPages } = await import('./pages.ts');
  const { outTable } = await import('./table.ts');
  const { digits, out, outJson, paint, plain, second } = await import('./print.ts');
  const { rows, more } = await readPages(async (page) => {
    const query = { q, cohort, review: review as 'none' | undefined, ...page };
    const { testers, next } = await done(connect(process.env).testers.$get({ query }));
    return { rows: testers, next };
  }, limit);
  if (json) return outJson(rows);
  outTable(
    ['TESTER', 'COHORT', 'NAME', 'E-MAIL', 'MAY CALL', 'TODAY', 'TOKENS', 'LAST USED', 'REVIEW'],
    rows.map((one) => [
      plain(one.id),
      plain(one.cohort),
      plain(one.name),
      plain(one.email),
      one.mayCall ? paint('green', 'yes') : paint('red', 'no'),
      digits(one.callsToday),
      digits(one.validTokens),
      one.lastUsedAt ? second(one.lastUsedAt) : 'never',
      one.review === 'none' ? '–' : one.review,
    ]),
    q || cohort || review ? 'No such testers.' : 'No testers yet: portcullis tester add ID --cohort NAME',
  );
  if (more) out(paint('dim', 'There are more: narrow it, or use a higher --limit.'));
}

async function show(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint, plain, time } = await import('./print.ts');
  const tester = await done(connect(process.env).testers[':id'].$get({ param: { id } }));
  if (json) return outJson(tester);
  const limits = Object.entries(tester.limits ?? {}).map(([name, limit]) => `${name} ${digits(limit)}`);
  out(`tester     ${plain(tester.id)}`);
  out(`cohort     ${plain(tester.cohort)}`);
  out(`name       ${plain(tester.name)}`);
  out(`e-mail     ${plain(tester.email)}`);
  out(`limits     ${limits.join(', ') || 'those of the cohort'}`);
  const quotas = Object.entries(tester.quotas ?? {}).map(
    ([unit, { day, total } = {}]) => `${unit} ${day ?? '–'} a day, ${total ?? '–'} in all`,
  );
  out(`quotas     ${quotas.join('; ') || 'those of the cohort'}`);
  for (const { unit, today, total } of tester.usage)
    out(`used       ${digits(total)} ${unit}, ${digits(today)} of them today (UTC)`);
  out(`tokens     ${digits(tester.tokens)} issued`);
  out(`last call  ${tester.lastCallAt ? time(tester.lastCallAt) : 'none yet'}`);
  out(`added      ${time(tester.createdAt)}`);
  for (const { effect, scope, engagedAt, engagedBy, reason } of tester.switches) {
    out(`${paint('red', effect === 'stop' ? 'stopped' : 'revoked')}    ${plain(scope)}, ${time(engagedAt)}`);
    out(`           by ${plain(engagedBy)}: ${plain(reason, 'no reason given')}`);
  }
}
