/** What the windows of a tester have used up, as the store keeps it: one row for all of them, on the bare connection. */
import type { Db } from '../store/db.node.ts';
import { type CounterStore, type Counters, WINDOWS } from './limits.ts';

/** Reads the counters of all windows of a tester: one row of the `limits` table. */
export function countersIn(db: Db): CounterStore['load'] {
  const load = db.$client.prepare<[string], LimitsRow>('select * from limits where tester = ?');
  return (tester) => {
    const row = load.get(tester);
    const counters: Counters = new Map();
    if (!row) return counters;
    for (const { name } of WINDOWS) {
      const points = row[`${name}_points`];
      if (points !== null) counters.set(name, { points, expire: row[`${name}_end`] });
    }
    return counters;
  };
}

export function counterStore(db: Db): CounterStore {
  const save = db.$client.prepare(
    `insert into limits values (?, ?, ?, ?, ?, ?, ?) on conflict (tester) do update set
     second_points = excluded.second_points, second_end = excluded.second_end,
     minute_points = excluded.minute_points, minute_end = excluded.minute_end,
     day_points = excluded.day_points, day_end = excluded.day_end`,
  );
  return {
    load: countersIn(db),
    save(tester, counters) {
      const [second, minute, day] = WINDOWS.map(({ name }) => counters.get(name) ?? NO_COUNTER);
      save.run(
        tester,
        second?.points,
        second?.expire,
        minute?.points,
        minute?.expire,
        day?.points,
        day?.expire,
      );
    },
  };
}

const NO_COUNTER = { points: null, expire: null };

type LimitsRow = Readonly<Record<`${(typeof WINDOWS)[number]['name']}_${'points' | 'end'}`, number | null>>;
