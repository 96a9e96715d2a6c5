/** The typed client of the admin API: what the CLI and the console call. */
import { hc } from 'hono/client';
import type { AdminApi } from './app.ts';

export type { ReplayLine } from './replay.ts';

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Response | Promise<Response>;

export interface ClientOptions {
  /** Origin of the control listener. */
  readonly url: string;
  readonly credential: string;
  /** `fetch` unless told otherwise; `app.request` within the server's own process. */
  readonly fetch?: Fetch;
}

export type AdminClient = ReturnType<typeof createClient>;

export function createClient({ url, credential, fetch = globalThis.fetch }: ClientOptions) {
  return clientWith(url, { authorization: `Bearer ${credential}` }, fetch);
}

/** With the headers by which somebody else is known: what the console's callers send it. */
export function clientWith(url: string, headers: Record<string, string>, fetch: Fetch) {
  return hc<AdminApi>(url, {
    headers,
    fetch: async (input: string | URL | Request, init?: RequestInit) => fetch(input, init),
  }).admin;
}
