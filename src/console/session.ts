/** Who looks at the console: known to the admin API by the caller's own headers. The console holds no authority of its own. */
import type { Context } from 'hono';
import type { InferResponseType } from 'hono/client';
import { type AdminClient, clientWith, type Fetch } from '../admin/client.ts';

export type Me = InferResponseType<AdminClient['me']['$get']>;
export type Status = InferResponseType<AdminClient['status']['$get']>;

export interface Form {
  one(name: string): string;
  all(name: string): string[];
  optional(name: string): string | undefined;
}

export interface ConsoleEnv {
  Variables: {
    admin: AdminClient;
    /** The same, for the one act that a posted form asks for. */
    once: AdminClient;
    /** For what the typed client does not know. */
    call: (path: string, init?: RequestInit) => Promise<Response>;
    me: Me;
    status: Status;
    form: Form;
    /** Addresses of our own files, with what they hold in their names. */
    asset: (name: string) => string;
  };
}

export type Page = Context<ConsoleEnv>;

/** The admin API in this process. */
export type AdminFetch = (
  url: string,
  init: RequestInit | undefined,
  env: unknown,
) => Response | Promise<Response>;

/** An answer of the admin API that is a problem (RFC 9457). */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;

  constructor(status: number, { type = '', title = '', detail = '' }: Record<string, string>) {
    super(detail);
    this.status = status;
    this.code = type.replace('urn:portcullis:problem:', '');
    this.title = title;
  }
}

/** Headers that say who asks and from where: the admin API judges them, as if it had been asked itself. */
const PASSED_ON = ['authorization', 'cookie', 'origin', 'host'] as const;

/** @param more headers of this call alone: the CSRF token and the key of the act that a form holds */
export function callerOf(c: Context, admin: AdminFetch, more: Record<string, string | undefined> = {}) {
  const url = new URL(c.req.url).origin;
  const headers: Record<string, string> = {};
  const isLink = c.req.method === 'GET' && c.req.header('sec-fetch-mode') === 'navigate';
  const given = PASSED_ON.map((name) => [name, c.req.header(name)] as const);
  // A link on another site may lead here; nothing else that comes from there may.
  const site = ['sec-fetch-site', isLink ? undefined : c.req.header('sec-fetch-site')] as const;
  for (const [name, value] of [...Object.entries(more), ...given, site])
    if (value !== undefined) headers[name] = value;
  const fetch: Fetch = (input, init) => admin(String(input), init, c.env);
  return {
    admin: clientWith(url, headers, fetch),
    call: async (path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, {
        ...init,
        headers: { ...headers, ...Object.fromEntries(new Headers(init.headers)) },
      }),
  };
}

interface Answer<T> {
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<T>;
}

/** The body of an answer. @throws Refused */
export async function told<T>(asked: Promise<Answer<T>>): Promise<T> {
  const answer = await asked;
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

export async function refusal(answer: Answer<unknown>): Promise<Refused> {
  const body = await answer.json().catch(() => ({}));
  return new Refused(answer.status, (body ?? {}) as Record<string, string>);
}

/** For a page that is there for an act alone. @throws Refused */
export function mustBeAllowed({ me }: { me: Me }, route: string): void {
  if (!may(me, route))
    throw new Refused(403, {
      title: 'Your role does not allow this',
      detail: `As ${me.role} you may look, and not do this. An operator may.`,
    });
}

/** Whether this person may: what the page shows. The admin API decides, whatever the page shows. */
export function may({ may }: Me, route: string): boolean {
  return may.includes(route);
}
