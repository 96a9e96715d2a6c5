/** What is worth an alert, made of what happened. */
import type { Clock } from '../deps.ts';
import { DRILL } from '../gateway/drill.ts';
import type { SwitchChange } from '../log/journal.ts';
import { type AlertEvent, bodyFor, wants } from './events.ts';
import type { Outbox } from './outbox.ts';
import { post } from './post.ts';

/** Runs inside a writer's job, whoever changed the switch. Those of drills are no news. */
export function announce(change: SwitchChange, outbox: Outbox, now: Clock): void {
  const { row } = change;
  if (row.scope === `tester:${DRILL}`) return;
  const at = now();
  if (change.kind === 'readmitted') {
    const { switch: id, scope, by, reason } = change.row;
    outbox.add({ event: 'switch.readmitted', at, data: { switch: id, scope, by, reason } });
  } else if (change.kind === 'switch') {
    const { id, scope, effect, engagedBy, reason, note } = change.row;
    const data = { switch: id, scope, effect, by: engagedBy, reason, note };
    outbox.add({ event: 'switch.engaged', at, data }, `switch-${id}-engaged`);
  } else {
    const { id, scope, releasedBy, releaseReason } = change.row;
    const data = { switch: id, scope, by: releasedBy, reason: releaseReason };
    outbox.add({ event: 'switch.released', at, data });
  }
}

/** The store takes no writes, so there is no outbox either: one attempt each, from memory. Never rejects. */
export async function sendAtOnce(outbox: Outbox, event: AlertEvent, message: string): Promise<void> {
  const told = outbox.targets
    .filter((target) => wants(target, event.event))
    .map((target) => post(target, { message, body: bodyFor(target.format, event) }, event.at));
  await Promise.all(told);
}
