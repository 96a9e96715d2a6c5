/** `portcullis who`: who may call now, who may not, and why. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';

interface Options {
  readonly cohort?: string;
  readonly stopped?: boolean;
  readonly open?: boolean;
  readonly json?: boolean;
}

export function addWho(program: Command): void {
  program
    .command('who')
    .description('who may call now, who may not, and why')
    .option('--cohort <name>', 'of this cohort only')
    .option('--open', 'those who may call only')
    .option('--stopped', 'those who may not only')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis who --stopped --cohort alpha')
    .action(who);
}

async function who({ cohort, stopped, open, json }: Options): Promise<void> {
  if (stopped && open) throw new Usage('Give --open or --stopped, not both; neither shows everybody.');
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint, plain } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const may = stopped ? 'false' : open ? 'true' : undefined;
  const query = { cohort, may, limit: '1000' } as const;
  const standing = await done(connect(process.env).standing.$get({ query }));
  if (json) return outJson(standing);
  out(`${digits(standing.may)} may call, ${digits(standing.mayNot)} may not.`);
  outTable(
    ['TESTER', 'COHORT', 'MAY CALL', 'WHY'],
    standing.testers.map((one) => [
      plain(one.tester),
      plain(one.cohort),
      one.may ? paint('green', 'yes') : paint('red', 'no'),
      one.may
        ? one.readmittedThrough.map((id) => `let through switch ${id}`).join('; ')
        : one.why.map((why) => plain(SAID[why.because](why))).join('; '),
    ]),
    'No testers.',
  );
  if (standing.next !== null) out(paint('dim', 'Only the first 1,000 are shown: narrow it, or use the API.'));
}

interface Why {
  readonly switch: number | null;
  readonly scope: string | null;
  readonly reason: string | null;
}

const SAID = {
  switch: ({ switch: id, scope, reason }: Why) =>
    `${scope} stopped by switch ${id}${reason ? `: ${reason}` : ''}`,
  'no-token': () => 'has no valid access token',
  'no-rules': () => 'the cohort has no rules, and so no leave',
} as const;
