/**
 * What a proposed policy would have decided of the calls in the log. It touches nothing, reads a page at a time, and guesses
 * nothing: a call whose decision hangs on what the log does not hold is counted as not judged, with the reason.
 */
import { eq } from 'drizzle-orm';
import { askedOf, type Seen } from '../admission/asked.ts';
import { isModerated } from '../admission/moderated.ts';
import { type Objects, objectsIn } from '../admission/objects.ts';
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { ROUTES } from '../gateway/routes.ts';
import { iso } from '../iso.ts';
import { type Asked, NotKept } from '../policy/environment.ts';
import { judge } from '../policy/judge.ts';
import type { Policy } from '../policy/policy.ts';
import { testers } from '../store/schema.ts';
import { turn } from '../turn.ts';
import { type Changed, type Row, type Ruling, type Span, Tally } from './replay-tally.ts';

export type ReplayLine =
  | { readonly progress: { readonly calls: number; readonly at: string } }
  | { readonly call: Changed }
  | { readonly done: ReturnType<Tally['summary']> };

const ROWS_AT_ONCE = 1_000;
const COLUMNS =
  'id, at, tester, cohort, operation, model, seconds, size, n, address, decision, outcome, rule, objects';
/** As many ids as a row keeps: there may have been more. */
const MOST_OBJECTS = 64;

export async function* replay(control: Control, policy: Policy, span: Span): AsyncGenerator<ReplayLine> {
  const tally = new Tally(span);
  const judgeRow = judgeOf(control, policy);
  let after = '';
  for (;;) {
    const rows = control.log.find.page({ filters: {}, ...span, after }, ROWS_AT_ONCE, COLUMNS);
    for (const row of rows) {
      // Drills of the gate's own are judged by rules of their own, whatever the policy says.
      if (row.cohort === DRILL) continue;
      const changed = tally.add(row, judgeRow);
      if (changed) yield { call: changed };
    }
    const last = rows.at(-1);
    if (!last || rows.length < ROWS_AT_ONCE) break;
    after = String(last.id);
    yield { progress: { calls: tally.calls, at: iso(Number(last.at)) } };
    await turn();
  }
  yield { done: tally.summary() };
}

interface Sources {
  readonly control: Control;
  readonly objects: Objects;
  /** Unix milliseconds; null: it is not known. */
  readonly joined: (tester: string) => number | null;
  readonly namesOf: (row: Row) => Seen['named'];
}

function judgeOf(control: Control, policy: Policy): (row: Row) => Ruling {
  const sources = {
    ...{ control, objects: objectsIn(control.reader) },
    ...{ joined: joinedIn(control), namesOf: namesIn(control) },
  };
  return (row) => {
    const grant = policy.cohort(row.cohort);
    if (!grant) return { becomes: 'refused', rules: ['cohort_unknown'], shadow: [], unknown: [] };
    const verdict = judge(grant, askedIn(row, sources));
    const { shadow } = verdict;
    if (!verdict.allow) {
      const names = verdict.rules.map(({ name }) => name);
      return { becomes: 'refused', rules: names.length > 0 ? names : [verdict.code], shadow, unknown: [] };
    }
    const moderation = isModerated(grant, row.operation)
      ? [{ rule: 'moderation', needs: 'what the moderation service would say' }]
      : [];
    const unknown = [...verdict.unknown, ...moderation];
    return { becomes: unknown.length > 0 ? null : 'allowed', rules: [], shadow, unknown };
  };
}

function askedIn(row: Row, sources: Sources): Asked {
  const { objects, joined } = sources;
  const call = seenIn(row, sources);
  const source = call.clip !== null && call.named.length > 0 ? objects.source(call.named, row.tester) : null;
  const { tester: id, cohort, at, address } = row;
  const asker = {
    ...{ id, cohort },
    get terms(): number {
      throw new NotKept('which terms the tester had accepted by then');
    },
    get joined(): number {
      const since = joined(id);
      if (since === null) throw new NotKept('when the tester was added');
      return since;
    },
  };
  const usage = () => {
    throw new NotKept('what the tester had used by then');
  };
  return askedOf(call, { asker, source, address, at, usage });
}

function seenIn(row: Row, { control, namesOf }: Sources): Seen {
  const route = ROUTES.find(({ operation }) => operation === row.operation);
  const { operation, model, seconds, size, n } = row;
  return {
    ...{ operation, model, seconds, size, n },
    takesModel: route?.model !== undefined || model !== null,
    clip: route?.units?.includes('videoSeconds') ? (route.derives ?? 'new') : null,
    socket: route?.socket ?? false,
    named: namesOf(row),
    words: () => ({
      get text(): string | null {
        const kept = control.log.capture(row.id);
        if (kept?.part === 'prompt' && kept.text !== null) return kept.text;
        throw new NotKept('the words of the call (`capture: prompt` keeps them)');
      },
      isWhole: true,
      get hasFile(): boolean {
        throw new NotKept('whether the call brought a file');
      },
    }),
  };
}

/** Ids that a call named: those that it made stand in its row too. */
function namesIn({ reader }: Control): (row: Row) => Seen['named'] {
  const made = reader.$client.prepare<[string], { request: string | null }>(
    'select request from objects where id = ?',
  );
  return ({ id, objects }) => {
    if (objects === null) return [];
    const ids = JSON.parse(objects) as string[];
    if (ids.length >= MOST_OBJECTS) throw new NotKept('all the objects that the call named');
    return ids.filter((one) => made.get(one)?.request !== id).map((one) => ({ id: one, param: '' }));
  };
}

function joinedIn({ reader }: Control): (tester: string) => number | null {
  const known = new Map<string, number | null>();
  return (id) => {
    if (!known.has(id)) {
      const row = reader.select({ at: testers.createdAt }).from(testers).where(eq(testers.id, id)).get();
      known.set(id, row?.at ?? null);
    }
    return known.get(id) ?? null;
  };
}
