/** Drills of the stop: real streams through the real way of a call, a real switch, measured at the client. */
import { and, desc, eq, gt, ne } from 'drizzle-orm';
import type { Actor, Control } from './control.ts';
import { DRILL } from './gateway/drill.ts';
import { insertAct } from './log/acts.ts';
import { cohorts, drills, requests, testers, tokens } from './store/schema.ts';

export type Drill = typeof drills.$inferSelect;

/** One call of the drill's tester, as its client sees it. */
export interface DrillCall {
  /** Resolves with the status when the head came. */
  readonly status: Promise<number>;
  /** Resolves with the first byte behind it. */
  readonly flowing: Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly text: string; readonly lastByteAt: number; readonly id: string }>;
  close(): void;
}

export interface DrillOptions {
  /** It acts as an operator does. */
  readonly control: Omit<Control, 'drills'>;
  /** How many calls of drills were sent to the upstream that stands in for the real one. */
  readonly dispatched: () => Promise<number>;
  /** Opens a stream through the gateway's own listener. Times are of `performance.now`. */
  readonly call: (token: string) => DrillCall;
  readonly node: string;
  /** 0: only when somebody asks for one. */
  readonly everyHours: number;
}

export const ARMED_STATES = ['armed', 'not-drilled', 'stale', 'failed'] as const;

/** What the last drill showed. */
export interface Armed {
  readonly state: (typeof ARMED_STATES)[number];
  /** Unix milliseconds. */
  readonly at: number | null;
  readonly lastByteMs: number | null;
  readonly fault: string | null;
}

/** It says what is broken. */
class Broken extends Error {}
/** Nothing is broken, but a drill cannot be run. */
class NotRun extends Error {}

const STREAMS = 8;
const PATIENCE_MS = 5_000;
const SCOPE = `tester:${DRILL}` as const;
const HOUR_MS = 3_600_000;
const MINUTE_DAYS = 1 / 1_440;
const NOTE = 'A drill: no tester is touched.';

interface Measured {
  readonly commitMs: number;
  readonly lastByteMs: number;
  readonly firstRefusalMs: number;
}

export class Drills {
  readonly #o: DrillOptions;
  #running: Promise<Drill> | null = null;

  constructor(options: DrillOptions) {
    this.#o = options;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  get everyHours(): number {
    return this.#o.everyHours;
  }

  /** When the newest one was run or tried, Unix milliseconds; null: none so far. */
  lastAt(): number | null {
    const { reader } = this.#o.control;
    return reader.select().from(drills).orderBy(desc(drills.id)).limit(1).get()?.at ?? null;
  }

  /** A drill that could not be run says nothing of the stop: the one before it counts. */
  armed(): Armed {
    const { reader, now } = this.#o.control;
    const wasRun = ne(drills.outcome, 'not-run');
    const last = reader.select().from(drills).where(wasRun).orderBy(desc(drills.id)).limit(1).get();
    if (!last) return { state: 'not-drilled', at: null, lastByteMs: null, fault: null };
    const { at, lastByteMs, fault, outcome } = last;
    const isStale = this.everyHours > 0 && now() - at > (2 * this.everyHours + 1) * HOUR_MS;
    const state = outcome === 'failed' ? 'failed' : isStale ? 'stale' : 'armed';
    return { state, at, lastByteMs, fault };
  }

  /** One after another; a drill that fails is a record too, and no fault. */
  run(actor: Actor): Promise<Drill> {
    this.#running ??= this.#record(actor).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Puts right what a drill that a crash broke off has left engaged. */
  async start(actor: Actor): Promise<void> {
    if (!this.#othersDrill()) await this.#tidy(actor);
  }

  /** True while another process drills, or died over it less than a minute ago. */
  #othersDrill(): boolean {
    const { reader, now } = this.#o.control;
    const alive = and(eq(tokens.tester, DRILL), gt(tokens.expiresAt, now()));
    return reader.select({ jti: tokens.jti }).from(tokens).where(alive).get() !== undefined;
  }

  async #tidy(actor: Actor): Promise<void> {
    const { control } = this.#o;
    await control.release(SCOPE, 'The drill was broken off.', actor);
    await control.write(() => control.writer.delete(tokens).where(eq(tokens.tester, DRILL)).run());
  }

