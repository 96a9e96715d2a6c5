/** `portcullis feedback` and `portcullis appeal`: what testers said in the portal. */
import type { Command } from 'commander';
import { exportLines } from './lines.ts';

interface Listing {
  readonly tester?: string;
  readonly limit: string;
  readonly json?: boolean;
}

export function addFeedback(program: Command): void {
  const feedback = program
    .command('feedback')
    .description('read and export what testers said of calls and outputs');
  feedback
    .command('list')
    .description('list feedback, newest first')
    .option('--tester <id>', 'of this tester only')
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis feedback list --tester ada')
    .action(list);
  feedback
    .command('export')
    .description('all feedback as JSON lines or CSV, oldest first')
    .option('--format <format>', 'jsonl or csv', 'jsonl')
    .addHelpText('after', '\nExample:\n  portcullis feedback export --format csv > feedback.csv')
    .action(({ format }: { format: string }) => exportLines('/admin/feedback/export', format));
}

export function addAppeal(program: Command): void {
  program
    .command('appeal')
    .description('read what testers say against stops and reviews')
    .command('list')
    .description('list appeals, newest first')
    .option('--tester <id>', 'of this tester only')
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis appeal list --tester ada')
    .action(appeals);
}

async function list({ json, ...query }: Listing): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const { feedback } = await done(connect(process.env).feedback.$get({ query }));
  if (json) return outJson(feedback);
  outTable(
    ['WHEN', 'TESTER', 'RATING', 'ABOUT', 'TEXT'],
    feedback.map((one) => [
      time(one.at),
      plain(one.tester),
      `${one.rating} of 5`,
      plain(one.object ?? one.request),
      plain(one.text.slice(0, 120)),
    ]),
    'No feedback yet: testers give it in the portal, at /portal/feedback.',
  );
}

async function appeals({ json, ...query }: Listing): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain, plainLines, time } = await import('./print.ts');
  const told = await done(connect(process.env).appeals.$get({ query }));
  if (json) return outJson(told.appeals);
  if (told.appeals.length === 0) out('No appeals.');
  for (const one of told.appeals) {
    out(`${plain(one.tester)}  ${time(one.at)}`);
    out(`  ${plainLines(one.text).replaceAll('\n', '\n  ')}`);
  }
}
