/** `portcullis log counts|top|export`: what the log says as a whole. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { connect, done, download } from './connection.ts';
import { Fault } from './exit.ts';
import { logLine } from './log-lines.ts';
import { digits, out, outJson, paint, plain, plainLines, second } from './print.ts';

const COUNTS_HELP = `
Examples:
  portcullis log counts --since 24h
  portcullis log counts --tester ada --since 7d --step 1d`;

const TOP_HELP = `
By: tester, cohort, token, operation, model, outcome, status, decision, rule, address.

Examples:
  portcullis log top tester --since 24h
  portcullis log top outcome --decision refused
  portcullis log top address --tester ada        from how many places does she call?`;

const EXPORT_HELP = `
The oldest row first. In CSV, text that a spreadsheet would take for a formula begins with an apostrophe. To prove what
is exported, take a bundle: portcullis log bundle.

Examples:
  portcullis log export calls.jsonl
  portcullis log export calls.csv --tester ada --since 7d
  portcullis log export calls.parquet`;

type Flags = Readonly<Record<string, string | undefined>> & { readonly json?: true };

/** @param filters adds the options that all questions share */
export function addLogQuestions(log: Command, filters: (command: Command) => Command): void {
  filters(log.command('counts').description('calls over time'))
    .option('--step <duration>', '1m, 1h, 1d', '1h')
    .option('--json', 'print JSON')
    .addHelpText('after', COUNTS_HELP)
    .action(async ({ json, ...query }: Flags) => {
      const { counts } = await done(connect(process.env).log.counts.$get({ query }));
      if (json) outJson(counts);
      else printBars(counts.map(({ at, calls }) => [second(at), calls]));
    });
  filters(log.command('top').argument('<by>', 'a column').description('the values that most calls have'))
    .option('--limit <n>', 'so many', '10')
    .option('--json', 'print JSON')
    .addHelpText('after', TOP_HELP)
    .action(async (by: string, { json, ...query }: Flags) => {
      const { top } = await done(connect(process.env).log.top.$get({ query: { ...query, by } as never }));
      if (json) outJson(top);
      else printBars(top.map(({ value, calls }) => [plain(value), calls]));
    });
  log
    .command('search')
    .argument('<words...>', 'all of them')
    .description('calls whose kept prompts hold these words')
    .option('--limit <n>', 'so many, the newest', '100')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis log search volcano diver')
    .action(search);
  log
    .command('text')
    .argument('<id>', 'the request')
    .description('what was kept of the text of a call')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis log text 01980000-0000-7000-8000-000000000000')
    .action(show);
  filters(
    log
      .command('export')
      .argument('<file>', 'ends with .jsonl, .csv or .parquet')
      .description('write rows to a file'),
  )
    .addHelpText('after', EXPORT_HELP)
    .action(exportTo);
}

interface Found {
  readonly json?: true;
  readonly limit: string;
}

async function search(words: string[], { json, limit }: Found): Promise<void> {
  const query = { words: words.join(' '), limit };
  const { requests } = await done(connect(process.env).log.search.$get({ query }));
  for (const one of requests)
    if (json) outJson(one);
    else out(logLine(one));
  if (requests.length === 0 && !json) out('No kept prompt has these words.');
}

async function show(id: string, { json }: { json?: true }): Promise<void> {
  const kept = await done(connect(process.env).log.text[':request'].$get({ param: { request: id } }));
  if (json) outJson(kept);
  else
    out(
      kept.text === null
        ? 'The text was forgotten or not kept; its commitment stays.'
        : plainLines(kept.text),
    );
}

async function exportTo(file: string, { json: _, ...query }: Flags): Promise<void> {
  const asked = new URLSearchParams({ format: /\.(csv|parquet)$/.exec(file)?.[1] ?? 'jsonl' });
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, value);
  const answer = await download(process.env, `/admin/log/export?${asked}`);
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  await pipeline(Readable.fromWeb(answer.body as never), target).catch((fault: NodeJS.ErrnoException) => {
    throw new Fault(
      `${file} was not written: ${fault.code === 'EEXIST' ? 'it is there already' : fault.message}`,
    );
  });
  out(`Written to ${file}.`);
}

const BAR = 40;

function printBars(rows: readonly (readonly [string, number])[]): void {
  if (rows.length === 0) out('No calls.');
  const most = Math.max(...rows.map(([, calls]) => calls));
  const [label, number] = [
    Math.max(...rows.map(([text]) => text.length)),
    Math.max(...rows.map(([, calls]) => digits(calls).length)),
  ];
  for (const [text, calls] of rows) {
    const bar = '▇'.repeat(Math.max(1, Math.round((BAR * calls) / most)));
    out(`${text.padEnd(label)}  ${digits(calls).padStart(number)}  ${paint('cyan', bar)}`);
  }
}