  async #record(actor: Actor): Promise<Drill> {
    const { control, node } = this.#o;
    const told = await this.#measure(actor).then(
      (measured) => ({ outcome: 'ok' as const, fault: null, ...measured }),
      failureOf,
    );
    const { outcome, fault, lastByteMs } = told;
    const at = control.now();
    if (outcome === 'failed') console.error(`portcullis: THE DRILL OF THE STOP FAILED: ${fault}`);
    return control.write(() => {
      const reason = fault ?? `last byte after ${lastByteMs} ms`;
      insertAct(control.writer, actor, { at, act: 'drill.run', subject: outcome, reason });
      if (outcome === 'failed') control.outbox.add({ event: 'drill.failed', at, data: { node, fault } });
      const row = { ...told, at, by: actor.operator, node, streams: STREAMS };
      return control.writer.insert(drills).values(row).returning().get();
    });
  }

  async #measure(actor: Actor): Promise<Measured> {
    const { control } = this.#o;
    if (this.#othersDrill()) throw new NotRun('Another process drills, or did less than a minute ago.');
    await this.#tidy(actor);
    await control.write(() => {
      control.writer.insert(cohorts).values({ name: DRILL }).onConflictDoNothing().run();
      control.writer.insert(testers).values({ id: DRILL, cohort: DRILL }).onConflictDoNothing().run();
    });
    const { token } = await control.issueToken(DRILL, MINUTE_DAYS, actor);
    const open: DrillCall[] = [];
    try {
      for (let i = 0; i < STREAMS; i++) open.push(this.#o.call(token));
      const statuses = await soon(
        Promise.all(open.map(({ status }) => status)),
        'no answer to the first calls',
      );
      const other = statuses.find((status) => status !== 200);
      if (other === 403) throw new NotRun('Everything is stopped, or the drill is; it was left alone.');
      if (other !== undefined) throw new NotRun(`The drill's calls are answered ${other} before any stop.`);
      await soon(Promise.all(open.map(({ flowing }) => flowing)), 'the streams do not flow');
      const measured = await this.#stop(token, open, actor);
      await control.release(SCOPE, 'The drill is over.', actor);
      const again = this.#o.call(token);
      open.push(again);
      if ((await soon(again.status, 'no answer after the release')) !== 200)
        throw new Broken('Calls are refused after the release.');
      return measured;
    } finally {
      for (const one of open) one.close();
      await this.#tidy(actor);
    }
  }

  async #stop(token: string, open: readonly DrillCall[], actor: Actor): Promise<Measured> {
    const { control, dispatched, call } = this.#o;
    const sent = await dispatched();
    const orderedAt = performance.now();
    const order = { scope: SCOPE, effect: 'stop', reason: null, note: NOTE } as const;
    const stopped = await control.stop(order, actor);
    const refused = call(token);
    const status = await soon(refused.status, 'no answer to a call after the stop');
    const firstRefusalMs = since(orderedAt);
    refused.close();
    if (status !== 403) throw new Broken(`A call after the stop was answered ${status}, and not refused.`);
    if ((await dispatched()) !== sent) throw new Broken('A call was sent upstream after the stop.');
    const ended = await soon(Promise.all(open.map((one) => one.ended)), 'streams go on after the stop');
    const untold = ended.filter(({ text }) => !text.includes('event: error')).length;
    if (untold > 0) throw new Broken(`${untold} of ${STREAMS} streams ended without saying why.`);
    await this.#settled(ended.map(({ id }) => id));
    if (!stopped.durable) throw new Broken('The stop holds in memory only: the store takes no writes.');
    return {
      commitMs: stopped.committedAt - stopped.requestedAt,
      lastByteMs: Math.ceil(Math.max(...ended.map(({ lastByteAt }) => lastByteAt)) - orderedAt),
      firstRefusalMs,
    };
  }

  async #settled(ids: readonly string[]): Promise<void> {
    const { reader } = this.#o.control;
    const isCut = (id: string) =>
      reader.select({ outcome: requests.outcome }).from(requests).where(eq(requests.id, id)).get()
        ?.outcome === 'cut';
    const until = performance.now() + PATIENCE_MS;
    while (!ids.every(isCut)) {
      if (performance.now() > until)
        throw new Broken('The rows of the streams do not say that they were cut.');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function failureOf(reason: unknown) {
  const fault = (reason instanceof Error ? reason.message : String(reason)).slice(0, 500);
  const outcome = reason instanceof NotRun ? ('not-run' as const) : ('failed' as const);
  return { outcome, fault, commitMs: null, lastByteMs: null, firstRefusalMs: null };
}

const since = (at: number): number => Math.ceil(performance.now() - at);

async function soon<T>(what: Promise<T>, otherwise: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Broken(`Within ${PATIENCE_MS / 1000} s: ${otherwise}.`)),
      PATIENCE_MS,
    );
  });
  return Promise.race([what, late]).finally(() => clearTimeout(timer));
}
