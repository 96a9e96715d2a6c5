/** Whose an object at upstream is. All testers share one key there; this table alone tells their objects apart. */

import type { Reference, References } from '../gateway/references.ts';
import { printable } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import type { Made, Span } from './admission.ts';

interface OwnerRow {
  readonly tester: string;
  readonly seconds: number | null;
}

/** Clips out of which another one is made. */
export interface Source {
  /** Of the longest; null: of one of them it is not known. */
  readonly seconds: number | null;
  /** Null: it is not known, or they differ. */
  readonly model: string | null;
  readonly size: string | null;
}

/** Of what a call may name and this store does not know, whose it is where it is another tester's; null: nobody could say. */
export type Foreign = ReadonlyMap<string, string> | null;

export interface Objects {
  /** The refusal of the first object that is not this tester's; 404, as upstream says of an id that it does not know. */
  refusal(references: References, tester: string, foreign?: Foreign): Refusal | null;
  /** The ids that are not known here. */
  strange(references: References): string[];
  /** Those of the tester's own that it names, as far as they are clips; null: none. */
  source(named: readonly Reference[], tester: string): Source | null;
  /** The longest of the videos that a call names; null when it names none whose length is known. */
  longest(named: readonly Reference[]): number | null;
  own(ids: readonly string[], tester: string): ReadonlySet<string>;
  span(tester: string, kind: string): Span;
  /** @throws Refusal when it is another tester's: upstream gave out an id twice */
  add(made: Made, tester: string, request: string, at: number, pending: string | null): void;
  /** A job that has set something aside, and the call that made it. */
  pending(id: string): { readonly pending: string; readonly request: string | null } | null;
  settled(id: string): void;
  deleted(id: string, at: number): void;
}

export function objectsIn({ $client: db }: Db): Objects {
  const owner = db.prepare<[string], OwnerRow>('select tester, seconds from objects where id = ?');
  const clip = db.prepare<[string, string], Source>(
    `select objects.seconds, objects.model, requests.size from objects left join requests on requests.id = objects.request
     where objects.id = ? and objects.tester = ? and kind in ('videos', 'entered')`,
  );
  const insert = db.prepare(
    `insert into objects (id, tester, kind, request, at, upstream_at, seconds, pending, model, token)
     select ?, ?, ?, ?, ?, ?, ?, ?, model, token from (select 1) left join requests on requests.id = ?
     where true on conflict (id) do nothing`,
  );
  const span = db.prepare<[string, string], Span & { dated: number }>(
    `select count(*) as count, count(upstream_at) as dated, min(upstream_at) as oldest, max(upstream_at) as newest
     from objects where tester = ? and kind in (?, 'entered') and deleted_at is null`,
  );
  const pending = db.prepare<[string], { pending: string; request: string | null }>(
    'select pending, request from objects where id = ? and pending is not null',
  );
  const settled = db.prepare('update objects set pending = null where id = ?');
  const deleted = db.prepare('update objects set deleted_at = ? where id = ? and deleted_at is null');

  return {
    refusal({ named, suspected }, tester, foreign = NOBODYS) {
      for (const one of named) {
        const whose = owner.get(one.id)?.tester;
        if (whose !== tester) return unknown(one, whose ?? foreign?.get(one.id));
      }
      for (const one of suspected) {
        const whose = owner.get(one.id)?.tester ?? foreign?.get(one.id);
        if (whose !== undefined && whose !== tester) return unknown(one, whose);
        if (whose === undefined && foreign === null)
          return new Refusal('authority_unreachable', 'whose an id is');
      }
      return null;
    },
    strange: ({ named, suspected }) =>
      [...named, ...suspected].map(({ id }) => id).filter((id) => owner.get(id) === undefined),
    source(named, tester) {
      const clips = named.map(({ id }) => clip.get(id, tester)).filter((one) => one !== undefined);
      const [first] = clips;
      if (first === undefined) return null;
      const alike = <K extends 'model' | 'size'>(key: K) =>
        clips.every((one) => one[key] === first[key]) ? first[key] : null;
      const lengths = clips.map(({ seconds }) => seconds);
      const seconds = lengths.includes(null) ? null : Math.max(...lengths.map(Number));
      return { seconds, model: alike('model'), size: alike('size') };
    },
    longest(named) {
      const lengths = named.map(({ id }) => owner.get(id)?.seconds ?? 0);
      return Math.max(0, ...lengths) || null;
    },
    own: (ids, tester) => new Set(ids.filter((id) => owner.get(id)?.tester === tester)),
    span(tester, kind) {
      const { count, dated, oldest, newest } = span.get(tester, kind) ?? NOTHING;
      return dated === count ? { count, oldest, newest } : { count, oldest: null, newest: null };
    },
    add({ id, kind, upstreamAt, seconds }, tester, request, at, pending) {
      if (!PLAIN_ID.test(id)) throw new Refusal('upstream_answer_refused', `an id: ${printable(id)}`);
      if (insert.run(id, tester, kind, request, at, upstreamAt, seconds, pending, request).changes > 0)
        return;
      const known = owner.get(id)?.tester;
      if (known !== tester)
        throw new Refusal('upstream_answer_refused', `${id} is already ${known ?? 'nobody'}'s`);
    },
    pending: (id) => pending.get(id) ?? null,
    settled: (id) => void settled.run(id),
    deleted: (id, at) => void deleted.run(at, id),
  };
}

/** What can be named in a path, and takes no more room than that. */
const PLAIN_ID = /^[\x21-\x7e]{1,256}$/;
const NOBODYS: ReadonlyMap<string, string> = new Map();
const NOTHING = { count: 0, dated: 0, oldest: null, newest: null };

/** As much of a member's name as helps to find it. */
const MOST_PARAM_CHARS = 120;

function unknown(named: Reference, whose: string | undefined): Refusal {
  // Callers write anything in both, a token too.
  const [shown, param] = [printable(named.id), printable(named.param).slice(0, MOST_PARAM_CHARS)];
  const detail = `${param}: ${shown} is ${whose ?? 'nobody'}'s`;
  return new Refusal('object_unknown', detail, { message: `It is "${shown}".`, param, rule: 'ownership' });
}
