/** A tester's own objects at upstream, and playing those that can be played: a call of the tester's like any other. */
import { and, desc, eq, lt, or } from 'drizzle-orm';
import type { HeaderList } from '../deps.ts';
import type { Route } from '../gateway/routes.ts';
import type { VisitorsCall } from '../gateway/visit.ts';
import { iso, isoOrNull } from '../iso.ts';
import { holdingIn } from '../outputs/standing.ts';
import { Refusal } from '../refusal.ts';
import { objects } from '../store/schema.ts';
import type { Portal, Visitor } from './portal.ts';
import { rowOf } from './standing.ts';

export interface OwnObject {
  readonly id: string;
  readonly kind: string;
  readonly at: string;
  readonly model: string | null;
  /** Length of a video. */
  readonly seconds: number | null;
  /** True while upstream works on it. */
  readonly isRunning: boolean;
  readonly deletedAt: string | null;
  /** The call that made it; null where that was another tester's, or none. */
  readonly call: string | null;
  /** True where its bytes are given only once its release is approved. */
  readonly isHeld: boolean;
  /** Where its bytes are; null where it has none to show. */
  readonly content: string | null;
}

type Row = typeof objects.$inferSelect;

/** Which operation gives the bytes of each kind, and what its parameter is called. */
const CONTENT: Readonly<Record<string, readonly [operation: string, param: string]>> = {
  videos: ['videos.content', 'video'],
  files: ['files.content', 'file'],
};
/** What a path can name without an encoding. */
const NAMEABLE = /^[A-Za-z0-9._~!$&'()*+,=:@-]{1,256}$/;
/** What a browser may show in our name. Anything else is only downloaded. */
const SHOWN = /^(?:video\/(?:mp4|webm)|image\/(?:png|jpeg|webp)|audio\/(?:mpeg|wav|ogg|mp4))$/;

/** Newest first. @param before `next` of the page before */
export function readObjects(
  portal: Portal,
  { tester }: Visitor,
  { before, kind }: { readonly before?: string | undefined; readonly kind?: string | undefined },
  limit: number,
): { readonly objects: readonly OwnObject[]; readonly next: string | null } {
  const [at, id] = cursorOf(before);
  const rows = portal.reader
    .select()
    .from(objects)
    .where(
      and(
        eq(objects.tester, tester),
        kind === undefined ? undefined : eq(objects.kind, kind),
        before === undefined
          ? undefined
          : or(lt(objects.at, at), and(eq(objects.at, at), lt(objects.id, id))),
      ),
    )
    .orderBy(desc(objects.at), desc(objects.id))
    .limit(limit + 1)
    .all();
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { objects: page.map(bodiesOf(portal, tester)), next: last ? `${last.at}.${last.id}` : null };
}

function cursorOf(before = ''): [at: number, id: string] {
  const dot = before.indexOf('.');
  return [Number(before.slice(0, Math.max(0, dot))) || 0, before.slice(dot + 1)];
}

/** @throws Refusal as if it did not exist, for another tester's too */
export function readObject(portal: Portal, visitor: Visitor, id: string): OwnObject {
  const row = portal.reader.select().from(objects).where(eq(objects.id, id)).get();
  if (!row || row.tester !== visitor.tester) throw new Refusal('object_unknown', 'no object of this tester');
  return bodiesOf(portal, visitor.tester)(row);
}

function bodiesOf(portal: Portal, tester: string): (row: Row) => OwnObject {
  const mode = portal.rules(rowOf(portal, tester).cohort)?.outputs ?? 'open';
  const holding = holdingIn(portal.reader);
  return (row) => {
    const route = contentRoute(portal, row.kind);
    const asked = { object: row.id, variant: 'video' };
    const isHeld = route !== null && holding.refusal(mode, route.operation, asked) !== null;
    return bodyOf(portal, row, route !== null, isHeld);
  };
}

function bodyOf(portal: Portal, row: Row, hasBytes: boolean, isHeld: boolean): OwnObject {
  const { id, kind, at, model, seconds, pending, deletedAt, request, tester } = row;
  const playable = deletedAt === null && hasBytes && NAMEABLE.test(id);
  return {
    ...{
      id,
      kind,
      at: iso(at),
      model,
      seconds,
      isRunning: pending !== null,
      deletedAt: isoOrNull(deletedAt),
    },
    isHeld,
    call: request !== null && madeBy(portal, request) === tester ? request : null,
    content: playable ? `/portal/outputs/${id}/content` : null,
  };
}

function madeBy({ reader }: Portal, request: string): string | null {
  const row = reader.$client.prepare<[string], { tester: string }>(
    'select tester from requests where id = ?',
  );
  return row.get(request)?.tester ?? null;
}

function contentRoute({ route }: Portal, kind: string): Route | null {
  const operation = CONTENT[kind]?.[0];
  return operation === undefined ? null : route(operation);
}

/**
 * The call that fetches an object's bytes: it is judged, counted and written down like one that the tester's SDK makes.
 * @throws Refusal as if it did not exist, for another tester's too
 */
export function playing(portal: Portal, visitor: Visitor, id: string, asDownload: boolean): VisitorsCall {
  const { kind, content } = readObject(portal, visitor, id);
  const [, param = ''] = CONTENT[kind] ?? [];
  const route = contentRoute(portal, kind);
  if (!route || content === null) throw new Refusal('object_unknown', 'it has no bytes to show');
  const target = route.path.replace(`:${param}`, () => id);
  const headers = (given: HeaderList) => safeHeaders(given, id, asDownload);
  return { route, params: { [param]: id }, target, who: visitor.identity, headers };
}

/** Upstream's bytes are never a page of ours: no script runs in them, and only pictures, sound and film are shown. */
function safeHeaders(given: HeaderList, id: string, asDownload: boolean): HeaderList {
  const out: string[] = [];
  let shown = false;
  for (let i = 0; i + 1 < given.length; i += 2) {
    const [name = '', value = ''] = [given[i], given[i + 1]];
    if (name === 'content-disposition') continue;
    if (name !== 'content-type') {
      out.push(name, value);
      continue;
    }
    const type = value.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    shown = SHOWN.test(type) || type === 'application/problem+json';
    out.push(name, shown ? type : 'application/octet-stream');
  }
  const place = shown && !asDownload ? 'inline' : 'attachment';
  return [
    ...out,
    ...['content-disposition', `${place}; filename="${id.replaceAll(/[^\w.-]/g, '_')}"`],
    ...[
      'content-security-policy',
      "default-src 'none'; sandbox",
      'cross-origin-resource-policy',
      'same-origin',
    ],
    ...['referrer-policy', 'no-referrer'],
  ];
}
