/** A tester's browser without a screen: keeps cookies, reads forms, and sends what they ask for. */
import type { TestGate } from '../with-gate.ts';

export interface Shown {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Browser {
  readonly cookies: Map<string, string>;
  get(path: string, headers?: Record<string, string>): Promise<Shown>;
  /** Sends fields as the form of a page would, with the CSRF token of that page. */
  send(page: string, action: string, fields: Record<string, string>, more?: Sending): Promise<Shown>;
  post(path: string, body: FormData | URLSearchParams, headers?: Record<string, string>): Promise<Shown>;
}

interface Sending {
  readonly files?: readonly File[];
  readonly csrf?: string;
  readonly headers?: Record<string, string>;
}

export function browser(gate: Pick<TestGate, 'url'>): Browser {
  const cookies = new Map<string, string>();
  const visit = async (path: string, init: RequestInit = {}): Promise<Shown> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(cookie ? { cookie } : {}), ...(init.headers as Record<string, string>) };
    const answer = await fetch(gate.url + path, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  const self: Browser = {
    cookies,
    get: (path, headers = {}) => visit(path, { headers }),
    post: (path, body, headers = {}) => visit(path, { method: 'POST', body, headers }),
    async send(page, action, fields, { files = [], csrf, headers = {} } = {}) {
      const token = csrf ?? csrfIn((await self.get(page)).text);
      const all = { csrf: token, ...fields };
      if (files.length === 0) return self.post(action, new URLSearchParams(all), headers);
      const form = new FormData();
      for (const [name, value] of Object.entries(all)) form.set(name, value);
      for (const file of files) form.append('attachments', file);
      return self.post(action, form, headers);
    },
  };
  return self;
}

export function csrfIn(page: string): string {
  return /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? '';
}

export async function signedIn(gate: Pick<TestGate, 'url'>, token: string): Promise<Browser> {
  const one = browser(gate);
  const shown = await one.send('/portal/sign-in', '/portal/sign-in', { token });
  if (shown.status !== 303) throw new Error(`not signed in: ${shown.status} ${shown.text.slice(0, 2000)}`);
  return one;
}
