/** Rows of operators: reading them, changing what they may, and ending all that they sign in with. */
import { and, asc, eq, isNull, ne } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { operators, operatorTokens, passkeys, sessions, signInLinks } from '../store/schema.ts';
import type { Role } from '../store/states.ts';
import { recordAct } from './acts.ts';
import { Problem } from './problem.ts';

const RESERVED = /^(?:setup|schedule|recovered|sqlite|portcullis|console|signal|cli|file)(?:$|[:.@_-])/i;

/** Acts bear these names when nobody of the operators did them. */
export const isReservedName = (name: string): boolean => RESERVED.test(name);

const COUNTS = `
  (select count(*) from passkeys where operator = o.name) as passkeys,
  (select count(*) from operator_tokens where operator = o.name and ended_at is null
    and (expires_at is null or expires_at > @now)) as tokens,
  (select count(*) from sessions where operator = o.name and ended_at is null and expires_at > @now) as sessions`;

interface Row {
  readonly name: string;
  readonly role: Role;
  readonly subject: string | null;
  readonly created_at: number;
  readonly removed_at: number | null;
  readonly passkeys: number;
  readonly tokens: number;
  readonly sessions: number;
}

export function readOperators({ reader, now }: Control) {
  const all = reader.$client.prepare<[object], Row>(
    `select o.*, ${COUNTS} from operators o order by removed_at is not null, name limit 1000`,
  );
  return all
    .all({ now: now() })
    .map(({ name, role, subject, created_at, removed_at, passkeys, tokens, sessions }) => ({
      ...{ name, role, passkeys, tokens, sessions },
      outside: subject !== null,
      createdAt: iso(created_at),
      removedAt: isoOrNull(removed_at),
    }));
}

export function operatorUnknown(name: string): Problem {
  return new Problem(
    'operator_unknown',
    `No operator "${name}" can be changed here: see GET /admin/operators.`,
  );
}

export async function addOperator(
  control: Control,
  { name, role }: { readonly name: string; readonly role: Role },
  actor: Actor,
) {
  if (isReservedName(name)) throw new Problem('operator_exists', `"${name}" is a name of the gate's own.`);
  const isAdded = await control.write(() => {
    const { changes } = control.writer.insert(operators).values({ name, role }).onConflictDoNothing().run();
    if (changes > 0) recordAct(control, actor, 'operator.add', `operator:${name}`, role);
    return changes > 0;
  });
  if (!isAdded)
    throw new Problem('operator_exists', `"${name}" is or was an operator; a name is never given twice.`);
  return operatorOf(control, name);
}

export async function changeRole(
  control: Control,
  name: string,
  { role, reason }: { readonly role: Role; readonly reason: string },
  actor: Actor,
) {
  if (control.reader.select().from(operators).where(eq(operators.name, name)).get()?.subject)
    throw new Problem(
      'request_invalid',
      'role: the OpenID provider says it at each sign-in; change it there.',
    );
  await change(control, name, role === 'admin', () => {
    control.writer.update(operators).set({ role }).where(eq(operators.name, name)).run();
    recordAct(control, actor, 'operator.role', `operator:${name} ${role}`, reason);
  });
  return operatorOf(control, name);
}

export async function remove(control: Control, name: string, reason: string, actor: Actor) {
  await change(control, name, false, () => {
    endAll(control, name);
    const removedAt = control.now();
    control.writer.update(operators).set({ removedAt }).where(eq(operators.name, name)).run();
    recordAct(control, actor, 'operator.remove', `operator:${name}`, reason);
  });
  return operatorOf(control, name);
}

export async function signOut(control: Control, name: string, reason: string, actor: Actor) {
  const ended = await control.write(() => {
    if (!known(control, name)) return null;
    recordAct(control, actor, 'operator.sign-out', `operator:${name}`, reason);
    return endAll(control, name);
  });
  if (!ended) throw operatorUnknown(name);
  return ended;
}

/** @throws Problem `operator_unknown`, `last_admin` */
async function change(control: Control, name: string, staysAdmin: boolean, act: () => void): Promise<void> {
  const outcome = await control.write(() => {
    const row = known(control, name);
    if (!row) return 'unknown';
    if (row.role === 'admin' && !staysAdmin && !hasAnotherAdmin(control, name)) return 'last';
    act();
    return 'done';
  });
  if (outcome === 'unknown') throw operatorUnknown(name);
  if (outcome === 'last')
    throw new Problem('last_admin', `"${name}" is the last admin: make somebody else one first.`);
}

/** Runs inside a writer's job. */
function known({ writer }: Control, name: string) {
  const isKnown = and(eq(operators.name, name), isNull(operators.removedAt));
  return writer.select().from(operators).where(isKnown).get();
}

/** One whom the OpenID provider makes an admin counts for nothing: the provider may be away, or change its mind. */
function hasAnotherAdmin({ writer }: Control, name: string): boolean {
  const isOne = and(
    eq(operators.role, 'admin'),
    isNull(operators.removedAt),
    isNull(operators.subject),
    ne(operators.name, name),
  );
  return (
    writer.select().from(operators).where(isOne).orderBy(asc(operators.name)).limit(1).get() !== undefined
  );
}

/** Runs inside a writer's job. The credential of the data directory stays: it belongs to the machine. */
function endAll({ writer, now }: Control, operator: string) {
  const endedAt = now();
  const isOpen = and(eq(sessions.operator, operator), isNull(sessions.endedAt));
  const isGood = and(
    eq(operatorTokens.operator, operator),
    isNull(operatorTokens.endedAt),
    ne(operatorTokens.id, MACHINE_TOKEN),
  );
  writer.delete(signInLinks).where(eq(signInLinks.operator, operator)).run();
  return {
    sessions: writer.update(sessions).set({ endedAt }).where(isOpen).run().changes,
    tokens: writer.update(operatorTokens).set({ endedAt }).where(isGood).run().changes,
    passkeys: writer.delete(passkeys).where(eq(passkeys.operator, operator)).run().changes,
  };
}

/** Id of the credential in the data directory. */
export const MACHINE_TOKEN = 'data-directory';

function operatorOf(control: Control, name: string) {
  const row = readOperators(control).find((one) => one.name === name);
  if (!row) throw operatorUnknown(name);
  return row;
}
