/** The typed client of the admin API: what the CLI and the console call. */
import { hc } from 'hono/client';
import type { AdminApi } from './app.ts';

export type { ReplayLine } from './replay.ts';

export interface ClientOptions {
  /** Origin of the control listener. */
  readonly url: string;
  readonly credential: string;
  /** `fetch` unless told otherwise; `app.request` within the server's own process. */
  readonly fetch?: (input: string | URL | Request, init?: RequestInit) => Response | Promise<Response>;
}

export type AdminClient = ReturnType<typeof createClient>;

export function createClient({ url, credential, fetch = globalThis.fetch }: ClientOptions) {
  return hc<AdminApi>(url, {
    headers: { authorization: `Bearer ${credential}` },
    fetch: async (input: string | URL | Request, init?: RequestInit) => fetch(input, init),
  }).admin;
}
