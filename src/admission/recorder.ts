/** Writes down what was decided on a call: its row with the log's entry, its texts, and what operators should know. All of it runs inside a writer's job. */
import type { AlertEvent } from '../alerts/events.ts';
import type { Clock } from '../deps.ts';
import type { Captures } from '../log/captures.ts';
import { type Admitted, repeatedEntry, requestEntry } from '../log/entry.ts';
import { timeOf } from '../log/id.ts';
import type { Journal } from '../log/journal.ts';
import type { Marks } from '../outputs/marks.ts';
import type { Refusal } from '../refusal.ts';
import type { Ask, RefusedCall } from './admission.ts';
import type { Decision } from './decide.ts';
import type { Judged } from './decide-link.ts';
import type { Written } from './permits.ts';
import { grantOf, type Policies } from './policies.ts';
import { utcDay } from './quotas.ts';
import { admittedRow, refusedRow } from './rows.ts';
import type { Statements } from './statements.ts';

export interface RecorderOptions {
  readonly statements: Statements;
  readonly journal: Journal;
  readonly captures: Pick<Captures, 'keep'>;
  readonly marks: Marks;
  readonly policies: Policies;
  readonly now: Clock;
  /** A row whose id is older than this when it is written comes late: the log's index does not count with it. */
  readonly quietMs: number;
  /** Number of this process, or object, in the rows of the calls that it admits. */
  readonly self: number;
  readonly alert?: ((event: AlertEvent, message?: string) => void) | undefined;
}

export class Recorder {
  readonly #o: RecorderOptions;

  constructor(options: RecorderOptions) {
    this.#o = options;
  }

  /** @returns null: it is refused */
  judged({ ask, decision }: Judged): Written | null {
    const { arrival, call } = ask;
    const { refusal, bearer } = decision;
    const row = admittedRow(ask, decision, this.#o.now(), this.#o.self);
    this.#record(row);
    this.#capture(ask, decision, row.at);
    if (refusal?.code === 'quota_exceeded') this.#usedUp(refusal, bearer.tester, row.at);
    if (refusal) return null;
    return {
      ...{ rule: row.rule, bytesIn: row.bytesIn },
      ...{ joined: decision.asked?.tester.joined ?? 0, address: arrival.address },
      objects: call.named.map(({ id }) => id),
      mark: decision.marks ? this.#mark(ask, bearer.tester, row.at) : null,
    };
  }

  /** @param fold the row that stands for this one too, where there is one */
  refused(call: RefusedCall, fold: string | null, at: number): void {
    if (!fold || !this.#repeat(fold)) this.#record(refusedRow(call, at));
  }

  #record(row: Admitted): void {
    const { journal, statements, now, quietMs } = this.#o;
    const leaf = journal.append('request', row.id, requestEntry(row));
    statements.record.run({ ...row, leaf });
    if (now() - timeOf(row.id) > quietMs / 2) statements.reopen.run({ id: row.id });
  }

  /** False when there is no such row. */
  #repeat(id: string): boolean {
    if (this.#o.statements.repeat.run({ id }).changes === 0) return false;
    this.#o.journal.append('repeated', id, repeatedEntry(id));
    return true;
  }

  /** Of calls that were refused before the policy was asked, too. */
  #capture({ arrival, who, call }: Ask, { granted, bearer }: Decision, at: number): void {
    if (call.body === null) return;
    const { captures, policies } = this.#o;
    const inForce = granted ? null : policies.inForce();
    const how = (granted ?? (inForce && grantOf(inForce, bearer.cohort)))?.capture ?? 'none';
    if (how === 'none') return;
    const { tester } = who;
    captures.keep(how, { request: arrival.id, tester, at, body: call.body, prompt: call.words().text });
  }

  #mark({ arrival, call }: Ask, tester: string, at: number): string {
    return this.#o.marks({ request: arrival.id, tester, object: call.output?.object ?? '', at });
  }

  /** Once for each tester, quota and day (UTC). */
  #usedUp({ public: { rule = '' }, detail }: Refusal, tester: string, at: number): void {
    const message = `quota-${tester}-${rule}-${utcDay(at)}`;
    this.#o.alert?.({ event: 'quota.exhausted', at, data: { tester, rule, detail } }, message);
  }
}
