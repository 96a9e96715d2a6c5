/** A tester's object as others reach it: calls by `fetch`, changes of the directory by `obey`. */
import { DurableObject } from 'cloudflare:workers';
import type { Told, Update } from './leased.worker.ts';
import { NAME, PEER } from './names.worker.ts';
import type { Env, TesterStub } from './runtime.worker.ts';
import { openTester } from './tester-parts.worker.ts';

export class TesterObject extends DurableObject<Env> implements TesterStub {
  #opened: ReturnType<typeof openTester> | null = null;

  /** Takes one call all the way. Our own faults, such as a configuration that cannot be used, are the caller's to answer. */
  async fetch(request: Request): Promise<Response> {
    const { serve, lease } = await this.#open(request.headers.get(NAME) ?? '');
    await lease.renew();
    return serve({ request, peer: request.headers.get(PEER) ?? '' });
  }

  async obey(update: Update): Promise<Told> {
    const { lease } = await this.#open();
    return lease.obey(update);
  }

  async dispatched(): Promise<number> {
    return (await this.#open()).drill.dispatched;
  }

  /** Something could not be delivered, or this object crashed before it was. */
  async alarm(): Promise<void> {
    await (await this.#open()).outbound.alarm();
  }

  #open(told = ''): ReturnType<typeof openTester> {
    this.#opened ??= openTester(this.ctx.storage, this.env, this.#name(told)).catch((fault: unknown) => {
      this.#opened = null;
      throw fault;
    });
    return this.#opened;
  }

  /** An alarm does not tell it in every version of the runtime, so it is kept. */
  #name(told: string): string {
    const { sql } = this.ctx.storage;
    sql.exec('create table if not exists own_name (name text primary key) without rowid');
    const [kept] = sql.exec('select name from own_name').toArray();
    const name = String(kept?.name ?? this.ctx.id.name ?? told);
    if (name === '') throw new Error('An object was asked without its name.');
    if (!kept) sql.exec('insert into own_name values (?)', name);
    return name;
  }
}
