/** `portcullis token`: issuing, listing and revoking access tokens. */
import { type Command, InvalidArgumentError } from 'commander';

interface Json {
  readonly json?: boolean;
}

export function addToken(program: Command): void {
  const token = program.command('token').description('issue, list and revoke access tokens');
  token
    .command('issue')
    .description('issue an access token; it is shown this once')
    .argument('<tester>', 'the tester')
    .option('--days <n>', 'lifetime in days', parseDays)
    .option('--json', 'print {"token","jti","tester","expiresAt"}')
    .addHelpText(
      'after',
      '\nExample:\n  export OPENAI_API_KEY=$(portcullis token issue ada --json | jq -r .token)',
    )
    .action(issue);
  token
    .command('list')
    .description('list access tokens, the newest first')
    .argument('[tester]', 'of this tester only')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis token list ada')
    .action(list);
  token
    .command('revoke')
    .description('revoke one access token, for good')
    .argument('<jti>', 'the id of the token')
    .option('--reason <text>', 'why; shown to the tester')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis token revoke 0197… --reason "leaked in a screenshot"')
    .action(revoke);
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!(days > 0)) throw new InvalidArgumentError('Use a number of days above 0.');
  return days;
}

async function issue(tester: string, { json, days }: Json & { days?: number }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, time } = await import('./print.ts');
  const issued = await done(connect(process.env).tokens.$post({ json: { tester, lifetimeDays: days } }));
  const { token, jti, expiresAt } = issued;
  if (json) return outJson({ token, jti, tester: issued.tester, expiresAt });
  out(token);
  out('');
  out(`tester   ${issued.tester}`);
  out(`jti      ${jti}`);
  out(`expires  ${time(expiresAt)}`);
  out('The token is not kept here: hand it over now.');
}

async function list(tester: string | undefined, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { outJson, paint, time } = await import('./print.ts');
  const { tokens } = await done(connect(process.env).tokens.$get({ query: { tester } }));
  if (json) return outJson(tokens);
  outTable(
    ['JTI', 'TESTER', 'STATE', 'ISSUED', 'EXPIRES'],
    tokens.map((one) => [
      one.jti,
      one.tester,
      paint(one.state === 'valid' ? 'green' : 'red', one.state),
      time(one.issuedAt),
      time(one.expiresAt),
    ]),
    'No access tokens yet: portcullis token issue TESTER',
  );
}

async function revoke(jti: string, { json, reason }: Json & { reason?: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint } = await import('./print.ts');
  const call = connect(process.env).tokens[':jti'].revoke.$post({ param: { jti }, json: { reason } });
  const stopped = await done(call);
  if (json) return outJson(stopped);
  const cut = stopped.nodes.reduce((sum, node) => sum + node.callsRefusedInFlight + node.streamsCut, 0);
  out(`${paint(['bold', 'red'], 'REVOKED')}  token ${jti}; ${digits(cut)} calls of it were cut.`);
}
