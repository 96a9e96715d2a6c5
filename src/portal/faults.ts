/** What was not possible: written down like any refused call, and told as a page or, to the API's clients, as JSON. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Refusal, refusalBody, refusalHeaders } from '../refusal.ts';
import { StoreUnavailable } from '../store/writer.ts';
import { Unfit } from './input.ts';
import { problemPage } from './pages/sign-in.ts';
import type { PortalEnv } from './portal.ts';

/** @param realm of the Bearer challenge */
export async function answerFault(fault: unknown, c: Context<PortalEnv>, realm: string): Promise<Response> {
  const visitor = c.get('visitor') as PortalEnv['Variables']['visitor'] | undefined;
  const { visit } = c.env;
  let refusal = refusalOf(fault, visit.id);
  try {
    await visit.refused(refusal, 'portal', visitor?.identity ?? null);
  } catch (unwritten) {
    refusal = refusalOf(unwritten, visit.id);
  }
  const status = refusal.status as ContentfulStatusCode;
  if (c.req.path.startsWith('/portal/api/')) {
    const headers = refusalHeaders(refusal, visit.id, realm);
    for (let i = 0; i < headers.length; i += 2) c.header(headers[i] ?? '', headers[i + 1] ?? '');
    const body = JSON.parse(refusalBody(refusal, visit.id)) as object;
    const fields = fault instanceof Unfit ? { errors: fault.faults } : {};
    return c.body(JSON.stringify({ ...body, ...fields }), status);
  }
  c.header('X-Request-Id', visit.id);
  const wait = refusal.public.retryAfterSeconds;
  if (wait !== undefined) c.header('Retry-After', String(wait));
  const reader = visitor?.csrf ? { tester: visitor.tester, csrf: visitor.csrf } : null;
  return c.html(problemPage(refusal.status, refusal.text, reader), status);
}

function refusalOf(fault: unknown, id: string): Refusal {
  if (fault instanceof Refusal) return fault;
  if (fault instanceof StoreUnavailable) return new Refusal('store_unavailable', 'portal');
  if (fault instanceof Unfit) {
    const message = Object.entries(fault.faults)
      .map(([name, mend]) => `${name}: ${mend}`)
      .join('; ');
    return new Refusal('invalid_request', 'portal input', { message: `${message}.` });
  }
  console.error(`portal: visit ${id} failed:`, fault);
  return new Refusal('gateway_fault', fault instanceof Error ? fault.name : 'unknown');
}
