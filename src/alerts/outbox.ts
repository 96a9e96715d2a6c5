/** Alerts that are to go out: written in the transaction of what they tell of, so neither is there without the other. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import { type AlertEvent, bodyFor, type Target, wants } from './events.ts';

export class Outbox {
  readonly targets: readonly Target[];
  readonly #now: Clock;
  readonly #insert;

  constructor({ $client: db }: Db, targets: readonly Target[], now: Clock) {
    this.targets = targets;
    this.#now = now;
    this.#insert = db.prepare(
      `insert into outbox (message, target, event, at, body, next_at) values (?, ?, ?, ?, ?, ?)
       on conflict (message, target) do nothing`,
    );
  }

  /**
   * Runs inside a writer's job. @returns for how many targets
   * @param message its id over all attempts; the same one again tells nothing new
   */
  add(event: AlertEvent, message: string = crypto.randomUUID()): number {
    const wanting = this.targets.filter((target) => wants(target, event.event));
    for (const { name, format } of wanting)
      this.#insert.run(message, name, event.event, event.at, bodyFor(format, event), this.#now());
    return wanting.length;
  }
}
