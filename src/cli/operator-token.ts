/** `portcullis operator token`: credentials of operators for programs. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';
import { roleOf } from './role-argument.ts';

interface Json {
  readonly json?: boolean;
}

interface Order extends Json {
  readonly label: string;
  readonly days: string;
  readonly role?: string;
  readonly operator?: string;
}

export function addOperatorToken(operator: Command): void {
  const token = operator.command('token').description('credentials for programs');
  token
    .command('add')
    .description('make a credential that expires; it is shown once')
    .requiredOption('--label <text>', 'what it is for')
    .option('--days <n>', 'how long it is good, 366 at most', '90')
    .option('--role <role>', 'narrows what it may; the role of its operator if left out')
    .option('--operator <name>', 'whose it is; you, if left out')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  portcullis operator token add --label "nightly export" --role auditor',
    )
    .action(add);
  token
    .command('list')
    .description('list credentials, yours or, for admins, all')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator token list')
    .action(list);
  token
    .command('end')
    .description('end a credential, at once')
    .argument('<id>', 'its id; "data-directory" is that of the data directory')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator token end 019a…')
    .action(end);
}

async function add({ label, days, role, operator, json }: Order): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint, time } = await import('./print.ts');
  if (!(Number(days) > 0)) throw new Usage('--days: give a number of days, 366 at most');
  const order = { label, days: Number(days), role: role === undefined ? undefined : roleOf(role), operator };
  const made = await done(connect(process.env)['operator-tokens'].$post({ json: order }));
  if (json) return outJson(made);
  out(paint('bold', made.credential));
  out(`  ${made.id}, expires ${time(made.expiresAt)}; it is shown here and never again`);
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { outJson, plain, time } = await import('./print.ts');
  const { tokens } = await done(connect(process.env)['operator-tokens'].$get());
  if (json) return outJson(tokens);
  outTable(
    ['CREDENTIAL', 'OPERATOR', 'FOR', 'ROLE', 'LAST USED', 'STATE'],
    tokens.map((one) => [
      ...[one.id, plain(one.operator), plain(one.label), one.role ?? 'its operator’s'],
      one.lastUsedAt ? time(one.lastUsedAt) : '–',
      stateOf(one, time),
    ]),
    'No credentials.',
  );
}

function stateOf(
  { endedAt, expiresAt }: { endedAt: string | null; expiresAt: string | null },
  time: (iso: string) => string,
): string {
  if (endedAt) return `ended ${time(endedAt)}`;
  if (!expiresAt) return 'does not expire';
  return `${Date.parse(expiresAt) > Date.now() ? 'expires' : 'expired'} ${time(expiresAt)}`;
}

async function end(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const ended = await done(connect(process.env)['operator-tokens'][':id'].$delete({ param: { id } }));
  if (json) return outJson(ended);
  out(`Ended ${ended.id}: the next request with it is refused.`);
  if (id === 'data-directory') out('The next start of the gate writes a new one.');
}
