/** The gate's object as others reach it: leases and deliveries by name, operators and visitors by `fetch`. */
import { DurableObject } from 'cloudflare:workers';
import { rowsOf } from '../store/durable.worker.ts';
import { openControl } from './control-parts.worker.ts';
import { countEnded, endedIn } from './ended-calls.worker.ts';
import { type GateParts, openGate } from './gate-parts.worker.ts';
import { type Delivery, intakeIn } from './intake.worker.ts';
import type { Leased } from './leased.worker.ts';
import { CONTROL, PEER, SIDE } from './names.worker.ts';
import { ownershipIn } from './ownership.worker.ts';
import type { Env, GateStub, PublicKeys } from './runtime.worker.ts';
import { type Said, type Share, usageIn } from './usage.worker.ts';

async function open(storage: GateParts['storage'], env: Env) {
  const parts = await openGate(storage, env);
  const control = await openControl(parts, env);
  parts.holders.begin();
  const quietMs = parts.warden.quietMs;
  const usage = usageIn({ ...parts, now: Date.now });
  const intake = intakeIn({ ...parts, usage, now: Date.now, quietMs });
  return { ...parts, ...control, intake, usage, ownership: ownershipIn(parts) };
}

export class GateObject extends DurableObject<Env> implements GateStub {
  #opened: ReturnType<typeof open> | null = null;

  async fetch(request: Request): Promise<Response> {
    const { admin, serve } = await this.#open();
    const peer = request.headers.get(PEER) ?? '';
    return request.headers.get(SIDE) === CONTROL ? admin.fetch(request, { peer }) : serve({ request, peer });
  }

  /** @throws Error while the store takes no writes: no lease is given that a stop could not end */
  async lease(name: string, since: number): Promise<Leased> {
    const { holders, warden } = await this.#open();
    if (!warden.live().logWritable) throw new Error('The gate takes no writes.');
    return holders.grant(name, since);
  }

  async deliver(delivery: Delivery): Promise<void> {
    const { writer, intake, storage, warden } = await this.#open();
    const job = () => {
      const ended = endedIn(storage, delivery);
      intake(delivery);
      return ended;
    };
    await writer.write(job, (ended) => countEnded(warden.counts, ended));
  }

  async foreign(ids: readonly string[], tester: string): Promise<ReadonlyMap<string, string>> {
    return (await this.#open()).ownership.foreign(ids, tester);
  }

  async reserve(tester: string, ids: readonly string[]): Promise<string | null> {
    return (await this.#open()).ownership.reserve(tester, ids);
  }

  async share(share: Share): Promise<Said | null> {
    return (await this.#open()).usage.share(share);
  }

  async issuer(): Promise<PublicKeys> {
    return (await this.#open()).issuer();
  }

  async holderOf(link: string): Promise<string | null> {
    const { links, storage } = await this.#open();
    const id = await links.verify(link);
    if (id === null) return null;
    const text = 'select o.tester from share_links l join objects o on o.id = l.object where l.id = ?';
    const [row] = rowsOf(storage, text, id);
    return row ? String(row.tester) : null;
  }

  /** Each minute: what the clock asks for. Everything that waits for nothing but time runs while the object is awake. */
  async minute(): Promise<void> {
    const { holders, archive, sealer, control, held } = await this.#open();
    holders.sweep();
    await Promise.all([archive?.alarm(), sealer.seal(), held?.look(), drillIfDue(control)]);
  }

  /** The copy in D1 could not be written, or this object ended before it was. */
  async alarm(): Promise<void> {
    await (await this.#open()).archive?.alarm();
  }

  #open(): ReturnType<typeof open> {
    this.#opened ??= open(this.ctx.storage, this.env).catch((fault: unknown) => {
      this.#opened = null;
      throw fault;
    });
    return this.#opened;
  }
}

const HOUR_MS = 3_600_000;
const CLOCK = { operator: 'schedule', address: null } as const;

async function drillIfDue({
  drills,
  now,
}: Awaited<ReturnType<typeof openControl>>['control']): Promise<void> {
  const last = drills.lastAt();
  const isDue = drills.everyHours > 0 && (last === null || now() - last >= drills.everyHours * HOUR_MS);
  if (isDue && !drills.running) await drills.run(CLOCK);
}
