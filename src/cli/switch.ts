/** `portcullis switch`: what is stopped, whom a stop lets through, and the jobs that it cancels. */
import { type Command, InvalidArgumentError } from 'commander';

interface Options {
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addSwitch(program: Command): void {
  program
    .command('switch')
    .description('show the engaged switches, or one with all that belongs to it')
    .argument('[id]', 'the number of the switch', parseId)
    .option('--all', 'released ones too')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis switch 7')
    .action((id: string | undefined, options: Options) =>
      id === undefined ? list(options) : show(id, options),
    );
}

function parseId(text: string): string {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Use the number of a switch.');
  return text;
}

async function list({ all, json }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, paint, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const { readPages } = await import('./pages.ts');
  const { rows: switches } = await readPages(async (page) => {
    const query = { engaged: all ? undefined : ('true' as const), ...page };
    const { switches: rows, next } = await done(connect(process.env).switches.$get({ query }));
    return { rows, next };
  });
  if (json) return outJson(switches);
  outTable(
    ['SWITCH', 'SCOPE', 'EFFECT', 'ENGAGED', 'BY', 'WHY'],
    switches.map((one) => [
      String(one.id),
      plain(one.scope),
      one.releasedAt ? paint('dim', 'released') : paint('red', one.effect),
      time(one.engagedAt),
      plain(one.engagedBy),
      plain(one.reason ?? one.note),
    ]),
    'No switch is engaged.',
  );
}

async function show(id: string, { json }: Options): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, plain, time } = await import('./print.ts');
  const one = await done(connect(process.env).switches[':id'].$get({ param: { id } }));
  if (json) return outJson(one);
  out(`switch     ${one.id}, ${one.effect} of ${plain(one.scope)}`);
  out(`engaged    ${time(one.engagedAt)} by ${plain(one.engagedBy)}`);
  out(`reason     ${plain(one.reason)}`);
  out(`note       ${plain(one.note)}`);
  if (one.until) out(`until      ${time(one.until)}`);
  if (one.releasedAt)
    out(`released   ${time(one.releasedAt)} by ${plain(one.releasedBy)}: ${plain(one.releaseReason)}`);
  for (const { scope, at, by, reason } of one.readmitted)
    out(`lets in    ${plain(scope)}, ${time(at)} by ${plain(by)}: ${plain(reason)}`);
  const { waiting, cancelled, failed } = one.jobs;
  if (one.cancelsUpstream)
    out(
      `jobs       ${digits(cancelled)} deleted at upstream, ${digits(waiting)} to go, ${digits(failed.length)} failed`,
    );
  for (const { object, upstreamStatus } of failed)
    out(`           ${plain(object)}: upstream answered ${upstreamStatus ?? 'nothing'}`);
}
