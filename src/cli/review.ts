/** `portcullis review`: where the review of a tester stands, and its notes. */
import type { Command } from 'commander';
import { REVIEW_STATES as STATES } from '../store/states.ts';
import { Usage } from './exit.ts';

interface Options {
  readonly state?: string;
  readonly note?: string;
  readonly json?: boolean;
}

const HELP = `
"removed" also stops the tester and revokes the tokens; the tester reads the note. No other state frees anybody: use resume.

Examples:
  portcullis review ada
  portcullis review ada --state under-review --note "calls from two countries"
  portcullis review ada --state cleared --note "was travelling"`;

export function addReview(program: Command): void {
  program
    .command('review')
    .description('show or set the state of review of a tester')
    .argument('<tester>', 'the tester')
    .option('--state <state>', STATES.join(', '))
    .option('--note <text>', 'why')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(review);
}

async function review(id: string, { state, note, json }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint, plain, time } = await import('./print.ts');
  const { reviews } = connect(process.env).testers[':id'];
  const set = state === undefined ? null : STATES.find((one) => one === state);
  if (set === undefined) throw new Usage(`--state: use ${STATES.join(', ')}`);
  if (set && !note) throw new Usage('--state needs --note: say why.');
  const told = await done(
    set && note
      ? reviews.$post({ param: { id }, json: { state: set, note } })
      : reviews.$get({ param: { id } }),
  );
  if (json) return outJson(told);
  out(`${plain(told.tester)}  ${paint('bold', told.state)}`);
  for (const one of told.history)
    out(`  ${time(one.at)}  ${one.state}, by ${plain(one.by)}: ${plain(one.note)}`);
}
