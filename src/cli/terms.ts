/** `portcullis terms`: the texts that testers accept before they call, and who accepted which. */
import type { Command } from 'commander';

interface Json {
  readonly json?: boolean;
}

export function addTerms(program: Command): void {
  const terms = program.command('terms').description('publish the terms, and show who accepted them');
  terms
    .command('publish')
    .description('publish a new version; "terms: N" in the policy asks for it')
    .argument('<file>', 'the text')
    .option('--grace <days>', 'how long whoever accepted an older version may go on', '0')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis terms publish terms.txt --grace 7')
    .action(publish);
  terms
    .command('list')
    .description('list the versions, newest first')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis terms list')
    .action(list);
  terms
    .command('show')
    .description('show the text of a version')
    .argument('<version>', 'its number')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis terms show 3')
    .action(show);
  terms
    .command('accepted')
    .description('who accepted a version, when and from where')
    .argument('<version>', 'its number')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis terms accepted 3 --json')
    .action(accepted);
}

async function publish(file: string, { grace, json }: Json & { grace: string }): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const { connect, done } = await import('./connection.ts');
  const { Usage } = await import('./exit.ts');
  const { out, outJson } = await import('./print.ts');
  if (!/^\d{1,3}(?:\.\d+)?$/.test(grace)) throw new Usage('--grace: use a number of days.');
  const text = readText(file, readFileSync, Usage);
  const graceSeconds = Math.round(Number(grace) * 86_400);
  const published = await done(connect(process.env).terms.$post({ json: { text, graceSeconds } }));
  if (json) return outJson(published);
  out(`Terms ${published.version} are published (SHA-256 ${published.sha256}).`);
  if (!published.required)
    out(`Testers have to accept them once the policy says "terms: ${published.version}".`);
}

function readText(
  file: string,
  read: (file: string, encoding: 'utf8') => string,
  Usage: new (message: string) => Error,
): string {
  try {
    return read(file, 'utf8');
  } catch (fault) {
    throw new Usage(`cannot read ${file} (${(fault as { code?: string }).code}).`);
  }
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const told = await done(connect(process.env).terms.$get());
  if (json) return outJson(told);
  outTable(
    ['VERSION', 'REQUIRED', 'ACCEPTED', 'PUBLISHED', 'BY', 'GRACE UNTIL'],
    told.terms.map((one) => [
      String(one.version),
      one.required ? 'yes' : 'no',
      digits(one.accepted),
      time(one.at),
      plain(one.by),
      one.graceUntil ? time(one.graceUntil) : '–',
    ]),
    'No terms yet: portcullis terms publish FILE',
  );
}

async function show(version: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plainLines } = await import('./print.ts');
  const told = await done(connect(process.env).terms[':version'].$get({ param: { version } }));
  if (json) return outJson(told);
  out(plainLines(told.text.trimEnd()));
}

async function accepted(version: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const { acceptances } = connect(process.env).terms[':version'];
  const all = [];
  let after: string | null = null;
  do {
    const query: { limit: string; after?: string } = { limit: '1000', ...(after === null ? {} : { after }) };
    const page: Page = await done(acceptances.$get({ param: { version }, query }));
    all.push(...page.acceptances);
    after = page.next;
  } while (after !== null);
  if (json) return outJson(all);
  outTable(
    ['TESTER', 'WHEN', 'FROM', 'HOW', 'SHA-256'],
    all.map((one) => [
      plain(one.tester),
      time(one.at),
      plain(one.address),
      plain(one.how),
      one.sha256.slice(0, 16),
    ]),
    'Nobody has accepted them yet.',
  );
}

interface Page {
  readonly acceptances: readonly {
    readonly tester: string;
    readonly sha256: string;
    readonly at: string;
    readonly address: string | null;
    readonly how: string;
  }[];
  readonly next: string | null;
}
