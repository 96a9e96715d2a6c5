/** `portcullis acts`: what operators did. */
import type { Command } from 'commander';
import { parseMost } from './pages.ts';

interface Options {
  readonly operator?: string;
  readonly act?: string;
  readonly subject?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const HELP = `
Examples:
  portcullis acts --since 24h
  portcullis acts --subject tester:ada
  portcullis acts --act switch.engage --operator grace --since 2026-11-01 --until 2026-12-01`;

export function addActs(program: Command): void {
  program
    .command('acts')
    .description('what operators did, the newest first')
    .option('--operator <name>', 'of this operator only')
    .option('--act <name>', 'of this kind only: switch.engage, tester.update, …')
    .option('--subject <text>', 'with this in the subject: tester:ada')
    .option('--since <when>', 'ISO 8601 with a zone, or how long ago: 15m, 2h, 7d')
    .option('--until <when>', 'the same; itself not included')
    .option('--limit <n>', 'at most so many', parseMost, 100)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(acts);
}

async function acts({ json, limit, ...asked }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { readPages } = await import('./pages.ts');
  const { out, outJson, paint, plain, second } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const { rows, more } = await readPages(async (page) => {
    const { acts: found, next } = await done(
      connect(process.env).acts.$get({ query: { ...asked, ...page } }),
    );
    return { rows: found, next };
  }, limit);
  if (json) return outJson(rows);
  outTable(
    ['WHEN', 'OPERATOR', 'FROM', 'ACT', 'SUBJECT', 'WHY'],
    rows.map((one) => [
      second(one.at),
      plain(one.operator),
      plain(one.address),
      plain(one.act),
      plain(one.subject),
      plain(one.reason),
    ]),
    'No such acts.',
  );
  if (more) out(paint('dim', 'There are more: narrow it, or use a higher --limit.'));
}
