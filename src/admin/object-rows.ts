/** Objects in the store: reading them, and handing them over together with the act that tells of it. */
import { and, asc, desc, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { objects, testers } from '../store/schema.ts';
import { recordAct } from './acts.ts';
import { pageOf } from './page.ts';
import { type Problem, testerUnknown } from './problem.ts';

interface Order {
  readonly to: string;
  readonly reason: string | null;
  readonly actor: Actor;
}

interface Given {
  readonly to: string;
  readonly moved: number;
  readonly entered: number;
}

/** Ids that an operator entered, of which only the operator knows what they are. */
const ENTERED = 'entered';

export function readObjects(
  { reader }: Control,
  query: {
    readonly tester?: string | undefined;
    readonly kind?: string | undefined;
    readonly order: 'id' | 'newest';
    readonly after?: string | undefined;
    readonly limit: number;
  },
) {
  const conditions: SQL[] = [];
  if (query.tester !== undefined) conditions.push(eq(objects.tester, query.tester));
  if (query.kind !== undefined) conditions.push(eq(objects.kind, query.kind));
  const isNewest = query.order === 'newest';
  if (query.after !== undefined)
    conditions.push(
      isNewest
        ? sql`(${objects.at}, ${objects.id}) < (select at, id from objects where id = ${query.after})`
        : gt(objects.id, query.after),
    );
  const rows = reader
    .select()
    .from(objects)
    .where(and(...conditions));
  const found = rows
    .orderBy(...(isNewest ? [desc(objects.at), desc(objects.id)] : [asc(objects.id)]))
    .limit(query.limit + 1)
    .all();
  const { page, next } = pageOf(found, query.limit, ({ id }) => id);
  return { objects: page.map(objectBody), next };
}

export function readObject({ reader }: Control, id: string) {
  const row = reader.select().from(objects).where(eq(objects.id, id)).get();
  return row && objectBody(row);
}

function objectBody({ id, tester, kind, request, at, seconds, deletedAt }: typeof objects.$inferSelect) {
  return { id, tester, kind, request, at: iso(at), seconds, deletedAt: isoOrNull(deletedAt) };
}

/** Ids that the gate has not seen are entered: objects that were made before it stood there. */
export function giveThese(control: Control, ids: readonly string[], order: Order): Promise<Given> {
  return give(control, order, () => {
    let moved = 0;
    for (const id of new Set(ids)) {
      const { to: tester } = order;
      const known = control.writer.select().from(objects).where(eq(objects.id, id)).get();
      if (known) {
        control.writer.update(objects).set({ tester }).where(eq(objects.id, id)).run();
        moved++;
      } else control.writer.insert(objects).values({ id, tester, kind: ENTERED, at: control.now() }).run();
      record(control, order, `object:${id}`, known?.tester ?? 'nobody');
    }
    return { moved, entered: new Set(ids).size - moved };
  });
}

export function giveAll(control: Control, from: string, order: Order): Promise<Given> {
  return give(control, order, () => {
    if (!exists(control, from)) return testerUnknown(from);
    const set = { tester: order.to };
    const { changes } = control.writer.update(objects).set(set).where(eq(objects.tester, from)).run();
    record(control, order, `objects of tester:${from} (${changes})`, from);
    return { moved: changes, entered: 0 };
  });
}

async function give(control: Control, order: Order, job: () => Omit<Given, 'to'> | Problem): Promise<Given> {
  const given = await control.write(() => (exists(control, order.to) ? job() : testerUnknown(order.to)));
  if (given instanceof Error) throw given;
  return { to: order.to, ...given };
}

function record(control: Control, { to, reason, actor }: Order, subject: string, from: string): void {
  recordAct(control, actor, 'object.give', subject, `${from} → ${to}${reason ? `: ${reason}` : ''}`);
}

function exists({ writer }: Control, id: string): boolean {
  return writer.select({ id: testers.id }).from(testers).where(eq(testers.id, id)).get() !== undefined;
}
