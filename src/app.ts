/** The tester's side as a Hono app: one route for each row of the route table, the portal, and public documents. */
import { Hono } from 'hono';
import type { JSONWebKeySet } from 'jose';
import type { Exchange } from './deps.ts';
import { type Gate, handle } from './gateway/handler.ts';
import { followLink } from './gateway/link.ts';
import { type Page, showPage } from './gateway/pages.ts';
import { ROUTES, type Route } from './gateway/routes.ts';
import { receive, type Site } from './gateway/visit.ts';
import { matches } from './policy/policy.ts';

const NO_URL = { error: 'This gate has no public URL (publicUrl), so it does not describe itself.' };

/** How a runtime hands over one call: it runs `take` and gives Hono what stands for the answer. */
export type Take<Bindings extends object> = (
  bindings: Bindings,
  take: (exchange: Exchange) => Promise<void>,
) => Response | Promise<Response>;

export interface GatewayOptions<Bindings extends object> {
  readonly gate: Gate;
  readonly take: Take<Bindings>;
  readonly jwks: () => JSONWebKeySet;
  /** What this resource says of itself (RFC 9728), and where; null when it cannot. */
  readonly metadata: { readonly paths: string[]; readonly body: object | null };
  /** Patterns of operations that are not offered at all. */
  readonly off?: readonly string[];
  /** What testers see of themselves, under `/portal`. */
  readonly portal: Site;
  /** True while calls can be let through; and what the last drill of the stop showed. */
  readonly ready: () => { readonly ready: boolean; readonly armed: string };
}

/** @param off patterns of operations that are not offered at all */
export function offeredRoutes(off: readonly string[] = []): Route[] {
  return ROUTES.filter(({ operation }) => !off.some((pattern) => matches(pattern, operation)));
}

export function createGateway<Bindings extends object>(
  options: GatewayOptions<Bindings>,
): Hono<{ Bindings: Bindings }> {
  const { gate, take } = options;
  const app = new Hono<{ Bindings: Bindings }>();
  const page = (paths: string[], read: () => Page) =>
    app.on(['GET', 'HEAD'], paths, (c) => take(c.env, (exchange) => showPage(exchange, read(), gate)));
  const { paths, body } = options.metadata;
  page(['/.well-known/jwks.json'], () => ({ status: 200, body: options.jwks(), isPublic: true }));
  page(paths, () => (body ? { status: 200, body, isPublic: true } : { status: 404, body: NO_URL }));
  page(['/healthz'], () => ({ status: 200, body: { ok: true } }));
  page(['/readyz'], () => {
    const body = options.ready();
    return { status: body.ready ? 200 : 503, body };
  });
  app.all('/portal/*', (c) => take(c.env, (exchange) => receive(exchange, options.portal, gate)));
  const serve = (methods: string[], path: string, route: Route | null) =>
    app.on(methods, path, (c) => take(c.env, (exchange) => handle(exchange, route, c.req.param(), gate)));
  for (const route of offeredRoutes(options.off))
    serve(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method], route.path, route);
  app.on(['GET', 'HEAD'], '/s/:link', (c) => take(c.env, (exchange) => followLink(exchange, gate)));
  app.all('*', (c) => take(c.env, (exchange) => handle(exchange, null, {}, gate)));
  return app;
}
