/** `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): what was done is answered again, and never done twice. */
import { eq, lt } from 'drizzle-orm';
import type { MiddlewareHandler } from 'hono';
import type { Control } from '../control.ts';
import { idempotency } from '../store/schema.ts';
import { StoreUnavailable } from '../store/writer.ts';
import { type AdminEnv, routeOf } from './access.ts';
import { TAKES_BYTES } from './guard.ts';
import { Problem } from './problem.ts';
import { sha256Hex } from './sha256.ts';

const KEPT_MS = 86_400_000;
const FORM = /^[\x21-\x7e]{1,128}$/;
/** Their answers hold a secret, and so are not kept. */
const SHOWS_SECRET: ReadonlySet<string> = new Set([
  'POST /admin/tokens',
  'POST /admin/tokens/:jti/renew',
  'POST /admin/testers/reissue',
  'POST /admin/testers/:id/portal-link',
  'POST /admin/operator-tokens',
  'POST /admin/operators/:name/links',
  'POST /admin/releases/:id/links',
  'POST /admin/links/:id/revoke',
]);

type Row = typeof idempotency.$inferSelect;

export function idempotent(control: Control): MiddlewareHandler<AdminEnv> {
  /** Claims of this process that have no answer yet. */
  const inFlight = new Set<string>();
  return async (c, next) => {
    const given = c.req.header('idempotency-key');
    // Nobody is known who could own the key of a sign-in.
    if (given === undefined || !c.var.actor || c.req.method === 'GET' || c.req.method === 'HEAD')
      return next();
    // It changes nothing, and its body is not to be held.
    if (c.req.path === TAKES_BYTES) return next();
    if (!FORM.test(given))
      throw new Problem('request_invalid', 'Idempotency-Key: use 1 to 128 visible ASCII characters.');
    const key = await sha256Hex(`${c.var.actor.operator}\n${given}`);
    const { method, url } = c.req;
    const { pathname, search } = new URL(url);
    const fingerprint = await sha256Hex(`${method} ${pathname}${search}\n${await c.req.raw.clone().text()}`);
    const known = await claim(control, { key, fingerprint }, inFlight);
    if (known) return again(known, fingerprint, inFlight.has(key));
    try {
      await next();
      await remember(control, key, c.res, SHOWS_SECRET.has(routeOf(c) ?? ''));
    } finally {
      inFlight.delete(key);
    }
  };
}

/** Null: it is ours to do. Where the store takes no write it is done all the same: a stop has to work then. */
async function claim(
  control: Control,
  { key, fingerprint }: Pick<Row, 'key' | 'fingerprint'>,
  inFlight: Set<string>,
): Promise<Row | null> {
  const { writer, now } = control;
  const claimed = await control
    .write(() => {
      writer
        .delete(idempotency)
        .where(lt(idempotency.at, now() - KEPT_MS))
        .run();
      const row = { key, fingerprint, at: now() };
      return writer.insert(idempotency).values(row).onConflictDoNothing().run().changes > 0
        ? null
        : (writer.select().from(idempotency).where(eq(idempotency.key, key)).get() ?? null);
    })
    .catch((fault: unknown) => {
      if (fault instanceof StoreUnavailable) return null;
      throw fault;
    });
  if (claimed === null) inFlight.add(key);
  return claimed;
}

function again({ fingerprint, status, body }: Row, asked: string, isInFlight: boolean): Response {
  if (fingerprint !== asked)
    throw new Problem('idempotency_key_reused', 'This key stands for another request; use a new one.');
  if (status === null && isInFlight)
    throw new Problem(
      'in_flight',
      'The first request with this key has no answer yet; ask again in a moment.',
    );
  if (status === null)
    throw new Problem(
      'outcome_unknown',
      'The server broke off over the first request with this key: look whether it was done (GET /admin/acts).',
    );
  if (body === null)
    throw new Problem('already_done', 'It was done, and its answer held a secret that is shown once.');
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  return new Response(body, { status, headers: { 'content-type': type, 'idempotent-replayed': 'true' } });
}

/** A fault of ours has changed nothing, so the key is free again. */
async function remember(control: Control, key: string, answer: Response, isSecret: boolean): Promise<void> {
  const { writer } = control;
  const body = isSecret && answer.ok ? null : await answer.clone().text();
  const ofKey = eq(idempotency.key, key);
  await control
    .write(() =>
      answer.status >= 500
        ? writer.delete(idempotency).where(ofKey).run()
        : writer.update(idempotency).set({ status: answer.status, body }).where(ofKey).run(),
    )
    .catch((fault: unknown) => {
      // The act itself was answered; without its memory a repetition is told that the outcome is not known.
      if (!(fault instanceof StoreUnavailable)) throw fault;
    });
}
