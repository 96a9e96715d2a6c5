/** `portcullis operator`: who may act on the gate, and what they sign in with. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';
import { addOperatorToken } from './operator-token.ts';
import { ROLE_HELP, roleOf } from './role-argument.ts';

interface Json {
  readonly json?: boolean;
}

interface Why extends Json {
  readonly reason: string;
}

export function addOperator(program: Command): void {
  const operator = program.command('operator').description('who may act on the gate');
  operator
    .command('list')
    .description('list operators')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator list')
    .action(list);
  operator
    .command('add')
    .description('add an operator, and print a link to sign in with')
    .argument('<name>', 'the name that acts will bear')
    .requiredOption('--role <role>', ROLE_HELP)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator add maria --role operator')
    .action(add);
  operator
    .command('link')
    .description('print a link to sign in to the console with, good once')
    .argument('[name]', 'the operator', 'operator')
    .option('--hours <n>', 'how long it is good, 72 at most', '1')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator link maria --hours 24')
    .action(link);
  operator
    .command('role')
    .description('give an operator another role, from the next request on')
    .argument('<name>', 'the operator')
    .argument('<role>', ROLE_HELP)
    .requiredOption('--reason <text>', 'why')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis operator role maria auditor --reason "moved to audit"')
    .action(role);
  for (const [name, description, act] of [
    ['sign-out', 'end all that an operator is signed in with, passkeys and credentials included', signOut],
    ['remove', 'remove an operator for good', remove],
  ] as const)
    operator
      .command(name)
      .description(description)
      .argument('<name>', 'the operator')
      .requiredOption('--reason <text>', 'why')
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  portcullis operator ${name} maria --reason "lost a laptop"`)
      .action(act);
  addOperatorToken(operator);
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outTable } = await import('./table.ts');
  const { digits, outJson, plain, time } = await import('./print.ts');
  const { operators } = await done(connect(process.env).operators.$get());
  if (json) return outJson(operators);
  outTable(
    ['OPERATOR', 'ROLE', 'SESSIONS', 'CREDENTIALS', 'PASSKEYS', 'ADDED'],
    operators.map((one) => [
      plain(one.name) + (one.outside ? ' (OpenID)' : ''),
      one.removedAt ? `removed ${time(one.removedAt)}` : one.role,
      ...[one.sessions, one.tokens, one.passkeys].map(digits),
      time(one.createdAt),
    ]),
    'No operators: start the gate once.',
  );
}

async function add(name: string, options: Json & { role: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const role = roleOf(options.role);
  const added = await done(connect(process.env).operators.$post({ json: { name, role } }));
  if (!options.json) {
    const { out, plain } = await import('./print.ts');
    out(`Added ${plain(added.name)} as ${added.role}.`);
  }
  await link(name, { hours: '24', json: options.json });
}

async function link(name: string, { hours, json }: Json & { hours: string }): Promise<void> {
  const { connect, controlUrl, done } = await import('./connection.ts');
  const { out, outJson, paint, time } = await import('./print.ts');
  if (!(Number(hours) > 0)) throw new Usage('--hours: give a number of hours, 72 at most');
  const { links } = connect(process.env).operators[':name'];
  const made = await done(links.$post({ param: { name }, json: { hours: Number(hours) } }));
  // Browsers make passkeys for names.
  const base = controlUrl(process.env).replace(/\/\/(?:127\.0\.0\.1|\[::1\])(?=[:/]|$)/, '//localhost');
  if (json) return outJson({ url: `${base}${made.path}`, expiresAt: made.expiresAt });
  out(paint('bold', `${base}${made.path}`));
  out(`  good once, ${time(made.expiresAt)}; it is shown here and never again`);
}

async function role(name: string, typed: string, { reason, json }: Why): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain } = await import('./print.ts');
  const operator = connect(process.env).operators[':name'];
  const changed = await done(operator.$patch({ param: { name }, json: { role: roleOf(typed), reason } }));
  if (json) return outJson(changed);
  out(`${plain(changed.name)} is ${changed.role} now, in open sessions too.`);
}

async function signOut(name: string, { reason, json }: Why): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain, plural } = await import('./print.ts');
  const operator = connect(process.env).operators[':name'];
  const ended = await done(operator['sign-out'].$post({ param: { name }, json: { reason } }));
  if (json) return outJson(ended);
  out(`${plain(name)} is signed out.`);
  out(
    `  ended  ${plural(ended.sessions, 'session')}, ${plural(ended.tokens, 'credential')}, ${plural(ended.passkeys, 'passkey')}`,
  );
}

async function remove(name: string, { reason, json }: Why): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plain } = await import('./print.ts');
  const operator = connect(process.env).operators[':name'];
  const removed = await done(operator.remove.$post({ param: { name }, json: { reason } }));
  if (json) return outJson(removed);
  out(`${plain(removed.name)} is removed, with all that they signed in with.`);
}
