/** What a permitted call leaves behind: its settled row, the objects that it made, the units that it used. */
import type { Clock } from '../deps.ts';
import type { Units } from '../gateway/units.ts';
import { settledEntry, unitsEntry } from '../log/entry.ts';
import type { Journal } from '../log/journal.ts';
import type { Known } from '../outputs/known.ts';
import type { JobState, Made, Settlement } from './admission.ts';
import type { Objects } from './objects.ts';
import type { Charge, Ledger } from './quotas.ts';
import { settledRow } from './rows.ts';
import type { Statements } from './statements.ts';

/** A call that has ended. */
export interface Entry {
  readonly id: string;
  readonly tester: string;
  readonly settlement: Settlement;
  /** What allowed it, or the switch that ended it. */
  readonly rule: string | null;
  readonly bytesIn: number;
  /** Ids that it named, and those that it made before its end. */
  readonly objects: readonly string[];
  readonly charge: Charge | null;
}

export interface Books {
  readonly ledger: Ledger;
  readonly objects: Objects;
  /** Runs inside a writer's job. @throws Refusal when an object that it made is another tester's */
  settle(entry: Entry): void;
  /** Runs inside a writer's job. @throws Refusal, as above */
  claim(tester: string, request: string, made: readonly Made[]): void;
}

export function openBooks(
  statements: Statements,
  ledger: Ledger,
  objects: Objects,
  outputs: Known,
  journal: Journal,
  now: Clock,
): Books {
  const add = (tester: string, request: string, made: readonly Made[], charge: Charge | null) => {
    for (const one of made)
      objects.add(one, tester, request, now(), one.isRunning && charge ? JSON.stringify(charge) : null);
  };

  const settleJob = ({ id, failed, used: told }: JobState) => {
    const job = objects.pending(id);
    if (job === null) return;
    const pending = JSON.parse(job.pending) as Charge;
    const { units } = ledger.settle(pending, failed ? nothingOf(pending.units) : told);
    objects.settled(id);
    if (job.request === null) return;
    const used = unitsText(units);
    statements.settleUnits.run({ id: job.request, used });
    journal.append('units', job.request, unitsEntry(job.request, used));
  };

  return {
    ledger,
    objects,
    settle(entry) {
      const { id, tester, settlement, charge } = entry;
      const { made = [], jobs = [], deleted, used } = settlement;
      const charged = charge && ledger.settle(charge, used ?? {});
      const row = settledRow(entry, unitsText(charged?.units));
      if (statements.settle.run({ ...row, settledLeaf: journal.next }).changes > 0)
        journal.append('settled', id, settledEntry(row));
      add(tester, id, made, charged);
      for (const job of jobs) {
        settleJob(job);
        if (!job.failed) outputs.finished(job.id, now());
      }
      if (settlement.outcome === 'complete') outputs.seen(tester, settlement, now());
      if (deleted) objects.deleted(deleted, now());
    },
    claim: (tester, request, made) => add(tester, request, made, null),
  };
}

/** Gives back all that was set aside. */
export function nothingOf(units: Units): Units {
  return Object.fromEntries(Object.keys(units).map((unit) => [unit, 0]));
}

/** As the log keeps them. */
export function unitsText(units: Units | undefined): string | null {
  return units === undefined || Object.keys(units).length === 0 ? null : JSON.stringify(units);
}
