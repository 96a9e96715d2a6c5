/** Testers from a CSV file: all of them, or none and every line at fault by its number. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { sql } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { isReserved } from '../gateway/drill.ts';
import type { Db } from '../store/db.node.ts';
import { cohorts, testers } from '../store/schema.ts';
import { turn } from '../turn.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED } from './answer.ts';
import { type CsvRow, readCsv } from './csv.ts';
import { Problem } from './problem.ts';
import { NewTester } from './testers.ts';

const COLUMNS = ['id', 'cohort', 'name', 'email'];
const MOST_FAULTS = 50;
const ROWS_A_TURN = 250;

const p = sql.placeholder;

const Imported = z
  .object({ count: z.number().int(), testers: z.array(z.string()), done: z.boolean() })
  .openapi('Imported');

const route = createRoute({
  method: 'post',
  path: '/admin/testers/import',
  tags: ['testers'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        csv: z
          .string()
          .openapi({ example: 'id,cohort,name,email\nada,artists,Ada Lovelace,ada@example.com\n' }),
        dryRun: z.boolean().default(false),
      }),
    ),
  },
  responses: answers(Imported, 'Who was added, or with dryRun would be'),
});

type Tester = z.output<typeof NewTester>;

export function importRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(route, async (c) => {
    const { csv, dryRun } = c.req.valid('json');
    const { all, faults } = await read(control, readCsv(csv, COLUMNS, ['id', 'cohort']));
    if (faults.length > 0) throw atFault(faults);
    const ids = all.map(({ id }) => id);
    if (dryRun) return c.json({ count: ids.length, testers: ids, done: false }, 200);
    const added = await control.write(() => {
      const taken = known(control.writer, ids);
      if (taken.size > 0)
        return new Problem('tester_exists', `They exist already: ${[...taken].slice(0, 5).join(', ')}.`);
      addAll(control, all, c.var.actor);
      return null;
    });
    if (added instanceof Problem) throw added;
    return c.json({ count: ids.length, testers: ids, done: true }, 200);
  });
}

/** Runs inside a writer's job, and everything waits for it: the statement is made once. */
function addAll(control: Control, all: readonly Tester[], actor: Actor): void {
  const [id, cohort, name, email] = [p('id'), p('cohort'), p('name'), p('email')];
  const row = { id, cohort, name, email, createdAt: control.now() };
  const insert = control.writer.insert(testers).values(row).prepare();
  for (const { id, cohort, name = null, email = null } of all) {
    insert.run({ id, cohort, name, email });
    recordAct(control, actor, 'tester.create', `tester:${id}`, 'from a CSV file');
  }
}

/** Those of the ids that are testers' already. */
function known({ $client: db }: Db, ids: readonly string[]): ReadonlySet<string> {
  const rows = db.prepare<[string], { id: string }>(
    'select id from testers where id in (select value from json_each(?))',
  );
  return new Set(rows.all(JSON.stringify(ids)).map(({ id }) => id));
}

interface Fault {
  readonly field: string;
  readonly message: string;
}

async function read(
  { reader }: Control,
  rows: readonly CsvRow[],
): Promise<{ all: Tester[]; faults: Fault[] }> {
  const [all, faults]: [Tester[], Fault[]] = [[], []];
  const seen = new Map<string, number>();
  const taken = known(
    reader,
    rows.map(({ cells }) => cells.id ?? ''),
  );
  const names = new Set(
    reader
      .select({ name: cohorts.name })
      .from(cohorts)
      .all()
      .map(({ name }) => name),
  );
  for (const [i, { line, cells }] of rows.entries()) {
    if (i % ROWS_A_TURN === 0) await turn();
    const at = (column: string, message: string) =>
      faults.push({ field: `line ${line}, ${column}`, message });
    const given = Object.fromEntries(Object.entries(cells).filter(([, value]) => value !== ''));
    const parsed = NewTester.safeParse(given);
    if (!parsed.success)
      for (const { path, message } of parsed.error.issues) at(path.join('.') || 'row', message);
    else {
      const { id, cohort } = parsed.data;
      if (isReserved(id)) at('id', `"${id}" is the gate's own; use another one`);
      if (seen.has(id)) at('id', `"${id}" stands in line ${seen.get(id)} too`);
      if (taken.has(id)) at('id', `"${id}" exists already`);
      if (isReserved(cohort) || !names.has(cohort)) at('cohort', `there is no cohort "${cohort}"`);
      seen.set(id, line);
      all.push(parsed.data);
    }
  }
  return { all, faults };
}

function atFault(faults: readonly Fault[]): Problem {
  const shown = faults.slice(0, MOST_FAULTS);
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : '';
  const text = shown.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new Problem('request_invalid', `Nobody was added. ${text}${more}.`, shown);
}
