/** `portcullis token`: issuing, listing, renewing and revoking access tokens. */
import { type Command, InvalidArgumentError } from 'commander';

interface Json {
  readonly json?: boolean;
}

interface Renewal extends Json {
  readonly days?: number;
  readonly revokeOld?: boolean;
}

interface Issued {
  readonly token: string;
  readonly jti: string;
  readonly tester: string;
  readonly expiresAt: string;
}

/** Tokens that end within this stand out in the list. */
const SOON_MS = 7 * 86_400_000;

export function addToken(program: Command): void {
  const token = program.command('token').description('issue, list, renew and revoke access tokens');
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
    .command('renew')
    .description('issue a new access token in the place of one; it is shown this once')
    .argument('<jti>', 'the id of the token; it may have expired')
    .option('--days <n>', 'lifetime in days', parseDays)
    .option('--revoke-old', 'revoke the old token; without this it stays as it is')
    .option('--json', 'print {"token","jti","tester","expiresAt"}')
    .addHelpText('after', '\nExample:\n  portcullis token renew 0197… --days 14 --revoke-old')
    .action(renew);
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
  const issued = await done(connect(process.env).tokens.$post({ json: { tester, lifetimeDays: days } }));
  await printIssued(issued, json);
}

async function renew(jti: string, { json, days, revokeOld }: Renewal): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out } = await import('./print.ts');
  const order = { lifetimeDays: days, revokeOld: revokeOld ?? false };
  const call = connect(process.env).tokens[':jti'].renew.$post({ param: { jti }, json: order });
  await printIssued(await done(call), json);
  if (!json) out(revokeOld ? `The old one, ${jti}, is revoked.` : `The old one, ${jti}, is as it was.`);
}

async function printIssued({ token, jti, tester, expiresAt }: Issued, json?: boolean): Promise<void> {
  const { out, outJson, time } = await import('./print.ts');
  if (json) return outJson({ token, jti, tester, expiresAt });
  out(token);
  out('');
  out(`tester   ${tester}`);
  out(`jti      ${jti}`);
  out(`expires  ${time(expiresAt)}`);
  out('The token is not kept here: hand it over now.');
}

async function list(tester: string | undefined, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { outJson, paint, relative, second, time } = await import('./print.ts');
  const { readPages } = await import('./pages.ts');
  const { rows: tokens } = await readPages(async (page) => {
    const query = { tester, ...page };
    const { tokens: rows, next } = await done(connect(process.env).tokens.$get({ query }));
    return { rows, next };
  });
  if (json) return outJson(tokens);
  const expiry = (iso: string) => {
    const left = Date.parse(iso) - Date.now();
    return `${left > 0 && left < SOON_MS ? paint('yellow', relative(left)) : relative(left)}, ${second(iso)}`;
  };
  outTable(
    ['JTI', 'TESTER', 'STATE', 'ISSUED', 'EXPIRES', 'LAST USED'],
    tokens.map((one) => [
      one.jti,
      one.tester,
      paint(one.state === 'valid' ? 'green' : 'red', one.state),
      time(one.issuedAt),
      expiry(one.expiresAt),
      one.lastUsedAt ? time(one.lastUsedAt) : 'never',
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
  out(`${paint(['bold', 'red'], 'REVOKED')}  token ${jti}; ${digits(stopped.cut)} calls of it were cut.`);
}
