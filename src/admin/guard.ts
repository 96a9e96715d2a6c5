/** What is checked before anyone is asked who they are: host, origin and kind of body; and the headers of every answer. */
import type { Context, MiddlewareHandler, Next } from 'hono';
import { Problem } from './problem.ts';

const IP_LITERAL = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/** @param allowedHosts host names (without port) that the control listener is reached by, beyond IPs and localhost. */
export function guard(allowedHosts: readonly string[]): MiddlewareHandler {
  const host = guardHost(allowedHosts);
  return (c, next) => host(c, () => fromOurs(c, next));
}

/** The same for pages that other sites may send a browser to. */
export function guardHost(allowedHosts: readonly string[]): MiddlewareHandler {
  const known = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())]);
  return async (c, next) => {
    c.header('Cache-Control', 'no-store');
    c.header('X-Content-Type-Options', 'nosniff');
    checkHost(hostOf(c), known);
    await next();
  };
}

/** A Request made in the process has no Host header. */
function hostOf(c: Context): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

async function fromOurs(c: Context, next: Next): Promise<void> {
  checkOrigin(hostOf(c), c.req.header('origin'), c.req.header('sec-fetch-site'));
  checkBody(c.req.method, c.req.header('content-type'), c.req.path);
  await next();
}

/** Against DNS rebinding: a page of another site reaches us under its own name, never under an IP or ours. */
function checkHost(host: string, known: ReadonlySet<string>): void {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  if (!known.has(name) && !IP_LITERAL.test(name))
    throw new Problem(
      'host_unknown',
      'Use the address of the control listener, or add this name to its hosts.',
    );
}

function checkOrigin(host: string, origin: string | undefined, site: string | undefined): void {
  const own = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  if (!own || site === 'cross-site' || site === 'same-site')
    throw new Problem('cross_site', 'Pages of other sites may not call the control listener.');
}

/** Takes a file, as it is. */
export const TAKES_BYTES = '/admin/trace';
export const BYTES = 'application/octet-stream';

/** A body that is not called JSON would be ignored where a body is optional: say so instead. */
function checkBody(method: string, type: string | undefined, path: string): void {
  if (method === 'GET' || method === 'HEAD' || type === undefined) return;
  if (path === TAKES_BYTES && type === BYTES) return;
  if (!/^application\/json *(?:;|$)/i.test(type))
    throw new Problem('media_type_unsupported', 'Send the body with "Content-Type: application/json".');
}
