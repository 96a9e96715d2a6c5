/** Testers from a CSV file: all of them, or none and every line at fault by its number. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { eq } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { isReserved } from '../gateway/drill.ts';
import { cohorts, testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED } from './answer.ts';
import { type CsvRow, readCsv } from './csv.ts';
import { Problem } from './problem.ts';
import { NewTester } from './testers.ts';

const COLUMNS = ['id', 'cohort', 'name', 'email'];
const MOST_FAULTS = 50;

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
    const { all, faults } = read(control, readCsv(csv, COLUMNS, ['id', 'cohort']));
    if (faults.length > 0) throw atFault(faults);
    const ids = all.map(({ id }) => id);
    if (dryRun) return c.json({ count: ids.length, testers: ids, done: false }, 200);
    const added = await control.write(() => {
      const { writer, now } = control;
      const taken = ids.filter((id) => writer.select().from(testers).where(eq(testers.id, id)).get());
      if (taken.length > 0)
        return new Problem('tester_exists', `They exist already: ${taken.slice(0, 5).join(', ')}.`);
      for (const { id, cohort, name, email } of all) {
        writer.insert(testers).values({ id, cohort, name, email, createdAt: now() }).run();
        recordAct(control, c.var.actor, 'tester.create', `tester:${id}`, 'from a CSV file');
      }
      return null;
    });
    if (added instanceof Problem) throw added;
    return c.json({ count: ids.length, testers: ids, done: true }, 200);
  });
}

interface Fault {
  readonly field: string;
  readonly message: string;
}

function read({ reader }: Control, rows: readonly CsvRow[]): { all: Tester[]; faults: Fault[] } {
  const [all, faults]: [Tester[], Fault[]] = [[], []];
  const seen = new Map<string, number>();
  const known = new Set(
    reader
      .select({ name: cohorts.name })
      .from(cohorts)
      .all()
      .map(({ name }) => name),
  );
  for (const { line, cells } of rows) {
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
      if (reader.select().from(testers).where(eq(testers.id, id)).get()) at('id', `"${id}" exists already`);
      if (isReserved(cohort) || !known.has(cohort)) at('cohort', `there is no cohort "${cohort}"`);
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
