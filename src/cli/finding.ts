/** `portcullis finding`: what red teams found, and where each finding stands. */
import type { Command } from 'commander';
import { FINDING_STATES, SEVERITIES } from '../store/states.ts';
import { Usage } from './exit.ts';
import { exportLines } from './lines.ts';

interface Json {
  readonly json?: boolean;
}
interface Listing extends Json {
  readonly tester?: string;
  readonly status?: string;
  readonly severity?: string;
  readonly limit: string;
}

export function addFinding(program: Command): void {
  const finding = program.command('finding').description('read, answer and export the findings of red teams');
  finding
    .command('list')
    .description('list findings, newest first')
    .option('--tester <id>', 'of this tester only')
    .option('--status <status>', FINDING_STATES.join(', '))
    .option('--severity <severity>', SEVERITIES.join(', '))
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis finding list --status new --severity critical')
    .action(list);
  finding
    .command('show')
    .description('show a finding')
    .argument('<id>', 'its number')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis finding show 12')
    .action(show);
  finding
    .command('set')
    .description('say where a finding stands; the tester sees it, and the answer')
    .argument('<id>', 'its number')
    .argument('<status>', FINDING_STATES.join(', '))
    .option('--answer <text>', 'what the tester reads with it')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  portcullis finding set 12 accepted --answer "Thank you: fixed in the next model."',
    )
    .action(set);
  finding
    .command('export')
    .description('all findings as JSON lines or CSV, oldest first, without the files')
    .option('--format <format>', 'jsonl or csv', 'jsonl')
    .addHelpText('after', '\nExample:\n  portcullis finding export --format csv > findings.csv')
    .action(({ format }: { format: string }) => exportLines('/admin/findings/export', format));
}

async function list({ json, status, severity, ...query }: Listing): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const asked = {
    ...query,
    status: oneOf('--status', FINDING_STATES, status),
    severity: oneOf('--severity', SEVERITIES, severity),
  };
  const { findings } = await done(connect(process.env).findings.$get({ query: asked }));
  if (json) return outJson(findings);
  outTable(
    ['NO', 'WHEN', 'TESTER', 'SEVERITY', 'CATEGORY', 'STATUS', 'TITLE'],
    findings.map((one) => [
      String(one.id),
      time(one.at),
      plain(one.tester),
      one.severity,
      one.category,
      one.status,
      plain(one.title),
    ]),
    'No findings: testers file them in the portal, at /portal/findings.',
  );
}

async function show(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint, plain, plainLines, time } = await import('./print.ts');
  const found = await done(connect(process.env).findings[':id'].$get({ param: { id } }));
  if (json) return outJson(found);
  out(paint('bold', plain(found.title)));
  out(`finding   ${found.id}, by ${plain(found.tester)}, ${time(found.at)}`);
  out(`severity  ${found.severity}`);
  out(`category  ${found.category}`);
  const stands = found.statusAt === null ? '' : `, ${time(found.statusAt)} by ${plain(found.statusBy)}`;
  out(`status    ${found.status}${stands}`);
  if (found.answer !== null) out(`answer    ${plain(found.answer)}`);
  if (found.request !== null) out(`call      ${plain(found.request)}`);
  if (found.object !== null) out(`output    ${plain(found.object)}`);
  for (const file of found.attachments)
    out(`file      ${file.id}  ${plain(file.name)}  ${file.type}, ${digits(file.bytes)} bytes`);
  out('');
  out(plainLines(found.reproduction));
}

async function set(id: string, status: string, { json, answer }: Json & { answer?: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain } = await import('./print.ts');
  const stands = oneOf('status', FINDING_STATES, status);
  if (stands === undefined) throw new Usage(`status: use ${FINDING_STATES.join(', ')}`);
  const told = { status: stands, ...(answer === undefined ? {} : { answer }) };
  const found = await done(connect(process.env).findings[':id'].status.$post({ param: { id }, json: told }));
  if (json) return outJson(found);
  out(`Finding ${found.id} (${plain(found.title)}) is ${found.status} now; ${plain(found.tester)} sees it.`);
}

function oneOf<T extends string>(name: string, all: readonly T[], given: string | undefined): T | undefined {
  if (given === undefined) return undefined;
  const known = all.find((one) => one === given);
  if (known === undefined) throw new Usage(`${name}: use ${all.join(', ')}`);
  return known;
}
