/** `portcullis cohort`: the groups that rules are written for. */
import type { Command } from 'commander';

interface Options {
  readonly json?: boolean;
}

export function addCohort(program: Command): void {
  const cohort = program.command('cohort').description('add and list cohorts');
  cohort
    .command('add')
    .description('add a cohort')
    .argument('<name>', 'lower-case letters, digits, ".", "_", "-"')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis cohort add alpha')
    .action(add);
  cohort
    .command('list')
    .description('list cohorts, with their testers and whether they have rules')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis cohort list --json')
    .action(list);
}

async function add(name: string, { json }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const cohort = await done(connect(process.env).cohorts.$post({ json: { name } }));
  if (json) return outJson(cohort);
  out(`Added cohort ${cohort.name}.`);
  if (!cohort.hasRules) out('The policy says nothing of it yet, so nothing is allowed to it.');
}

async function list({ json }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { digits, outJson, paint, time } = await import('./print.ts');
  const { readPages } = await import('./pages.ts');
  const { rows: cohorts } = await readPages(async (page) => {
    const { cohorts: rows, next } = await done(connect(process.env).cohorts.$get({ query: page }));
    return { rows, next };
  });
  if (json) return outJson(cohorts);
  const rules = (has: boolean) => (has ? 'yes' : paint('yellow', 'none: nothing is allowed'));
  outTable(
    ['COHORT', 'TESTERS', 'RULES', 'ADDED'],
    cohorts.map((one) => [one.name, digits(one.testers), rules(one.hasRules), time(one.createdAt)]),
    'No cohorts yet: portcullis cohort add NAME',
  );
}
