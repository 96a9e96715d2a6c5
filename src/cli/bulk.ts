/** `portcullis bulk` and its kin: acts on many testers, asked first whom they touch. */
import { type Command, InvalidArgumentError } from 'commander';
import { REVIEW_STATES as STATES } from '../store/states.ts';
import { Usage } from './exit.ts';

const ACTS = ['suspend', 'resume', 'revoke', 'review'] as const;
type State = (typeof STATES)[number];

interface Chosen {
  readonly cohort?: string;
  readonly review?: State;
  readonly only?: string[];
  readonly except?: string[];
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const BULK_HELP = `
Examples:
  portcullis bulk suspend --cohort alpha --except ada,bob,eve --reason "a leak" --dry-run
  portcullis bulk review --cohort alpha --state under-review --reason "a leak"
  portcullis bulk resume --review cleared --reason "looked at"`;

const REISSUE_HELP = `
The CSV holds each token once, and they are kept nowhere. Tokens of before stay as they are: revoked ones never revive.

Example:
  portcullis reissue --review cleared --reason "after the review" > tokens.csv`;

export function addBulk(program: Command): void {
  const bulk = program
    .command('bulk')
    .description('suspend, resume, revoke or review many testers at once')
    .argument('<act>', ACTS.join(', '))
    .option('--state <state>', 'with review: the state to set', parseState)
    .addHelpText('after', BULK_HELP)
    .action(act);
  const again = program
    .command('reissue')
    .description('issue new access tokens to many testers, as CSV, this once')
    .option('--days <n>', 'lifetime in days', Number)
    .addHelpText('after', REISSUE_HELP)
    .action(reissue);
  for (const command of [bulk, again])
    command
      .requiredOption('--reason <text>', 'why')
      .option('--cohort <name>', 'of this cohort')
      .option('--review <state>', 'whose review stands so', parseState)
      .option('--only <ids>', 'these, with "," between', parseIds)
      .option('--except <ids>', 'but for these', parseIds)
      .option('--dry-run', 'change nothing: whom would it touch?')
      .option('--json', 'print JSON');
  program
    .command('import')
    .description('add testers from a CSV file: all of them, or none')
    .argument('<file>', 'columns id, cohort, name, email')
    .option('--dry-run', 'change nothing: is it right?')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis import people.csv --dry-run')
    .action(importFile);
}

function parseState(text: string): State {
  const state = STATES.find((one) => one === text);
  if (!state) throw new InvalidArgumentError(`Use ${STATES.join(', ')}.`);
  return state;
}

function parseIds(text: string): string[] {
  return text.split(',').map((id) => id.trim());
}

function filterOf({ cohort, review, only, except }: Chosen) {
  if (cohort === undefined && review === undefined && only === undefined)
    throw new Usage('Say whom: --cohort NAME, --review STATE or --only ID,ID.');
  return { cohort, review, ids: only, except };
}

async function act(name: string, { state, ...chosen }: Chosen & { state?: State }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson } = await import('./print.ts');
  const wanted = ACTS.find((one) => one === name);
  if (!wanted) throw new Usage(`"${name}" is no act: use ${ACTS.join(', ')}.`);
  const { bulk } = connect(process.env).testers;
  const order = { filter: filterOf(chosen), act: wanted, state, reason: chosen.reason };
  const asked = await done(bulk.$post({ json: { ...order, dryRun: true } }));
  const told = chosen.dryRun ? asked : await done(bulk.$post({ json: { ...order, digest: asked.digest } }));
  if (chosen.json) return outJson(told);
  await say(told, wanted);
}

async function reissue({ days, ...chosen }: Chosen & { days?: number }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson } = await import('./print.ts');
  const { reissue: again } = connect(process.env).testers;
  const order = { filter: filterOf(chosen), reason: chosen.reason, lifetimeDays: days };
  const asked = await done(again.$post({ json: { ...order, dryRun: true } }));
  if (chosen.dryRun) return chosen.json ? outJson(asked) : say(asked, 'reissue');
  const told = await done(again.$post({ json: { ...order, digest: asked.digest } }));
  if (chosen.json) return outJson(told);
  process.stdout.write(told.csv ?? '');
  process.stderr.write(`${told.count} tokens, shown this once.\n`);
}

async function importFile(
  file: string,
  { dryRun, json }: { dryRun?: boolean; json?: boolean },
): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const { connect, done } = await import('./connection.ts');
  const { outJson } = await import('./print.ts');
  let csv: string;
  try {
    csv = readFileSync(file, 'utf8');
  } catch (fault) {
    throw new Usage(`cannot read ${file} (${(fault as NodeJS.ErrnoException).code})`);
  }
  const told = await done(
    connect(process.env).testers.import.$post({ json: { csv, dryRun: dryRun ?? false } }),
  );
  if (json) return outJson(told);
  await say(told, 'add');
}

async function say(
  { count, testers, done }: { count: number; testers: readonly string[]; done: boolean },
  what: string,
): Promise<void> {
  const { digits, out, paint, plain, plural } = await import('./print.ts');
  const some = testers.slice(0, 10).map((id) => plain(id));
  const more = count > some.length ? `, and ${digits(count - some.length)} more` : '';
  const did = done ? paint('green', 'done') : paint('yellow', 'nothing was changed');
  out(`${what}: ${plural(count, 'tester')}, ${did}`);
  if (count > 0) out(`  ${some.join(', ')}${more}`);
}
