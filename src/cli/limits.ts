/** `portcullis limits`: what testers and cohorts may use, have used and have left. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';

interface Shown {
  readonly cohort?: string;
  readonly json?: boolean;
}

export function addLimits(program: Command): void {
  program
    .command('limits')
    .description('what a tester, a cohort or everybody may use, has used and has left')
    .argument('[tester]', 'the tester; without one: what cohorts share, and who is nearest to a bound')
    .option('--cohort <name>', 'of this cohort only')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  portcullis limits ada\n  portcullis limits --cohort alpha')
    .action(show);
}

async function show(tester: string | undefined, { cohort, json }: Shown): Promise<void> {
  if (tester !== undefined && cohort !== undefined) throw new Usage('Name a tester or --cohort, not both.');
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const { bounds, nearest } = await done(connect(process.env).limits.$get({ query: { tester, cohort } }));
  if (json) return outJson({ bounds, nearest });
  await outBounds(
    bounds,
    tester === undefined ? 'No cohort has shared quotas.' : 'Nothing bounds this tester.',
  );
  if (tester !== undefined) return;
  out('');
  out('Nearest to a bound of their own:');
  await outBounds(nearest, 'nobody; no window runs, and no unit of a quota is used');
}

interface Bound {
  readonly rule: string;
  readonly subject: string;
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  readonly resetsAt: string | null;
  readonly from: 'rules' | 'override';
}

async function outBounds(bounds: readonly Bound[], empty: string): Promise<void> {
  const { digits, paint, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  outTable(
    ['WHOSE', 'BOUND', 'LIMIT', 'USED', 'LEFT', 'BEGINS ANEW', 'FROM'],
    bounds.map((one) => [
      plain(one.subject),
      one.rule,
      digits(one.limit),
      digits(one.used),
      one.left > 0 ? digits(one.left) : paint('red', '0'),
      one.resetsAt === null ? '–' : time(one.resetsAt),
      one.from === 'rules' ? 'rules' : paint('yellow', 'override'),
    ]),
    empty,
  );
}
