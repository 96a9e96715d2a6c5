/** `portcullis release`: what testers ask to show outside, the decision on it, and the links to what is released. */
import type { Command } from 'commander';

interface Json {
  readonly json?: boolean;
}
type Decision = 'approve' | 'reject' | 'withdraw';

const STATES = ['asked', 'approved', 'rejected', 'withdrawn'] as const;

export function addRelease(program: Command): void {
  const release = program.command('release').description('decide what may be shown outside, and share it');
  release
    .command('list')
    .description('list releases, the one that waits longest first')
    .option('--state <state>', `${STATES.join(', ')}, all`, 'asked')
    .option('--tester <id>', 'of this tester only')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis release list\n  portcullis release list --state approved --tester ada',
    )
    .action(list);
  release
    .command('show')
    .description('show a release: purpose, prompt where it was kept, what was said before')
    .argument('<id>', 'its number')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis release show 7')
    .action(show);
  const decisions = [
    ['approve', 'say yes; where two people must, it takes another one too', ''],
    ['reject', 'say no; the tester reads why', ' --reason "shows a face"'],
    ['withdraw', 'take an approval back: its links are dead at once', ' --reason "a complaint"'],
  ] as const;
  for (const [decision, description, more] of decisions)
    release
      .command(decision)
      .description(description)
      .argument('<id>', 'its number')
      .option('--reason <text>', decision === 'approve' ? 'for the record' : 'why; the tester reads it')
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  portcullis release ${decision} 7${more}`)
      .action((id: string, options) => decide(decision, id, options));
  release
    .command('link')
    .description('make a link to a released output: it works for whoever has it')
    .argument('<id>', "the release's number")
    .option('--days <n>', 'how long it works')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis release link 7 --days 14')
    .action(link);
  release
    .command('links')
    .description('list the links of a release, and how often each was followed')
    .argument('<id>', "the release's number")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis release links 7')
    .action(links);
  release
    .command('unlink')
    .description('revoke a link: it is dead at once, streams in flight included')
    .argument('<link>', "the link's id, as `release links` shows it")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis release unlink b9mZ1vXq3kW0aLr8uT2yGg')
    .action(unlink);
}

async function list({ json, state, tester }: Json & { state: string; tester?: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { Usage } = await import('./exit.ts');
  const { out, outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const known = STATES.find((one) => one === state);
  if (!known && state !== 'all') throw new Usage(`--state: use ${STATES.join(', ')} or all`);
  const query = { limit: '1000', ...(known ? { state: known } : {}), ...(tester ? { tester } : {}) };
  const told = await done(connect(process.env).releases.$get({ query }));
  if (json) return outJson(told.releases);
  outTable(
    ['RELEASE', 'STATE', 'APPROVALS', 'TESTER', 'OBJECT', 'PURPOSE', 'ASKED'],
    told.releases.map((one) => [
      ...[String(one.id), one.state, `${one.approvals}/${one.needed}`, plain(one.tester), plain(one.object)],
      ...[plain(one.purpose), time(one.at)],
    ]),
    'Nothing is waiting.',
  );
  if (told.next !== null) out('More follow: use --tester or --state.');
}

async function show(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint, plain, time } = await import('./print.ts');
  const told = await done(connect(process.env).releases[':id'].$get({ param: { id } }));
  if (json) return outJson(told);
  out(`release  ${told.id}  ${paint('bold', told.state)}, ${told.approvals} of ${told.needed} approvals`);
  out(
    `object   ${plain(told.object)} (${plain(told.model)}${told.seconds === null ? '' : `, ${told.seconds} s`})`,
  );
  out(`tester   ${plain(told.tester)}, cohort ${plain(told.cohort)}`);
  out(`asked    ${time(told.at)}`);
  out(`purpose  ${plain(told.purpose)}`);
  out(`place    ${plain(told.place)}`);
  out(`prompt   ${plain(told.prompt, 'not kept')}`);
  for (const one of told.outputs)
    out(`output   ${plain(one.variant)}  ${digits(one.bytes)} bytes  SHA-256 ${one.sha256}${c2pa(one.c2pa)}`);
  for (const one of told.votes)
    out(`${time(one.at)}  ${one.vote}, by ${plain(one.by)}: ${plain(one.reason)}`);
  for (const one of told.earlier) out(`earlier  ${one.id} ${one.state} ${time(one.stateAt)}`);
}

function c2pa(found: boolean | null): string {
  return found === null ? '' : found ? '  with a C2PA manifest' : '  without C2PA manifest';
}

async function decide(
  decision: Decision,
  id: string,
  { reason, json }: Json & { reason?: string },
): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { Usage } = await import('./exit.ts');
  const { out, outJson } = await import('./print.ts');
  if (decision !== 'approve' && !reason) throw new Usage('--reason: say why; the tester reads it.');
  const order = { decision, ...(reason ? { reason } : {}) };
  const told = await done(
    connect(process.env).releases[':id'].decision.$post({ param: { id }, json: order }),
  );
  if (json) return outJson(told);
  const waits = told.state === 'asked' ? `; it needs ${told.needed - told.approvals} more approval` : '';
  out(`Release ${told.id} is ${told.state}${waits}.`);
}

async function link(id: string, { days, json }: Json & { days?: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { Usage } = await import('./exit.ts');
  const { out, outJson, time } = await import('./print.ts');
  if (days !== undefined && !/^\d{1,4}(?:\.\d+)?$/.test(days))
    throw new Usage('--days: use a number of days.');
  const order = days === undefined ? {} : { days: Number(days) };
  const made = await done(connect(process.env).releases[':id'].links.$post({ param: { id }, json: order }));
  if (json) return outJson(made);
  out(made.url);
  out(`Works until ${time(made.expiresAt)}. Revoke it: portcullis release unlink ${made.id}`);
  if (made.url.startsWith('/')) out('Put the address of the gateway before it, or set "publicUrl".');
}

async function links(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, outJson, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const told = await done(connect(process.env).releases[':id'].links.$get({ param: { id } }));
  if (json) return outJson(told.links);
  outTable(
    ['LINK', 'MADE', 'BY', 'UNTIL', 'FETCHES', 'LAST'],
    told.links.map((one) => [
      ...[
        one.id,
        time(one.at),
        plain(one.by),
        one.revokedAt ? `revoked ${time(one.revokedAt)}` : time(one.expiresAt),
      ],
      ...[digits(one.fetches), one.lastAt ? time(one.lastAt) : '–'],
    ]),
    'No links yet: portcullis release link ID',
  );
}

async function unlink(id: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const told = await done(connect(process.env).links[':id'].revoke.$post({ param: { id } }));
  if (json) return outJson(told);
  out(`The link ${told.id} leads nowhere any more; it was followed ${told.fetches} times.`);
}
